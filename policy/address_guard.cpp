#include "policy/address_guard.h"

#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

namespace tlsrpt::policy {
namespace {

struct FreeInterfaces {
  void operator()(ifaddrs* list) const noexcept { freeifaddrs(list); }
};

struct RefusedNetwork {
  std::uint32_t address;  // IPv4, host byte order.
  unsigned prefix_length;
  std::string_view reason;
};

// IANA IPv4 Special-Purpose Address Registry, as far as it leads into somebody's own network.
// Documentation and benchmark networks lead nowhere and stay open, as for sessions.
constexpr auto refused_v4 = std::to_array<RefusedNetwork>({
    {0x00000000, 8, "is an unspecified address (0.0.0.0/8)"},
    {0x0A000000, 8, "is a private address (RFC 1918)"},
    {0x64400000, 10, "is a carrier-grade NAT address (RFC 6598)"},
    {0x7F000000, 8, "is a loopback address"},
    {0xA9FE0000, 16, "is a link-local address (RFC 3927)"},
    {0xAC100000, 12, "is a private address (RFC 1918)"},
    {0xC0000000, 24, "is an address for IETF protocols (RFC 6890)"},
    {0xC0586300, 24, "is a 6to4 relay address (RFC 7526)"},
    {0xC0A80000, 16, "is a private address (RFC 1918)"},
    {0xE0000000, 4, "is a multicast address"},
    {0xF0000000, 4, "is a reserved or broadcast address"},
});

std::uint32_t v4_number(const IpAddress& address) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = (number << 8U) | address.bytes()[i];
  return number;
}

// The IPv4 address in the four bytes of ADDRESS that start at AT, each of them XOR MASK.
IpAddress embedded(const IpAddress& address, std::size_t at, std::uint8_t mask = 0) {
  std::array<std::uint8_t, 4> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(address.bytes()[at + i] ^ mask);
  }
  return IpAddress::v4(bytes);
}

template <std::size_t Length>
bool starts_with(const IpAddress& address, const std::array<std::uint8_t, Length>& prefix) {
  return std::equal(prefix.begin(), prefix.end(), address.bytes().begin());
}

constexpr std::array<std::uint8_t, 2> prefix_6to4 = {0x20, 0x02};             // RFC 3056.
constexpr std::array<std::uint8_t, 4> prefix_teredo = {0x20, 0x01, 0, 0};     // RFC 4380.
constexpr std::array<std::uint8_t, 12> prefix_nat64 = {0, 0x64, 0xFF, 0x9B};  // RFC 6052.
constexpr std::array<std::uint8_t, 6> prefix_local_nat64 = {0,    0x64, 0xFF,
                                                            0x9B, 0,    1};  // RFC 8215.

// Why an IPv6 address that is not global unicast is refused.
std::string_view refusal_by_kind(const std::array<std::uint8_t, 16>& bytes) {
  if (bytes[0] == 0xFF) return "is a multicast address";
  if ((bytes[0] & 0xFE) == 0xFC) return "is a unique local address (RFC 4193)";
  if (bytes[0] == 0xFE && (bytes[1] & 0xC0) == 0x80) return "is a link-local address";
  const bool zeros = std::all_of(bytes.begin(), bytes.end() - 1, [](auto b) { return b == 0; });
  if (zeros && bytes[15] == 0) return "is an unspecified address";
  if (zeros && bytes[15] == 1) return "is a loopback address";
  return "is no global unicast address (2000::/3)";
}

std::optional<IpAddress> address_of(const ifaddrs& interface) {
  if (interface.ifa_addr == nullptr) return std::nullopt;
  // The bytes are copied out: sockaddr is a view of some other type.
  if (interface.ifa_addr->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, interface.ifa_addr, sizeof v4);
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &v4.sin_addr, bytes.size());
    return IpAddress::v4(bytes);
  }
  if (interface.ifa_addr->sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, interface.ifa_addr, sizeof v6);
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    return IpAddress::v6(bytes);
  }
  return std::nullopt;
}

}  // namespace

Result<std::vector<IpAddress>> own_addresses() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) {
    const int error = errno;
    return Error(Errc::io, "cannot list the addresses of this host: " +
                               std::generic_category().message(error));
  }
  const std::unique_ptr<ifaddrs, FreeInterfaces> owner(list);
  std::vector<IpAddress> addresses;
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (const auto address = address_of(*at)) addresses.push_back(*address);
  }
  return addresses;
}

AddressGuard::AddressGuard(std::vector<IpNetwork> allowed, std::vector<IpAddress> own)
    : allowed_(std::move(allowed)), own_(std::move(own)) {}

std::optional<std::string> AddressGuard::refusal(const IpAddress& address) const {
  for (const IpNetwork& network : allowed_) {
    if (network.contains(address)) return std::nullopt;
  }
  return address.is_v4() ? refusal_v4(address) : refusal_v6(address);
}

std::optional<std::string> AddressGuard::refusal_v4(const IpAddress& address) const {
  const std::uint32_t number = v4_number(address);
  for (const RefusedNetwork& network : refused_v4) {
    if (number >> (32 - network.prefix_length) == network.address >> (32 - network.prefix_length)) {
      return std::string(network.reason);
    }
  }
  if (std::find(own_.begin(), own_.end(), address) != own_.end()) {
    return "is an address of this host";
  }
  return std::nullopt;
}

std::optional<std::string> AddressGuard::refusal_v6(const IpAddress& address) const {
  if (std::find(own_.begin(), own_.end(), address) != own_.end()) {
    return "is an address of this host";
  }
  const auto leads_to = [this](std::string_view kind,
                               const IpAddress& inner) -> std::optional<std::string> {
    const auto why = refusal_v4(inner);
    if (!why) return std::nullopt;
    return "is " + std::string(kind) + " for " + inner.text() + ", which " + *why;
  };
  if (starts_with(address, prefix_nat64)) return leads_to("a NAT64 address", embedded(address, 12));
  if (starts_with(address, prefix_local_nat64)) {
    // RFC 6052, 2.2: the place of the IPv4 address depends on the operator's prefix. Only the usual
    // /96 is read; addresses with a zero suffix may be of a shorter prefix and are refused.
    const auto& bytes = address.bytes();
    if (bytes[13] == 0 && bytes[14] == 0 && bytes[15] == 0) {
      return "is a local NAT64 address (RFC 8215) of unknown layout";
    }
    return leads_to("a local NAT64 address", embedded(address, 12));
  }
  if ((address.bytes()[0] & 0xE0) != 0x20) return std::string(refusal_by_kind(address.bytes()));
  if (starts_with(address, prefix_6to4)) return leads_to("a 6to4 address", embedded(address, 2));
  if (starts_with(address, prefix_teredo)) {
    // RFC 4380, 4: the server's address is plain, the client's inverted.
    if (auto why = leads_to("a Teredo address", embedded(address, 4))) return why;
    return leads_to("a Teredo address", embedded(address, 12, 0xFF));
  }
  return std::nullopt;
}

}  // namespace tlsrpt::policy
