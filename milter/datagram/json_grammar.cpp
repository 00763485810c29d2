#include "milter/datagram/json_grammar.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

namespace tlsrpt::milter {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// What stands at the start of TEXT: how many octets of digits.
std::size_t count_digits(std::string_view text) {
  return std::min(text.find_first_not_of("0123456789"), text.size());
}

// The length of the number at the start of TEXT; 0: there is none (RFC 8259, 6).
std::size_t number_length(std::string_view text) {
  std::size_t at = text.starts_with('-') ? 1 : 0;
  const std::size_t whole = count_digits(text.substr(at));
  if (whole == 0 || (whole > 1 && text[at] == '0')) return 0;
  at += whole;
  if (text.substr(at).starts_with('.')) {
    const std::size_t fraction = count_digits(text.substr(at + 1));
    if (fraction == 0) return 0;
    at += 1 + fraction;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    const std::size_t exponent = count_digits(text.substr(at));
    if (exponent == 0) return 0;
    at += exponent;
  }
  return at;
}

// The length of the escape at the start of TEXT; 0: there is none (RFC 8259, 7).
std::size_t escape_length(std::string_view text) {
  constexpr std::string_view hexadecimal = "0123456789abcdefABCDEF";
  if (text.size() < 2) return 0;
  if (text[1] != 'u') return std::string_view("\"\\/bfnrt").find(text[1]) < 8 ? 2 : 0;
  const std::string_view digits = text.substr(2, 4);
  const bool is_good =
      digits.size() == 4 && digits.find_first_not_of(hexadecimal) == std::string_view::npos;
  return is_good ? 6 : 0;
}

// The length of the string at the start of TEXT, with its quotes; 0: there is none.
std::size_t string_length(std::string_view text) {
  constexpr unsigned char first_printable = ' ';
  for (std::size_t at = 1; at < text.size();) {
    if (text[at] == '"') return at + 1;
    if (static_cast<unsigned char>(text[at]) < first_printable) return 0;
    const std::size_t length = text[at] == '\\' ? escape_length(text.substr(at)) : 1;
    if (length == 0) return 0;
    at += length;
  }
  return 0;
}

std::size_t scalar_length(std::string_view text) {
  if (text.starts_with('"')) return string_length(text);
  for (const std::string_view word : {"true", "false", "null"}) {
    if (text.starts_with(word)) return word.size();
  }
  return number_length(text);
}

// Reads token after token.
class Grammar {
 public:
  // Whether the octet C, a bracket, comma or colon, may come now.
  bool take_mark(char c) {
    switch (c) {
      case '[':
      case '{':
        open_ += c;
        return is_value_next() && expect(c == '[' ? Next::first_element : Next::first_key);
      case ']':
        return close('[', Next::first_element);
      case '}':
        return close('{', Next::first_key);
      case ',':
        return next_ == Next::comma && !open_.empty() &&
               expect(open_.back() == '[' ? Next::value : Next::key);
      default:
        return next_ == Next::colon && expect(Next::value);
    }
  }
  // Whether a string, if IS_STRING, or else another scalar may come now.
  bool take_scalar(bool is_string) {
    if (next_ == Next::key || next_ == Next::first_key) return is_string && expect(Next::colon);
    return is_value_next() && expect(Next::comma);
  }
  bool is_complete() const { return open_.empty() && next_ == Next::comma; }

 private:
  enum class Next : std::uint8_t { value, first_element, key, first_key, colon, comma };

  bool is_value_next() const { return next_ == Next::value || next_ == Next::first_element; }
  bool expect(Next next) {
    next_ = next;
    return true;
  }
  bool close(char opened, Next if_empty) {
    if (open_.empty() || open_.back() != opened) return false;
    open_.pop_back();
    return (next_ == Next::comma || next_ == if_empty) && expect(Next::comma);
  }

  std::string open_;  // The brackets that are open.
  Next next_ = Next::value;
};

}  // namespace

bool is_json(std::string_view text) {
  constexpr std::string_view marks = "[]{},:";
  Grammar grammar;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    std::size_t length = 1;
    if (marks.find(c) != std::string_view::npos) {
      if (!grammar.take_mark(c)) return false;
    } else if (!is_blank(c)) {
      length = scalar_length(text.substr(at));
      if (length == 0 || !grammar.take_scalar(c == '"')) return false;
    }
    at += length;
  }
  return grammar.is_complete();
}

}  // namespace tlsrpt::milter
