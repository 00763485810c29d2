// --dry-run: what a flush would send where, and why not. Changes nothing.
#pragma once

#include <iosfwd>

#include "policy/resolver.h"
#include "policy/result.h"
#include "reporter/flush/flush_clock.h"
#include "reporter/options/record_map.h"
#include "reporter/options/settings.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {

// Writes one line to OUT for each (day, domain) that is open (report that would be made with its
// destinations, or why none is) and for each delivery that is pending (due or when). Errors are the
// store's.
policy::Status show_dry_run(Store& store, const Settings& settings, const RecordMap& records,
                            policy::Resolver& resolver, const FlushClock& clock,
                            const DeliveryFilter& filter, bool ignore_spread, std::ostream& out);

}  // namespace tlsrpt::reporter
