#include "reporter/dkim/canonical.h"

#include <algorithm>
#include <cstddef>

#include "policy/text.h"

namespace tlsrpt::reporter {
namespace {

constexpr std::string_view crlf = "\r\n";

// TEXT with each run of blanks and of what IGNORED holds as one blank, and none at the end.
void append_squeezed(std::string_view text, std::string_view ignored, std::string& out) {
  bool pending = false;
  for (const char c : text) {
    if (c == ' ' || c == '\t' || ignored.find(c) != std::string_view::npos) {
      pending = true;
      continue;
    }
    if (pending) out += ' ';
    pending = false;
    out += c;
  }
}

std::string name_of(std::string_view field) {
  return policy::to_lower(policy::trim(field.substr(0, field.find(':'))));
}

}  // namespace

MessageParts split_message(std::string_view message) {
  MessageParts parts;
  while (!message.empty() && !message.starts_with(crlf)) {
    std::size_t end = 0;
    do {
      end = message.find(crlf, end);
      end = end == std::string_view::npos ? message.size() : end + crlf.size();
    } while (end < message.size() && (message[end] == ' ' || message[end] == '\t'));
    parts.fields.push_back(message.substr(0, end));
    message.remove_prefix(end);
  }
  if (message.starts_with(crlf)) parts.body = message.substr(crlf.size());
  return parts;
}

std::string relaxed_field(std::string_view field) {
  std::string out = name_of(field);
  const std::size_t colon = field.find(':');
  if (colon == std::string_view::npos) return out;
  out += ':';
  std::string_view value = field.substr(colon + 1);
  value.remove_prefix(std::min(value.find_first_not_of(" \t\r\n"), value.size()));
  append_squeezed(value, crlf, out);
  return out;
}

std::string relaxed_body(std::string_view body) {
  std::string out;
  std::size_t full = 0;  // Up to the end of the last line that is not empty.
  while (!body.empty()) {
    const std::size_t end = std::min(body.find(crlf), body.size());
    const std::size_t before = out.size();
    append_squeezed(body.substr(0, end), "", out);
    const bool is_empty = out.size() == before;
    out += crlf;
    if (!is_empty) full = out.size();
    body.remove_prefix(std::min(end + crlf.size(), body.size()));
  }
  out.resize(full);
  return out;
}

std::string signed_text(const std::vector<std::string_view>& fields,
                        const std::vector<std::string_view>& names, std::string_view signature) {
  std::string out;
  std::vector<bool> taken(fields.size());
  for (const std::string_view name : names) {
    const std::string wanted = policy::to_lower(name);
    for (std::size_t i = fields.size(); i-- > 0;) {
      if (taken[i] || name_of(fields[i]) != wanted) continue;
      taken[i] = true;
      out.append(relaxed_field(fields[i])).append(crlf);
      break;
    }
  }
  return out + relaxed_field(signature);
}

}  // namespace tlsrpt::reporter
