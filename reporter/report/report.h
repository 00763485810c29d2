// Report: one RFC 8460 report as values, before it is a document, a file name and a message.
//
// JSON, file name, Subject and headers are all made from this one struct, so that they agree
// (RFC 8460, 5.6: the JSON is authoritative).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "policy/fact.h"

namespace tlsrpt::reporter {

// RFC 8460, 4.4 "failure-details". Empty texts are not written.
struct FailureDetail {
  policy::ResultType result_type = policy::ResultType::validation_failure;
  std::string sending_mta_ip;
  std::string receiving_mx_hostname;
  std::string receiving_mx_helo;
  std::string receiving_ip;
  std::uint64_t failed_session_count = 0;
  std::string additional_information;
  std::string failure_reason_code;

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 misreads a defaulted comparison.
  friend auto operator<=>(const FailureDetail&, const FailureDetail&) = default;
};

// RFC 8460, 4.4: one element of "policies".
struct PolicyResult {
  policy::AppliedPolicy policy;
  std::uint64_t successful_sessions = 0;
  std::uint64_t failed_sessions = 0;
  std::vector<FailureDetail> failure_details;

  friend bool operator==(const PolicyResult&, const PolicyResult&) = default;
};

struct Report {
  std::string organization_name;
  std::string contact_info;
  std::string submitter;  // Domain of contact_info.
  std::string domain;     // Recipient domain, A-labels.
  policy::UtcDay day{};
  std::uint32_t revision = 1;
  std::vector<PolicyResult> policies;
};

}  // namespace tlsrpt::reporter
