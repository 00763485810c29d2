// Evaluation: what the facts of one (domain, day) come to, policy by policy.
//
// Pure: everything it needs is given to it. The same function makes reports and `--summary`, so
// that what is shown is what is sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "policy/fact.h"
#include "policy/result.h"
#include "reporter/report/report.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {

struct EvaluationContext {
  bool report_plaintext = true;
  unsigned max_failure_details = 500;  // In all policy entries together, see limit_details().
  // Whether SERVICE of RELAY logged an `established to` line within 24 h of INSTANT: whether a
  // session seen without TLS line was one without TLS (Store::tls_logged).
  std::function<policy::Result<bool>(std::string_view relay, std::string_view service,
                                     policy::UtcSeconds instant)>
      tls_logged;
};

// What became of a fact.
enum class FactUse : std::uint8_t {
  reported,     // It is in a policy entry.
  plaintext,    // Plaintext, and report_plaintext is off: only shown by --summary --all.
  tls_unknown,  // no_tls_seen, and nothing proves that TLS would have been logged.
};

struct Evaluation {
  std::vector<PolicyResult> policies;  // Sorted by policy. Empty: nothing to report.
  std::uint64_t sessions = 0;          // Reported.
  std::uint64_t messages = 0;          // Carried by the reported sessions.
  std::uint64_t sessions_seen = 0;     // Reported or plaintext: what Store::close_day closes.
  std::uint64_t tls_unknown = 0;       // Sessions.
  std::vector<FactUse> uses;           // One for each fact, in the order given.
  // What tls_logged proved, for Store::close_day; sorted, each once.
  std::vector<ProvenPlaintext> proven;
};

// Evaluates FACTS, all of DOMAIN and one day. Sessions of a policy whose strings are unknown stand
// under the one that is known, if it is the only one (told_policies.h). Fails only as tls_logged
// does, or with Errc::syntax where a fact's outcome or minute is none of ours.
policy::Result<Evaluation> evaluate(std::string_view domain, const std::vector<policy::Fact>& facts,
                                    const EvaluationContext& context);

// The result type of a reported fact. REQUIRES: its outcome is not success.
policy::ResultType result_type_of(const policy::Fact& fact);
// Its failure-reason-code, cleaned; empty where none is known.
std::string reason_of(const policy::Fact& fact);
// Its policy as it is reported: names as A-labels (a policy domain that is none, or unknown,
// becomes DOMAIN), texts cleaned, TLSA records in presentation form and sorted (an RRset has no
// order), nothing that its type does not have.
policy::AppliedPolicy reported_policy(const policy::Fact& fact, std::string_view domain);
// Its sending address as it is reported: canonical, and empty where it is unknown or private.
std::string reported_sending_ip(const policy::Fact& fact);

// At most MAX details (at least one per result type): the most frequent stay, the rest is folded
// into one detail per result type, without MX, addresses and HELO. The sum never changes. Sorted by
// count, most first, then by text.
std::vector<FailureDetail> fold_details(std::vector<FailureDetail> details, std::size_t max);

// Folds the details of POLICIES, the longest lists first, until there are at most MAX in all (or
// one per policy and result type).
void limit_details(std::vector<PolicyResult>& policies, std::size_t max);

}  // namespace tlsrpt::reporter
