// Reader of RFC 8460 reports, whoever made them, and from whatever bytes.
//
// Tolerant in what it takes (the shapes of Google, Microsoft, Mail.ru, Stalwart and sys4 are
// known), strict in what it says: every departure from RFC 8460, 4.4 becomes a complaint.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/result.h"
#include "policy/utc_day.h"
#include "reporter/report/report.h"

namespace tlsrpt::reporter {

// Octets of a decompressed report. Receivers in the field stop at 10 to 20 MB.
inline constexpr std::size_t max_report_json = std::size_t{20} * 1024 * 1024;
// Objects and arrays in each other; a report has five.
inline constexpr unsigned max_json_depth = 32;
// Policy entries and failure details that are read; no honest report has as many.
inline constexpr std::size_t max_read_policies = 1000;
inline constexpr std::size_t max_read_details = 100'000;
// Complaints that are kept; the rest is counted.
inline constexpr std::size_t max_complaints = 50;

// A list of complaints with a bound. Texts quote what strangers wrote: escape them when shown.
class Complaints {
 public:
  void add(std::string text);
  // All, with a last line that counts those beyond max_complaints.
  std::vector<std::string> list() const;

 private:
  std::vector<std::string> texts_;
  std::size_t more_ = 0;
};

struct ReadReport {
  // Report::domain and Report::revision are taken from a report-id of our form; else the domain is
  // that of the first sts or no-policy-found entry (a tlsa entry names an MX host), and the
  // revision is 1. Report::day is that of the range's begin. Unknown result and policy types stand
  // as validation-failure and no-policy-found, with a complaint, and below.
  Report report;
  // Types that RFC 8460 does not have, as they are written (empty: missing): of policies[i], and of
  // policies[i].failure_details[j].
  std::map<std::size_t, std::string> unknown_policy_types;
  std::map<std::pair<std::size_t, std::size_t>, std::string> unknown_result_types;
  std::string report_id;
  std::optional<policy::UtcSeconds> begin;
  std::optional<policy::UtcSeconds> end;
  Complaints complaints;
};

// Reads a JSON document. Errc::syntax: no JSON, no object, or no list of policies; Errc::limit:
// over max_report_json or max_json_depth. Never throws for what stands in JSON.
policy::Result<ReadReport> read_report_json(std::string_view json);

}  // namespace tlsrpt::reporter
