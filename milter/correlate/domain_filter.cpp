#include "milter/correlate/domain_filter.h"

#include <algorithm>
#include <utility>

#include "policy/ip_address.h"

namespace tlsrpt::milter {
namespace {

// Distinct names in some minutes of a busy relay; a full cache starts again.
constexpr std::size_t max_cached = 20000;

}  // namespace

DomainFilter::DomainFilter(FilterOptions options) : options_(std::move(options)) {}

const DomainFilter::Answer& DomainFilter::domain(std::string_view raw) {
  const auto found = domains_.find(raw);
  if (found != domains_.end()) return found->second;
  Answer answer;
  if (raw.starts_with('[')) {
    answer.ignored = policy::Ignored::address_literal;
  } else if (auto name = policy::DomainName::parse(raw); !name) {
    answer.ignored = policy::Ignored::invalid_domain;
  } else {
    answer.domain = name->text();
    const bool is_ignored =
        std::any_of(options_.ignore_domains.begin(), options_.ignore_domains.end(),
                    [&](const policy::DomainName& ignored) { return ignored == *name; });
    if (is_ignored) answer.ignored = policy::Ignored::ignored_domain;
  }
  if (domains_.size() >= max_cached) domains_.clear();
  return domains_.emplace(std::string(raw), std::move(answer)).first->second;
}

bool DomainFilter::is_private(const std::string& address) {
  const auto found = private_.find(address);
  if (found != private_.end()) return found->second;
  const auto ip = policy::IpAddress::parse(address);
  if (private_.size() >= max_cached) private_.clear();
  return private_.emplace(address, ip && ip->is_private()).first->second;
}

std::optional<policy::Ignored> DomainFilter::relay(const Peer& peer) {
  if (peer.is_known() && peer.port != smtp_port) return policy::Ignored::other_port;
  for (const std::string& ignored : options_.ignore_relays) {
    if (ignored == peer.host || ignored == peer.address) return policy::Ignored::relay;
  }
  if (peer.is_known() && !options_.count_private_relays && is_private(peer.address))
    return policy::Ignored::private_address;
  return std::nullopt;
}

}  // namespace tlsrpt::milter
