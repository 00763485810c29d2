#include "milter/correlate/sending_address.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "policy/unique_fd.h"

namespace tlsrpt::milter {
namespace {

constexpr std::chrono::minutes remembered_for{10};
constexpr std::uint16_t smtp_port = 25;

// A socket address as the system calls want it, of either family.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = sizeof(sockaddr_storage);

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

SocketAddress to_socket_address(const policy::IpAddress& address) {
  SocketAddress result;
  if (address.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(smtp_port);
    std::memcpy(&v4.sin_addr, address.bytes().data(), sizeof(v4.sin_addr));
    std::memcpy(&result.storage, &v4, sizeof(v4));
    result.length = sizeof(v4);
    return result;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(smtp_port);
  std::memcpy(&v6.sin6_addr, address.bytes().data(), sizeof(v6.sin6_addr));
  std::memcpy(&result.storage, &v6, sizeof(v6));
  result.length = sizeof(v6);
  return result;
}

policy::IpAddress to_ip_address(const SocketAddress& address) {
  if (address.storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address.storage, sizeof(v4));
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &v4.sin_addr, bytes.size());
    return policy::IpAddress::v4(bytes);
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address.storage, sizeof(v6));
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
  return policy::IpAddress::v6(bytes);
}

}  // namespace

std::optional<policy::IpAddress> route_source(const policy::IpAddress& mx) {
  SocketAddress to = to_socket_address(mx);
  const policy::UniqueFd fd(::socket(to.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  // Connecting a datagram socket only chooses the route.
  if (!fd.valid() || ::connect(fd.get(), to.get(), to.length) != 0) return std::nullopt;
  SocketAddress from;
  if (::getsockname(fd.get(), from.get(), &from.length) != 0) return std::nullopt;
  return to_ip_address(from);
}

std::string SendingAddress::for_mx(std::string_view mx_ip) {
  const auto mx = policy::IpAddress::parse(mx_ip);
  if (!mx) return {};
  const auto fixed = std::find_if(
      fixed_.begin(), fixed_.end(),
      [&mx](const policy::IpAddress& address) { return address.is_v4() == mx->is_v4(); });
  if (fixed != fixed_.end()) return fixed->text();

  const auto now = std::chrono::steady_clock::now();
  if (now >= forget_at_ || remembered_.size() >= remembered_max) {
    remembered_.clear();
    forget_at_ = now + remembered_for;
  }
  const auto [place, is_new] = remembered_.try_emplace(std::string(mx_ip));
  if (is_new) {
    const auto source = route_source(*mx);
    if (source) place->second = source->text();
  }
  return place->second;
}

}  // namespace tlsrpt::milter
