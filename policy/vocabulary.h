// The words of RFC 8460: result types and policy types, and the texts that stand for them in JSON.
//
// RFC 8460, 4.3 and 4.5; IANA "STARTTLS Validation Result Types" has exactly these eleven values.
// The numbers are part of the store's format: never renumber.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tlsrpt::policy {

enum class ResultType : std::uint8_t {
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
};

enum class PolicyType : std::uint8_t {
  tlsa = 1,
  sts = 2,
  no_policy_found = 9,
};

// "starttls-not-supported" and so on (RFC 8460, 4.3).
std::string_view to_text(ResultType type);
// "tlsa", "sts", "no-policy-found" (RFC 8460, 4.4).
std::string_view to_text(PolicyType type);

// The value that TEXT stands for, none where it is not one of the RFC's words (case matters).
std::optional<ResultType> parse_result_type(std::string_view text);
std::optional<PolicyType> parse_policy_type(std::string_view text);

}  // namespace tlsrpt::policy
