#include "milter/postfix/delivery_line.h"

#include <algorithm>

namespace tlsrpt::milter {
namespace {

constexpr std::string_view to_marker = "to=<";
constexpr std::string_view orig_to_marker = ">, orig_to=<";
constexpr std::string_view relay_marker = ">, relay=";

bool skip(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes digits with at most one dot, such as 0.35 or 14: a delay in seconds.
bool skip_delay(std::string_view& text) {
  std::size_t at = 0;
  while (at < text.size() && (is_digit(text[at]) || text[at] == '.')) ++at;
  if (at == 0 || !is_digit(text[0])) return false;
  text.remove_prefix(at);
  return true;
}

// Takes what stands before the next blank, comma or parenthesis.
std::string_view take_word(std::string_view& text) {
  std::size_t end = 0;
  while (end < text.size() && text[end] != ' ' && text[end] != ',' && text[end] != '(') ++end;
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

bool parse_delays(std::string_view& text, DeliveryLine& line) {
  const char* const begin = text.data();
  for (int part = 0; part < 4; ++part) {
    if (!skip_delay(text)) return false;
    const auto length = static_cast<std::size_t>(text.data() - begin);
    if (part == 1) line.arrival_delays = std::string_view(begin, length);
    if (part == 2) line.session_delays = std::string_view(begin, length);
    if (part < 3 && !skip(text, "/")) return false;
  }
  return true;
}

bool parse_dsn(std::string_view& text) {
  for (int part = 0; part < 3; ++part) {
    std::size_t at = 0;
    while (at < text.size() && is_digit(text[at])) ++at;
    if (at == 0) return false;
    text.remove_prefix(at);
    if (part < 2 && !skip(text, ".")) return false;
  }
  return true;
}

// Everything from the value of relay= on.
bool parse_fields(std::string_view text, DeliveryLine& line) {
  std::size_t length = 0;
  line.relay = parse_peer(text, &length);
  if (line.relay && text.substr(length).starts_with(", ")) {
    text.remove_prefix(length);
  } else {
    // "none", or a service on this machine such as mail.example[private/dovecot-lmtp].
    line.relay.reset();
    if (take_word(text).empty()) return false;
  }
  if (!skip(text, ", ")) return false;
  line.reused = skip(text, "conn_use=");
  if (line.reused && (!skip_delay(text) || !skip(text, ", "))) return false;
  if (!skip(text, "delay=") || !skip_delay(text) || !skip(text, ", delays=")) return false;
  if (!parse_delays(text, line) || !skip(text, ", ")) return false;
  line.tls = {};
  if (skip(text, "tls=")) {
    line.tls = take_word(text);
    if (line.tls.empty() || !skip(text, ", ")) return false;
  }
  if (!skip(text, "dsn=") || !parse_dsn(text) || !skip(text, ", status=")) return false;
  line.status = take_word(text);
  if (line.status.empty() || !skip(text, " (")) return false;
  if (!text.empty() && text.back() == ')') text.remove_suffix(1);
  line.reason = text;
  return true;
}

// Where the address may end at the earliest: behind a quoted local part, whatever it contains.
std::size_t end_of_quoted_part(std::string_view text) {
  if (text.empty() || text.front() != '"') return 0;
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      return at + 1;
    }
  }
  return 0;
}

bool looks_like_domain(std::string_view domain) {
  return !domain.empty() && std::none_of(domain.begin(), domain.end(), [](char c) {
    return c == ' ' || c == '<' || c == '>' || c == ',' || c == '"';
  });
}

}  // namespace

std::optional<DeliveryLine> parse_delivery_line(std::string_view text) {
  if (!skip(text, to_marker)) return std::nullopt;
  const std::size_t quoted = end_of_quoted_part(text);
  std::optional<DeliveryLine> found;
  for (std::size_t at = text.find(relay_marker, quoted); at != std::string_view::npos;
       at = text.find(relay_marker, at + 1)) {
    DeliveryLine line;
    if (!parse_fields(text.substr(at + relay_marker.size()), line)) continue;
    line.recipient = text.substr(0, at);
    const std::size_t original = line.recipient.find(orig_to_marker, quoted);
    if (original != std::string_view::npos) line.recipient = line.recipient.substr(0, original);
    const std::size_t sign = line.recipient.rfind('@');
    if (sign != std::string_view::npos) line.domain = line.recipient.substr(sign + 1);
    if (!found) found = line;
    // Postfix 3.4 logs local parts without quotes, so a local part may imitate the fixed fields:
    // then what stands before them has no domain, or none without blanks and brackets.
    if (looks_like_domain(line.domain)) return line;
  }
  return found;
}

}  // namespace tlsrpt::milter
