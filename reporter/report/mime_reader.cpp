#include "reporter/report/mime_reader.h"

#include <algorithm>
#include <optional>

#include "policy/text.h"
#include "reporter/report/base64.h"

namespace tlsrpt::reporter {
namespace {

// The next line of TEXT without its end, which may be LF or CRLF; TEXT becomes the rest.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

// What stands before the next ';' outside of quotes; TEXT becomes what stands behind it.
std::string_view take_parameter(std::string_view& text) {
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && quoted) {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == ';' && !quoted) {
      const std::string_view parameter = text.substr(0, i);
      text.remove_prefix(i + 1);
      return parameter;
    }
  }
  return std::exchange(text, {});
}

// A token, or what a quoted-string quotes.
std::string unquote(std::string_view text) {
  text = policy::trim(text);
  if (!text.starts_with('"')) return std::string(text);
  text.remove_prefix(1);
  std::string out;
  for (std::size_t i = 0; i < text.size() && text[i] != '"'; ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    out += text[i];
  }
  return out;
}

std::optional<unsigned char> hex_pair(std::string_view text) {
  unsigned char value = 0;
  if (text.size() < 2) return std::nullopt;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + 2, value, 16);
  if (problem != std::errc() || end != text.data() + 2) return std::nullopt;
  return value;
}

// TEXT with MARK and two hexadecimal digits read as an octet.
std::string decode_hex(std::string_view text, char mark) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto octet = text[i] == mark ? hex_pair(text.substr(i + 1)) : std::nullopt;
    out += octet ? static_cast<char>(*octet) : text[i];
    if (octet) i += 2;
  }
  return out;
}

// A parameter's value after RFC 2231, 4: percent-encoded, the first piece with charset'language'.
std::string decode_extended(std::string_view value, bool first) {
  if (first) {
    const std::size_t quote = value.find('\'');
    const std::size_t second =
        quote == std::string_view::npos ? quote : value.find('\'', quote + 1);
    if (second != std::string_view::npos) value.remove_prefix(second + 1);
  }
  return decode_hex(value, '%');
}

// One parameter piece of RFC 2231, 3: "filename*2*=...".
struct Piece {
  std::string name;
  unsigned number = 0;
  std::string value;
};

Piece parse_piece(std::string_view name, std::string_view value) {
  const bool extended = name.ends_with('*');
  if (extended) name.remove_suffix(1);
  Piece piece;
  const std::size_t star = name.find('*');
  if (star != std::string_view::npos) {
    piece.number = policy::parse_number<unsigned>(name.substr(star + 1)).value_or(0);
  }
  piece.name = policy::to_lower(name.substr(0, star));
  piece.value = unquote(value);
  if (extended) piece.value = decode_extended(piece.value, piece.number == 0);
  return piece;
}

// RFC 2045, 6.7, forgiving: what is no encoding stands for itself.
std::string decode_quoted_printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const bool ended = text.find('\n') != std::string_view::npos;
    std::string_view line = take_line(text);
    while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
    const bool soft = line.ends_with('=');
    if (soft) line.remove_suffix(1);
    out += decode_hex(line, '=');
    if (!soft && ended) out += "\n";
  }
  return out;
}

// The bodies between the delimiter lines of a multipart (RFC 2046, 5.1.1). A missing last delimiter
// is forgiven: mail may be cut off.
std::vector<std::string_view> split_multipart(std::string_view body, const std::string& boundary) {
  const std::string delimiter = "--" + boundary;
  std::vector<std::string_view> parts;
  const char* part_begin = nullptr;
  const auto finish = [&](const char* end) {
    if (part_begin == nullptr) return;
    std::string_view part(part_begin, static_cast<std::size_t>(end - part_begin));
    // The line end before a delimiter belongs to it.
    if (part.ends_with('\n')) part.remove_suffix(1);
    if (part.ends_with('\r')) part.remove_suffix(1);
    parts.push_back(part);
    part_begin = nullptr;
  };
  while (!body.empty() && parts.size() < max_mime_parts) {
    const char* line_begin = body.data();
    std::string_view line = take_line(body);
    while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
    if (!line.starts_with(delimiter)) continue;
    line.remove_prefix(delimiter.size());
    if (!line.empty() && line != "--") continue;
    finish(line_begin);
    if (!line.empty()) return parts;
    part_begin = body.data();
  }
  finish(body.data() + body.size());
  return parts;
}

