// The form of a report that a receiver gets who has refused it as too large.
#pragma once

#include "policy/result.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {

// REPORT with the same names, policies and counts in as few octets as possible: one failure detail
// for each policy and result type, no policy strings. The same bytes each time. Errc::limit: it has
// no smaller form; else it cannot be read.
policy::Result<StoredReport> smallest_form(const StoredReport& report);

}  // namespace tlsrpt::reporter
