// IpNetwork: a network in CIDR notation, such as 127.0.0.0/8 or 2001:db8::/32.
#pragma once

#include <string>
#include <string_view>

#include "policy/ip_address.h"
#include "policy/result.h"

namespace tlsrpt::policy {

struct IpNetwork {
  IpAddress address;
  unsigned prefix_length = 0;

  // ADDRESS or ADDRESS/LENGTH; without a length: that address alone. Errc::syntax: no address, a
  // length beyond 32 or 128, or bits set behind it (a typing error more often than not).
  static Result<IpNetwork> parse(std::string_view text);

  // Whether OTHER is of the same family and equal in the first prefix_length bits.
  bool contains(const IpAddress& other) const;
  // "127.0.0.0/8"; parse of it gives the same network.
  std::string text() const;

  friend bool operator==(const IpNetwork&, const IpNetwork&) = default;
};

}  // namespace tlsrpt::policy
