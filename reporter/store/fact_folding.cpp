#include "reporter/store/fact_folding.h"

#include <string>

namespace tlsrpt::reporter {

policy::Fact folded(policy::Fact fact, Folding folding) {
  constexpr std::int16_t minutes_per_hour = 60;
  if (folding >= Folding::helo) fact.helo.clear();
  if (folding >= Folding::reason) fact.reason.clear();
  if (folding >= Folding::mx_ip) fact.mx_ip.clear();
  if (folding >= Folding::mx_host) fact.mx_host.clear();
  if (folding >= Folding::minute && fact.minute >= 0) {
    fact.minute = static_cast<std::int16_t>(fact.minute - fact.minute % minutes_per_hour);
  }
  return fact;
}

policy::AppliedPolicy without_strings(const policy::AppliedPolicy& policy) {
  return {policy.type, policy.policy_domain, {}, {}};
}

policy::AppliedPolicy of_type_only(const policy::AppliedPolicy& policy, std::string_view domain) {
  return {policy.type, std::string(domain), {}, {}};
}

}  // namespace tlsrpt::reporter
