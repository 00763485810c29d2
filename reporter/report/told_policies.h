// ToldPolicies: the policies of a day whose strings are known, for sessions of which they are not.
//
// A log names the type and the domain of a policy at best; a datagram tells its strings, too.
// Postfix 3.10 sends none for a session that it resumes. RFC 8460, 4.4 wants one entry for each
// policy: where one policy of a type and domain is known, a session of that type and domain was
// under that one; where there are several, nobody knows which.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "policy/fact.h"

namespace tlsrpt::reporter {

class ToldPolicies {
 public:
  // POLICY is one as it is reported (reported_policy()); one without strings tells nothing.
  void add(const policy::AppliedPolicy& policy);
  // The policy under which a session of POLICY that ended with OUTCOME is reported: the only known
  // one where POLICY has no strings, else POLICY. Where the policy itself could not be had or used,
  // the session met none: it stays without strings.
  const policy::AppliedPolicy& entry_of(const policy::AppliedPolicy& policy,
                                        policy::Outcome outcome) const;

 private:
  using Key = std::pair<policy::PolicyType, std::string>;
  std::map<Key, std::optional<policy::AppliedPolicy>> told_;  // None: there are several.
};

}  // namespace tlsrpt::reporter
