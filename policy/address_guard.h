// AddressGuard: which addresses we connect to when a stranger names the host.
//
// An https rua, a policy host or an MX host is chosen by whoever owns the domain. Without a guard
// they could make us speak to services of our own networks (server-side request forgery). The guard
// judges addresses, not names: resolve once, ask the guard about each address, and connect to the
// very address that passed, so that a second look-up cannot give another (DNS rebinding).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policy/ip_address.h"
#include "policy/ip_network.h"
#include "policy/result.h"

namespace tlsrpt::policy {

// The addresses of this host's interfaces. Errc::io: the system does not tell.
Result<std::vector<IpAddress>> own_addresses();

class AddressGuard {
 public:
  // ALLOWED opens networks whatever else says no (https_allow_addresses); OWN are the host's own
  // addresses, as own_addresses() gives them.
  AddressGuard(std::vector<IpNetwork> allowed, std::vector<IpAddress> own);

  // Why ADDRESS must not be connected to, such as "is a loopback address"; none: it may be.
  // Refused: loopback, RFC 1918, CGNAT, link-local (so the clouds' 169.254.169.254), ULA,
  // multicast, unspecified, reserved, our own; every IPv6 address that is not global unicast;
  // and 6to4, Teredo and NAT64 addresses that lead to a refused IPv4 address.
  std::optional<std::string> refusal(const IpAddress& address) const;

 private:
  std::optional<std::string> refusal_v4(const IpAddress& address) const;
  std::optional<std::string> refusal_v6(const IpAddress& address) const;

  std::vector<IpNetwork> allowed_;
  std::vector<IpAddress> own_;
};

}  // namespace tlsrpt::policy
