// How a fact gives up detail when its (domain, day) has too many rows or policies.
//
// Pure functions; what counts as too many, and which rows exist, the store knows (design: Bounds).
#pragma once

#include <string_view>

#include "policy/fact.h"

namespace tlsrpt::reporter {

// Most policies of one (domain, day) that are kept apart; further ones are folded into the policy
// of their type without strings.
inline constexpr unsigned max_policies = 8;

// The steps that a fact is folded by, in their order; each includes the ones before. The outcome,
// and what says who counted it (relay, service, source, sending_ip, epoch), always stay.
enum class Folding : std::uint8_t { none, helo, reason, mx_ip, mx_host, minute };
inline constexpr Folding last_folding = Folding::minute;

// FACT after the steps up to FOLDING.
//
// The minute of a no_tls_seen session becomes the first of its hour, never "none": the session
// stays undecided. Such a row has seen no TLS line before it, so what decides it is a TLS line at
// most 24 h later, and the first minute of the hour never takes one that the session itself would
// not.
policy::Fact folded(policy::Fact fact, Folding folding);

// POLICY of a session of DOMAIN without policy_string and mx_host, as the first and as the last
// resort: of its own policy_domain, or of DOMAIN, so that there is one for each type.
policy::AppliedPolicy without_strings(const policy::AppliedPolicy& policy);
policy::AppliedPolicy of_type_only(const policy::AppliedPolicy& policy, std::string_view domain);

}  // namespace tlsrpt::reporter
