#include "policy/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstddef>

#include "policy/text.h"

namespace tlsrpt::policy {
namespace {

constexpr std::array<std::uint8_t, 12> v4_mapped_prefix = {0, 0, 0, 0, 0,    0,
                                                           0, 0, 0, 0, 0xFF, 0xFF};

// A run of zero groups, as RFC 5952, 4.2 shortens it.
struct ZeroRun {
  std::size_t at = 8;
  std::size_t length = 0;
};

// The longest run of two or more zero groups, the first of equals (RFC 5952, 4.2.2, 4.2.3).
ZeroRun longest_zero_run(const std::array<std::uint16_t, 8>& groups) {
  ZeroRun best;
  ZeroRun run;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (groups[i] != 0) {
      run = {};
      continue;
    }
    if (run.length == 0) run.at = i;
    ++run.length;
    if (run.length > 1 && run.length > best.length) best = run;
  }
  return best;
}

template <class Number>
void append_number(std::string& out, Number value, int base) {
  std::array<char, 8> digits{};
  const auto [end, problem] =
      std::to_chars(digits.data(), digits.data() + digits.size(), value, base);
  out.append(digits.data(), end);
}

std::string v4_text(const std::array<std::uint8_t, 16>& bytes) {
  std::string out;
  for (std::size_t i = 0; i < 4; ++i) {
    if (i > 0) out += '.';
    append_number(out, unsigned{bytes[i]}, 10);
  }
  return out;
}

// Always hexadecimal groups: the mixed form of RFC 5952, 5 is for readers who know the prefix.
std::string v6_text(const std::array<std::uint8_t, 16>& bytes) {
  std::array<std::uint16_t, 8> groups{};
  for (std::size_t i = 0; i < groups.size(); ++i) {
    groups[i] = static_cast<std::uint16_t>((bytes[2 * i] << 8) | bytes[2 * i + 1]);
  }
  const ZeroRun zeros = longest_zero_run(groups);
  std::string out;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (zeros.length > 0 && i == zeros.at) {
      out += "::";
      i += zeros.length - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') out += ':';
    append_number(out, unsigned{groups[i]}, 16);
  }
  return out;
}

bool is_private_v4(std::uint8_t first, std::uint8_t second) {
  switch (first) {
    case 0:    // RFC 1122, 3.2.1.3: this host on this network.
    case 10:   // RFC 1918.
    case 127:  // Loopback.
      return true;
    case 100:
      return (second & 0xC0) == 64;  // RFC 6598, CGNAT.
    case 169:
      return second == 254;  // RFC 3927, link-local.
    case 172:
      return (second & 0xF0) == 16;  // RFC 1918.
    case 192:
      return second == 168;  // RFC 1918.
    default:
      return (first & 0xF0) == 224;  // Multicast.
  }
}

bool is_private_v6(const std::array<std::uint8_t, 16>& bytes) {
  if ((bytes[0] & 0xFE) == 0xFC) return true;                      // RFC 4193, ULA.
  if (bytes[0] == 0xFE && (bytes[1] & 0x80) == 0x80) return true;  // Link-local, site-local.
  if (bytes[0] == 0xFF) return true;                               // Multicast.
  const bool zeros = std::all_of(bytes.begin(), bytes.end() - 1, [](auto b) { return b == 0; });
  return zeros && bytes[15] <= 1;  // Unspecified, loopback.
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  // RFC 5321, 4.1.3 tags addresses of this kind; Postfix's logs sometimes keep the tag.
  constexpr std::string_view tag = "ipv6:";
  bool tagged = false;
  if (to_lower(text.substr(0, tag.size())) == tag) {
    text.remove_prefix(tag.size());
    tagged = true;
  }
  const bool has_colon = text.find(':') != std::string_view::npos;
  if (tagged && !has_colon) return std::nullopt;
  if (const std::size_t zone = text.find('%'); has_colon && zone != std::string_view::npos) {
    if (zone + 1 == text.size()) return std::nullopt;
    text = text.substr(0, zone);
  }
  std::array<char, INET6_ADDRSTRLEN> buffer{};  // inet_pton wants a NUL behind the text.
  if (text.size() >= buffer.size() || text.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  std::copy(text.begin(), text.end(), buffer.begin());
  if (has_colon) {
    std::array<std::uint8_t, 16> bytes{};
    if (inet_pton(AF_INET6, buffer.data(), bytes.data()) != 1) return std::nullopt;
    return v6(bytes);
  }
  std::array<std::uint8_t, 4> bytes{};
  if (inet_pton(AF_INET, buffer.data(), bytes.data()) != 1) return std::nullopt;
  return v4(bytes);
}

IpAddress IpAddress::v4(const std::array<std::uint8_t, 4>& bytes) {
  IpAddress address;
  address.is_v4_ = true;
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
  return address;
}

IpAddress IpAddress::v6(const std::array<std::uint8_t, 16>& bytes) {
  if (std::equal(v4_mapped_prefix.begin(), v4_mapped_prefix.end(), bytes.begin())) {
    return v4({bytes[12], bytes[13], bytes[14], bytes[15]});
  }
  IpAddress address;
  address.bytes_ = bytes;
  return address;
}

std::string IpAddress::text() const { return is_v4_ ? v4_text(bytes_) : v6_text(bytes_); }

bool IpAddress::is_private() const {
  return is_v4_ ? is_private_v4(bytes_[0], bytes_[1]) : is_private_v6(bytes_);
}

}  // namespace tlsrpt::policy
