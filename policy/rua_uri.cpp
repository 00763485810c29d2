#include "policy/rua_uri.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "policy/domain_name.h"
#include "policy/mail_address.h"
#include "policy/text.h"

namespace tlsrpt::policy {
namespace {

constexpr std::size_t longest_uri = 2048;   // What web servers accept in a request line.
constexpr std::size_t longest_shown = 100;  // Octets of a stranger's URI in a message.
constexpr std::uint16_t https_port = 443;

using Warnings = std::vector<RuaWarning>;

void warn(Warnings& warnings, RuaFault fault, std::string_view uri, std::string_view message) {
  const bool cut = uri.size() > longest_shown;
  warnings.push_back({fault, "\"" + escape_untrusted(uri.substr(0, longest_shown)) +
                                 (cut ? "...\" " : "\" ") + std::string(message)});
}

bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_unreserved(char c) {
  return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// TEXT with its percent-encoding removed once; none where a "%" has no two digits behind it.
std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_value(text[i + 1]);
    const int low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

// A local part as a mailto URI has it (RFC 6068, 2), fit for a rua list (RFC 8460, 3).
std::string percent_encode(std::string_view text) {
  constexpr std::string_view plain = "$'*+";
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (is_unreserved(c) || plain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += digits[byte >> 4U];
      out += digits[byte & 0x0FU];
    }
  }
  return out;
}

// The scheme of TEXT in lower case (RFC 3986, 3.1), empty where it has none.
std::string scheme_of(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || !is_alpha(text.front())) return {};
  const std::string_view scheme = text.substr(0, colon);
  const bool good = std::all_of(scheme.begin(), scheme.end(), [](char c) {
    return is_alpha(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
  });
  return good ? to_lower(scheme) : std::string();
}

// TEXT without DMARC's size suffix "!10m" (RFC 7489, 6.2).
std::string_view without_size_suffix(std::string_view text) {
  const std::size_t mark = text.rfind('!');
  if (mark == std::string_view::npos) return text;
  std::string_view size = text.substr(mark + 1);
  constexpr std::string_view units = "kmgtKMGT";
  if (!size.empty() && units.find(size.back()) != std::string_view::npos) size.remove_suffix(1);
  const bool digits = !size.empty() && std::all_of(size.begin(), size.end(), is_digit);
  return digits ? text.substr(0, mark) : text;
}

// The addresses of a decoded mailto. A comma parts two addresses only where what is before it has
// an "@" already: "a@x,b@y" are two, "a,b@x" is one with a comma in its local part.
std::vector<std::string_view> split_addresses(std::string_view text) {
  std::vector<std::string_view> parts;
  std::size_t start = 0;
  bool quoted = false;
  bool has_at = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && text[i] == '@') {
      has_at = true;
    } else if (!quoted && has_at && text[i] == ',') {
      parts.push_back(trim(text.substr(start, i - start)));
      start = i + 1;
      has_at = false;
    }
  }
  parts.push_back(trim(text.substr(start)));
  return parts;
}

// RFC 6068. SHOWN is the whole item, for messages; REST what follows "mailto:".
void read_mailto(std::string_view shown, std::string_view rest, RuaReading& out) {
  if (rest.starts_with("//")) {
    warn(out.warnings, RuaFault::bad_uri, shown, "is no mail URI: write mailto: without \"//\"");
    return;
  }
  const std::size_t end = rest.find_first_of("?#");
  if (end != std::string_view::npos) {
    // They could set Cc:, a body or any other header of our message.
    warn(out.warnings, RuaFault::header_fields, shown,
         "has header fields or a fragment behind the address: they are dropped");
    rest = rest.substr(0, end);
  }
  const auto decoded = percent_decode(rest);
  if (!decoded) {
    warn(out.warnings, RuaFault::bad_uri, shown, "has a \"%\" without two hexadecimal digits");
    return;
  }
  for (const std::string_view part : split_addresses(*decoded)) {
    auto address = MailAddress::parse(part);
    if (!address) {
      warn(out.warnings, RuaFault::bad_address, shown, address.error().message());
      continue;
    }
    RuaUri uri{RuaScheme::mailto, address->text(), address->domain(), https_port};
    if (std::find(out.uris.begin(), out.uris.end(), uri) == out.uris.end()) {
      out.uris.push_back(std::move(uri));
    }
  }
}

struct Authority {
  std::string host;  // As RuaUri::host.
  std::string text;  // As in the URI.
  std::uint16_t port = https_port;
};

// RFC 3986, 3.2 without userinfo. The message is a sentence part behind the URI.
Result<Authority> parse_authority(std::string_view text) {
  const auto bad = [](std::string_view why) { return Error(Errc::syntax, std::string(why)); };
  if (text.find('@') != std::string_view::npos) return bad("has a user name or password in it");
  Authority authority;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return bad("has no \"]\" behind its address");
    const std::string_view literal = text.substr(1, end - 1);
    // RFC 3986, 3.2.2 knows neither tags nor zones (RFC 6874 zones are for local use only).
    const auto address = literal.find_first_not_of("0123456789abcdefABCDEF:.") == literal.npos
                             ? IpAddress::parse(literal)
                             : std::nullopt;
    if (!address || literal.find(':') == std::string_view::npos) {
      return bad("has no IPv6 address between its brackets");
    }
    authority.host = address->text();
    // A v4-mapped address has become an IPv4 address.
    authority.text = address->is_v4() ? authority.host : '[' + authority.host + ']';
    port = text.substr(end + 1);
    if (!port.empty() && port.front() != ':') return bad("has text behind its address");
  } else {
    const std::size_t colon = text.find(':');
    const std::string_view host = text.substr(0, colon);
    if (colon != std::string_view::npos) port = text.substr(colon);
    if (const auto address = IpAddress::parse(host)) {
      authority.host = address->text();
    } else {
      auto name = DomainName::parse(host);
      if (!name) return std::move(name).error().context("has no usable host");
      authority.host = name->text();
    }
    authority.text = authority.host;
  }
  if (port.size() > 1) {  // RFC 3986, 3.2.3: ":" alone is the scheme's own port.
    const auto number = parse_number<std::uint16_t>(port.substr(1));
    if (!number || *number == 0) return bad("has a port that is no number from 1 to 65535");
    authority.port = *number;
    if (*number != https_port) authority.text += ':' + std::to_string(*number);
  }
  return authority;
}

