// The form of a report that a receiver gets who has refused it as too large.
#pragma once

#include <string_view>

#include "policy/result.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {

// REPORT with the same names, policies and counts in as few octets as possible: one failure detail
// for each policy and result type, no policy strings; by its boundary the two can be told apart.
// The same bytes each time. Errc::limit: it has no smaller form; else it cannot be read.
policy::Result<StoredReport> smallest_form(const StoredReport& report);

// Whether BOUNDARY, of a message that came back, is that of a report of ours in another form. Its
// bounce says nothing of the smallest one, whenever it comes and however often.
bool is_of_full_form(std::string_view boundary);

}  // namespace tlsrpt::reporter
