#include "policy/text.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace tlsrpt::policy {
namespace {

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t length = 0;  // 0: not UTF-8 here.
};

// The code point that starts at AT (Unicode 15, table 3-7: well-formed byte sequences).
CodePoint code_point_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) -> std::uint32_t {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const std::uint32_t first = byte(at);
  if (first < 0x80) return {first, 1};
  std::size_t length = 0;
  std::uint32_t value = 0;
  std::uint32_t least = 0;
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2, value = first & 0x1FU, least = 0x80;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3, value = first & 0x0FU, least = 0x800;
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4, value = first & 0x07U, least = 0x10000;
  } else {
    return {};
  }
  for (std::size_t i = 1; i < length; ++i) {
    const std::uint32_t next = byte(at + i);
    if ((next & 0xC0U) != 0x80U) return {};
    value = (value << 6U) | (next & 0x3FU);
  }
  if (value < least || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return {};
  return {value, length};
}

bool must_escape(std::uint32_t value) {
  if (value < 0x20 || (value >= 0x7F && value <= 0x9F)) return true;     // C0, DEL, C1
  if (value == 0xAD || value == 0x061C || value == 0x180E) return true;  // soft hyphen, ALM, MVS
  if (value >= 0x200B && value <= 0x200F) return true;                   // zero width, LRM, RLM
  if (value >= 0x2028 && value <= 0x202E) return true;  // line separators, bidi embeddings
  if (value >= 0x2060 && value <= 0x206F) return true;  // word joiner, bidi isolates
  if (value == 0xFEFF || (value >= 0xFFF9 && value <= 0xFFFB)) return true;
  return value >= 0xE0000 && value <= 0xE007F;  // tags
}

void append_escape(std::string& out, std::uint32_t value) {
  std::array<char, 8> digits{};
  const auto [end, problem] =
      std::to_chars(digits.data(), digits.data() + digits.size(), value, 16);
  out += "\\u{";
  out.append(digits.data(), end);
  out += '}';
}

}  // namespace

std::string to_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t at = text.find_first_not_of(" \t");
  while (at != std::string_view::npos) {
    const std::size_t end = std::min(text.find_first_of(" \t", at), text.size());
    words.push_back(text.substr(at, end - at));
    at = text.find_first_not_of(" \t", end);
  }
  return words;
}

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    if (point.length == 0) return false;
    at += point.length;
  }
  return true;
}

std::string escape_untrusted(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    if (point.length == 0) {
      append_escape(out, static_cast<unsigned char>(text[at]));
      ++at;
    } else {
      if (must_escape(point.value)) {
        append_escape(out, point.value);
      } else {
        out.append(text.substr(at, point.length));
      }
      at += point.length;
    }
  }
  return out;
}

bool is_printable(std::string_view text) { return escape_untrusted(text) == text; }

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace tlsrpt::policy
