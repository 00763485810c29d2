// SendingAddress: which of our addresses talks to an MX host (RFC 8460, 4.4 "sending-mta-ip").
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/ip_address.h"

namespace tlsrpt::milter {

class SendingAddress {
 public:
  // FIXED: addresses that the administrator names (sending_mta_ip), then those that Postfix binds
  // to (smtp_bind_address, smtp_bind_address6). The first one of the MX's family is reported; only
  // where there is none is the kernel asked.
  explicit SendingAddress(std::vector<policy::IpAddress> fixed) : fixed_(std::move(fixed)) {}

  // The address as text, for the MX host's address as text; empty where none is known (no route,
  // MX_IP is no address). No packet is sent. Answers are remembered for ten minutes, for the
  // network may change.
  std::string for_mx(std::string_view mx_ip);

 private:
  // MX hosts whose answers are remembered; at the limit all are forgotten.
  static constexpr std::size_t remembered_max = 10'000;

  std::vector<policy::IpAddress> fixed_;
  std::unordered_map<std::string, std::string> remembered_;
  std::chrono::steady_clock::time_point forget_at_{};
};

// The source address that the kernel would use for MX, none without a route.
std::optional<policy::IpAddress> route_source(const policy::IpAddress& mx);

}  // namespace tlsrpt::milter
