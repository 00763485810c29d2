#include "reporter/report/base64.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace tlsrpt::reporter {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::size_t line_length = 76;

std::uint32_t octet(char c) { return static_cast<unsigned char>(c); }

// The value of a character of the alphabet, -1 for any other.
int value_of(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return -1;
}

bool is_white_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

std::string base64_encode(std::string_view data) {
  std::string out;
  out.reserve((data.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < data.size(); i += 3) {
    const std::size_t octets = std::min<std::size_t>(3, data.size() - i);
    std::uint32_t group = octet(data[i]) << 16U;
    if (octets > 1) group |= octet(data[i + 1]) << 8U;
    if (octets > 2) group |= octet(data[i + 2]);
    out += alphabet[group >> 18U];
    out += alphabet[(group >> 12U) & 63U];
    out += octets > 1 ? alphabet[(group >> 6U) & 63U] : '=';
    out += octets > 2 ? alphabet[group & 63U] : '=';
  }
  return out;
}

std::string base64_lines(std::string_view data) {
  const std::string text = base64_encode(data);
  std::string out;
  out.reserve(text.size() + text.size() / line_length * 2 + 2);
  for (std::size_t i = 0; i < text.size(); i += line_length) {
    out.append(text, i, line_length).append("\r\n");
  }
  return out;
}

policy::Result<std::string> base64_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  unsigned bit_count = 0;
  bool padded = false;
  for (const char c : text) {
    if (is_white_space(c)) continue;
    if (c == '=') {
      padded = true;
      continue;
    }
    const int value = value_of(c);
    if (value < 0) return policy::Error(policy::Errc::syntax, "base64: a foreign character");
    if (padded) return policy::Error(policy::Errc::syntax, "base64: data after its end");
    bits = (bits << 6U | static_cast<std::uint32_t>(value)) & 0xFFFFU;
    bit_count += 6;
    if (bit_count >= 8) {
      bit_count -= 8;
      out += static_cast<char>(static_cast<unsigned char>(bits >> bit_count & 0xFFU));
    }
  }
  return out;
}

}  // namespace tlsrpt::reporter
