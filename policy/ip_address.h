// IpAddress: an IPv4 or IPv6 address, its canonical text and the network families it belongs to.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tlsrpt::policy {

class IpAddress {
 public:
  // The address that TEXT writes: dotted quad without leading zeros, or RFC 4291 text. A zone id
  // ("%eth0") and the prefix "IPv6:" are dropped; a v4-mapped address becomes the IPv4 address.
  static std::optional<IpAddress> parse(std::string_view text);
  // From network byte order. A v4-mapped address becomes the IPv4 address.
  static IpAddress v4(const std::array<std::uint8_t, 4>& bytes);
  static IpAddress v6(const std::array<std::uint8_t, 16>& bytes);

  bool is_v4() const { return is_v4_; }
  // Network byte order; IPv4 uses the first four.
  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }

  // Dotted quad, or RFC 5952 text.
  std::string text() const;

  // Whether mail sent there stays in somebody's own network: RFC 1918, CGNAT (100.64/10), loopback,
  // link-local, ULA, unspecified, multicast. Documentation and test networks (192.0.2/24,
  // 198.51.100/24, 203.0.113/24, 198.18/15, 2001:db8::/32) are not private here.
  bool is_private() const;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  bool is_v4_ = false;
  std::array<std::uint8_t, 16> bytes_{};
};

}  // namespace tlsrpt::policy
