// Small helpers for text from outside: trimming, folding, numbers, and escaping for people.
#pragma once

#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tlsrpt::policy {

// ASCII letters in lower case, all other bytes unchanged.
std::string to_lower(std::string_view text);
// Without blanks and tabs at both ends.
std::string_view trim(std::string_view text);
// The parts between blanks and tabs, empty ones left out.
std::vector<std::string_view> split_words(std::string_view text);
// Whether TEXT is well-formed UTF-8 (no surrogates, no overlong forms).
bool is_utf8(std::string_view text);

// TEXT as it may be shown on a terminal or in a table: C0 and C1 controls, DEL, bidirectional and
// other invisible format characters, line separators, and bytes that are not UTF-8 become `\u{..}`
// (hexadecimal; the byte's value where it is not UTF-8). A backslash stays as it is.
std::string escape_untrusted(std::string_view text);
// Whether escape_untrusted() has nothing to do: printable text in UTF-8, on one line.
bool is_printable(std::string_view text);
// Whether TEXT holds ASCII characters only.
bool is_ascii(std::string_view text);

// The whole of TEXT as a decimal number, none for anything else (sign, blank, overflow).
template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  if (text.empty() || text.front() == '-' || text.front() == '+') return std::nullopt;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace tlsrpt::policy
