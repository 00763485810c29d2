// Report → the JSON document of RFC 8460, 4.4, in the shape that Google's reports have.
//
// Compact, fixed key order, no null, no empty string, no empty failure-details; policy-domain
// always, arrays always; the range ends at 23:59:59Z. Strict receivers drop a whole report for one
// surprise, so none is given.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "reporter/command/command_json.h"
#include "reporter/report/report.h"

namespace tlsrpt::reporter {

// The document. REQUIRES: report.policies is not empty (a report about nothing is never made).
std::string report_json(const Report& report);

// The value of "policies", as in the report; `--summary --format json` has it, too.
void write_policies(JsonWriter& writer, const std::vector<PolicyResult>& policies);

// The document in at most MAX_SIZE octets: failure details are folded (see fold_details()) until it
// fits, and as a last resort policy strings are left out. Counts never change. Where even that is
// too long, the shortest form is returned: a report is not lost because a limit was set too low.
// REPORT becomes what was written.
std::string fit_report_json(Report& report, std::uint64_t max_size);

}  // namespace tlsrpt::reporter
