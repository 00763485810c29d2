// --output-dir: reports and messages as files, for looking at. Changes nothing in the store.
#pragma once

#include <cstddef>
#include <string>

#include "policy/resolver.h"
#include "policy/result.h"
#include "reporter/clock.h"
#include "reporter/dkim/dkim_signer.h"
#include "reporter/options/record_map.h"
#include "reporter/options/settings.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {

struct OutputSummary {
  std::size_t reports = 0;
  std::size_t messages = 0;
  std::size_t unanswered = 0;  // Domains whose record could not be looked up: nothing is written.
  std::string first_fault;     // Of a (day, domain) that could not be rendered; empty: none.
};

// Writes to DIRECTORY, which is made where absent, the reports of every day that can be closed (or,
// with FILTER's day, of that day, be it closed, open or too old): `<report file name>`, and a file
// `<the same without .json.gz>.<n>.eml` for each delivery by mail. What is closed is rendered as it
// was stored, what is open as it would be closed now. Where the record map says discard, there is
// one message, to contact_info. SIGNER signs them, where there is one. Errors are the store's or
// the directory's.
policy::Result<OutputSummary> render_output(Store& store, const Settings& settings,
                                            const RecordMap& records, policy::Resolver& resolver,
                                            const Clock& clock, const DeliveryFilter& filter,
                                            const std::string& directory, const DkimSigner* signer);

}  // namespace tlsrpt::reporter
