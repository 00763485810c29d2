// Facts: what is counted. Equal facts are one row with a count; verdicts are made from facts later.
//
// A session is one connection of Postfix's smtp(8) to port 25 of a host that answered EHLO, or one
// attempt that policy stopped before a connection; it has exactly one outcome. A fact holds no
// local part, subject, queue id or message id.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/utc_day.h"
#include "policy/vocabulary.h"

namespace tlsrpt::policy {

// How a session went. 1 to 11 are the result types of RFC 8460, 4.3. Part of the store's format:
// never renumber.
enum class Outcome : std::uint8_t {
  success = 0,
  starttls_not_supported = 1,
  certificate_host_mismatch = 2,
  certificate_not_trusted = 3,
  certificate_expired = 4,
  validation_failure = 5,
  sts_policy_fetch_error = 6,
  sts_policy_invalid = 7,
  sts_webpki_invalid = 8,
  tlsa_invalid = 9,
  dnssec_invalid = 10,
  dane_required = 11,
  // Plaintext without proof that TLS would have been logged: judged at evaluation, by the
  // `established to` lines of the same service within 24 h (Store::tls_logged).
  no_tls_seen = 20,
};

inline Outcome to_outcome(ResultType type) { return static_cast<Outcome>(type); }
// REQUIRES: outcome is a failure of RFC 8460 (1 to 11).
inline ResultType to_result_type(Outcome outcome) { return static_cast<ResultType>(outcome); }

// What was counted but is no session of a recipient domain's report. The texts are the keys of
// `ignored` in `--summary --format json`. Part of the store's format: never renumber.
enum class Ignored : std::uint8_t {
  report_mail = 1,
  report_mail_untrusted = 2,
  tls_unknown = 3,
  tls_not_wanted = 4,
  other_port = 5,
  private_address = 6,
  relay = 7,
  address_literal = 8,
  invalid_domain = 9,
  ignored_domain = 10,
  before_ehlo = 11,
  local_fault = 12,
  unattributed = 13,
  not_understood = 14,
  late = 15,
  over_limit = 16,
};

// Every value of Ignored, in the order of its numbers.
const std::vector<Ignored>& all_ignored();
// "report-mail" and so on.
std::string_view to_text(Ignored kind);

// The policy that applied to a session, as far as the source proves it (RFC 8460, 4.4 "policy").
// From a log only type and domain are known; policy_string and mx_host come from datagrams or from
// discovery, in the order and the spelling given.
struct AppliedPolicy {
  PolicyType type = PolicyType::no_policy_found;
  std::string policy_domain;               // The recipient domain, or the TLSA base domain.
  std::vector<std::string> policy_string;  // Empty: unknown.
  std::vector<std::string> mx_host;        // sts only. Empty: unknown.

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 misreads a defaulted comparison.
  friend auto operator<=>(const AppliedPolicy&, const AppliedPolicy&) = default;
};

// Longest TLSRPT record of a domain that is kept as Postfix saw it, in octets: some fifty
// destinations.
inline constexpr std::size_t max_seen_record = 4096;

// Where a fact was seen.
enum class Source : std::uint8_t { log = 1, datagram = 2, both = 3 };

// One row. An empty text means: not known.
struct Fact {
  std::uint32_t revision = 0;  // 0: not yet closed.
  UtcDay day{};
  std::string domain;   // Recipient domain, lower-case A-labels.
  std::string relay;    // Name of the relay that counted it.
  std::string service;  // Program with service, such as "postfix/relay/smtp".
  Source source = Source::log;
  std::string mx_host;     // Lower case, no trailing dot.
  std::string mx_ip;       // RFC 5952 text.
  std::string sending_ip;  // RFC 5952 text.
  std::string helo;        // Host name of the EHLO reply.
  Outcome outcome = Outcome::success;
  std::string reason;  // failure-reason-code: our vocabulary or Postfix's fixed texts.
  AppliedPolicy policy;
  std::uint32_t epoch = 0;  // Policy snapshot in force when counted; 0: none known.
  // Minute of the UTC day of a no_tls_seen session for which no TLS line of its service was seen in
  // the 24 h before; -1 for everything else. See Outcome::no_tls_seen.
  std::int16_t minute = -1;

  std::uint64_t sessions = 0;
  std::uint64_t messages = 0;  // Deliveries carried; shown, never reported.
};

}  // namespace tlsrpt::policy
