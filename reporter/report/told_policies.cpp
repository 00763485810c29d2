#include "reporter/report/told_policies.h"

namespace tlsrpt::reporter {

using policy::AppliedPolicy;
using policy::Outcome;

void ToldPolicies::add(const AppliedPolicy& policy) {
  if (policy.policy_string.empty()) return;
  const auto [known, is_new] = told_.try_emplace({policy.type, policy.policy_domain}, policy);
  if (!is_new && known->second != policy) known->second.reset();
}

const AppliedPolicy& ToldPolicies::entry_of(const AppliedPolicy& policy, Outcome outcome) const {
  // RFC 8460, 4.3.1: these are about the session; what follows is about the policy.
  if (!policy.policy_string.empty() || outcome > Outcome::validation_failure) return policy;
  const auto known = told_.find({policy.type, policy.policy_domain});
  return known != told_.end() && known->second ? *known->second : policy;
}

}  // namespace tlsrpt::reporter
