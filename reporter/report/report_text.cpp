#include "reporter/report/report_text.h"

#include <array>
#include <cstdint>

#include "policy/text.h"

namespace tlsrpt::reporter {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

// A character of a text: its octets, and its code point where they are well-formed.
struct Character {
  std::string_view octets;
  std::uint32_t code_point = 0;
  bool valid = false;
};

std::size_t sequence_length(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return 2;
  if (first >= 0xE0 && first <= 0xEF) return 3;
  if (first >= 0xF0 && first <= 0xF4) return 4;
  return 0;
}

// The character at the beginning of TEXT; an invalid one is one byte long.
// REQUIRES: TEXT is not empty.
Character first_character(std::string_view text) {
  const auto byte = [text](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const std::size_t length = sequence_length(byte(0));
  const Character invalid{text.substr(0, 1), 0, false};
  if (length == 0 || length > text.size()) return invalid;
  const std::string_view octets = text.substr(0, length);
  if (!policy::is_utf8(octets)) return invalid;
  constexpr std::array<std::uint32_t, 4> lead_bits = {0x7F, 0x1F, 0x0F, 0x07};
  std::uint32_t code_point = byte(0) & lead_bits.at(length - 1);
  for (std::size_t i = 1; i < length; ++i) code_point = (code_point << 6U) | (byte(i) & 0x3FU);
  return {octets, code_point, true};
}

// REQUIRES: CHARACTER is valid.
bool is_unwanted(const Character& character) {
  // Controls, and what makes a reader see another text than there is.
  if (!policy::is_printable(character.octets)) return true;
  // RFC 7493, 2.1: no noncharacters.
  const std::uint32_t code_point = character.code_point;
  return (code_point >= 0xFDD0 && code_point <= 0xFDEF) || (code_point & 0xFFFE) == 0xFFFE;
}

}  // namespace

std::string clean_text(std::string_view text, std::size_t max) {
  std::string out;
  for (text = policy::trim(text); !text.empty();) {
    const Character character = first_character(text);
    text.remove_prefix(character.octets.size());
    std::string_view piece = character.valid ? character.octets : replacement;
    if (character.valid && character.code_point == '\t') {
      piece = " ";
    } else if (character.valid && is_unwanted(character)) {
      continue;
    }
    if (out.size() + piece.size() > max) break;
    out += piece;
  }
  return std::string(policy::trim(out));
}

std::string clean_host_text(std::string_view text) {
  const std::string_view name = policy::trim(text);
  return policy::is_printable(name) ? clean_text(name, max_host) : std::string();
}

std::string clean_host(std::string_view text) {
  std::string host = policy::to_lower(clean_host_text(text));
  if (!host.empty() && host.back() == '.') host.pop_back();
  return host;
}

}  // namespace tlsrpt::reporter
