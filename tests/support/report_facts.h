// Facts for tests: one call a fact, with everything that a test does not name left plain.
#pragma once

#include <string>

#include "policy/fact.h"

namespace tlsrpt::testing_support {

inline constexpr policy::UtcDay report_day = std::chrono::year(2026) / 11 / 22;

// A session from 192.0.2.25 to mx.DOMAIN[198.51.100.1] without policy, seen in the log.
inline policy::Fact report_fact(const std::string& domain, policy::Outcome outcome,
                                std::uint64_t sessions, const std::string& reason = "") {
  policy::Fact fact;
  fact.day = report_day;
  fact.domain = domain;
  fact.relay = "relay1";
  fact.service = "postfix/smtp";
  fact.mx_host = "mx." + domain;
  fact.mx_ip = "198.51.100.1";
  fact.sending_ip = "192.0.2.25";
  fact.outcome = outcome;
  fact.reason = reason;
  fact.policy.policy_domain = domain;
  fact.sessions = sessions;
  fact.messages = sessions;
  return fact;
}

}  // namespace tlsrpt::testing_support