MimeField content_type_of(const MimeHeader& header) {
  MimeField type = parse_mime_field(header.value("content-type"));
  // RFC 2045, 5.2.
  if (type.value.empty()) type.value = "text/plain";
  return type;
}

void collect_parts(const MimeHeader& header, std::string_view body, unsigned depth,
                   std::vector<MimePart>& parts) {
  if (parts.size() >= max_mime_parts || depth > max_mime_depth) return;
  const MimeField type = content_type_of(header);
  const auto boundary = type.parameters.find("boundary");
  if (type.value.starts_with("multipart/") && boundary != type.parameters.end() &&
      !boundary->second.empty()) {
    for (std::string_view part : split_multipart(body, boundary->second)) {
      const MimeHeader part_header = take_mime_header(part);
      collect_parts(part_header, part, depth + 1, parts);
    }
    return;
  }
  const MimeField disposition = parse_mime_field(header.value("content-disposition"));
  MimePart part;
  part.type = type.value;
  const auto name = type.parameters.find("name");
  const auto file_name = disposition.parameters.find("filename");
  if (name != type.parameters.end()) part.file_name = name->second;
  if (file_name != disposition.parameters.end()) part.file_name = file_name->second;
  part.encoding = policy::to_lower(policy::trim(header.value("content-transfer-encoding")));
  part.body = body;
  parts.push_back(std::move(part));
}

}  // namespace

MimeHeader take_mime_header(std::string_view& text) {
  MimeHeader header;
  std::string name;
  std::string value;
  std::size_t fields = 0;
  const auto finish = [&] {
    if (!name.empty() && fields++ < max_header_fields) {
      header.add(std::move(name), std::string(policy::trim(value)));
    }
    name.clear();
    value.clear();
  };
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (line.empty()) break;
    if (is_blank(line.front())) {
      // RFC 5322, 2.2.3: unfolding removes the line end only.
      value += line;
      continue;
    }
    finish();
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    name = policy::to_lower(policy::trim(line.substr(0, colon)));
    value = line.substr(colon + 1);
  }
  finish();
  return header;
}

void MimeHeader::add(std::string name, std::string value) {
  fields_.emplace_back(std::move(name), std::move(value));
}

const std::string& MimeHeader::value(std::string_view name) const {
  static const std::string none;
  for (const auto& [each, value] : fields_) {
    if (each == name) return value;
  }
  return none;
}

bool MimeHeader::has(std::string_view name) const {
  return std::any_of(fields_.begin(), fields_.end(),
                     [name](const auto& field) { return field.first == name; });
}

std::vector<std::string_view> MimeHeader::values(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const auto& [each, value] : fields_) {
    if (each == name) values.emplace_back(value);
  }
  return values;
}

MimeField parse_mime_field(std::string_view text) {
  MimeField field;
  field.value = policy::to_lower(policy::trim(take_parameter(text)));
  std::map<std::pair<std::string, unsigned>, std::string> pieces;
  while (!text.empty() && pieces.size() < max_header_fields) {
    const std::string_view parameter = take_parameter(text);
    const std::size_t equals = parameter.find('=');
    if (equals == std::string_view::npos) continue;
    Piece piece =
        parse_piece(policy::trim(parameter.substr(0, equals)), parameter.substr(equals + 1));
    pieces.emplace(std::pair(std::move(piece.name), piece.number), std::move(piece.value));
  }
  for (auto& [key, value] : pieces) field.parameters[key.first] += value;
  return field;
}

policy::Result<std::string> decode_body(const MimePart& part) {
  const std::string& encoding = part.encoding;
  if (encoding == "base64") return base64_decode(part.body);
  if (encoding == "quoted-printable") return decode_quoted_printable(part.body);
  if (encoding.empty() || encoding == "7bit" || encoding == "8bit" || encoding == "binary") {
    return std::string(part.body);
  }
  return policy::Error(policy::Errc::syntax, "unknown transfer encoding " + encoding);
}

MimeMessage read_mime(std::string_view message) {
  if (message.starts_with("From ")) take_line(message);
  MimeMessage read;
  read.header = take_mime_header(message);
  read.content_type = content_type_of(read.header);
  collect_parts(read.header, message, 1, read.parts);
  return read;
}

}  // namespace tlsrpt::reporter