// Whether TEXT has only characters of a path and query (RFC 3986, 3.3, 3.4), escapes well formed,
// and none of those that RFC 8460, 3 wants encoded.
bool is_path_and_query(std::string_view text) {
  constexpr std::string_view others = "/?:@$&'()*+=%";
  const bool good = std::all_of(text.begin(), text.end(), [&](char c) {
    return is_unreserved(c) || others.find(c) != std::string_view::npos;
  });
  return good && percent_decode(text).has_value();
}

void read_https(std::string_view shown, std::string_view rest, RuaReading& out) {
  const auto bad = [&](std::string_view why) { warn(out.warnings, RuaFault::bad_uri, shown, why); };
  if (!rest.starts_with("//")) return bad("has no \"//\" behind https:");
  rest.remove_prefix(2);
  const std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  const auto authority = parse_authority(rest.substr(0, end));
  if (!authority) return bad(authority.error().message());
  const std::string_view path = rest.substr(end);
  if (path.find('#') != std::string_view::npos) return bad("has a fragment");
  if (!is_path_and_query(path)) return bad("has a character that has to be percent-encoded");
  std::string target = "https://" + authority->text;
  if (!path.starts_with('/')) target += '/';
  target += path;
  out.uris.push_back({RuaScheme::https, std::move(target), authority->host, authority->port});
}

void report_scheme(std::string_view text, std::string_view scheme, Warnings& warnings) {
  if (scheme == "http") {
    warn(warnings, RuaFault::http_scheme, text,
         "is http: reports are posted over https: only, never in clear text");
  } else if (!scheme.empty()) {
    warn(warnings, RuaFault::unsupported_scheme, text, "is neither mailto: nor https:");
  } else if (text.find('@') != std::string_view::npos) {
    warn(warnings, RuaFault::missing_scheme, text,
         "has no scheme: write mailto: before an address");
  } else {
    warn(warnings, RuaFault::missing_scheme, text, "has no scheme: mailto: or https://");
  }
}

constexpr auto fault_texts = std::to_array<std::pair<RuaFault, std::string_view>>({
    {RuaFault::empty_item, "empty-item"},
    {RuaFault::missing_scheme, "missing-scheme"},
    {RuaFault::http_scheme, "http-scheme"},
    {RuaFault::unsupported_scheme, "unsupported-scheme"},
    {RuaFault::size_suffix, "size-suffix"},
    {RuaFault::header_fields, "header-fields"},
    {RuaFault::bad_address, "bad-address"},
    {RuaFault::bad_uri, "bad-uri"},
    {RuaFault::over_limit, "over-limit"},
});

}  // namespace

std::string_view to_text(RuaFault fault) {
  for (const auto& [value, text] : fault_texts) {
    if (value == fault) return text;
  }
  return "";
}

std::string RuaUri::text() const {
  if (scheme == RuaScheme::https) return target;
  const std::size_t at = target.rfind('@');
  return "mailto:" + percent_encode(std::string_view(target).substr(0, at)) + target.substr(at);
}

std::optional<IpAddress> RuaUri::host_address() const {
  return scheme == RuaScheme::https ? IpAddress::parse(host) : std::nullopt;
}

RuaReading read_rua_uri(std::string_view text) {
  RuaReading out;
  if (text.empty()) {
    out.warnings.push_back({RuaFault::empty_item, "the list has an empty item"});
    return out;
  }
  if (text.size() > longest_uri) {
    warn(out.warnings, RuaFault::bad_uri, text, "is longer than 2048 octets");
    return out;
  }
  const bool uri_octets =
      std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
  if (!uri_octets) {
    warn(out.warnings, RuaFault::bad_uri, text, "has a character that is not allowed in a URI");
    return out;
  }
  const std::string scheme = scheme_of(text);
  if (scheme != "mailto" && scheme != "https") {
    report_scheme(text, scheme, out.warnings);
    return out;
  }
  const std::string_view uri = without_size_suffix(text);
  if (uri.size() != text.size()) {
    warn(out.warnings, RuaFault::size_suffix, text,
         "has a size limit behind \"!\", which is DMARC's: it is dropped");
  }
  // RFC 8460, 3: these must be percent-encoded.
  if (uri.find_first_of(",!;") != std::string_view::npos) {
    warn(out.warnings, RuaFault::bad_uri, text, R"(has a ",", "!" or ";" that is not encoded)");
    return out;
  }
  const std::string_view rest = uri.substr(scheme.size() + 1);
  if (scheme == "mailto") {
    read_mailto(text, rest, out);
  } else {
    read_https(text, rest, out);
  }
  return out;
}

Result<RuaUri> parse_destination(std::string_view text) {
  RuaReading reading = read_rua_uri(text);
  if (!reading.warnings.empty()) return Error(Errc::syntax, reading.warnings.front().message);
  if (reading.uris.size() != 1) return Error(Errc::syntax, "more than one destination");
  return std::move(reading.uris.front());
}

}  // namespace tlsrpt::policy
