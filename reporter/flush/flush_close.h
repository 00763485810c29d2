// Closing: the first half of a flush. Finished days become stored reports with their deliveries.
#pragma once

#include <cstddef>

#include "policy/resolver.h"
#include "policy/result.h"
#include "reporter/flush/flush_clock.h"
#include "reporter/flush/flush_log.h"
#include "reporter/options/record_map.h"
#include "reporter/options/settings.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {

struct CloseSummary {
  std::size_t closed = 0;      // Reports stored.
  std::size_t asked = 0;       // Domains asked for in DNS,
  std::size_t unanswered = 0;  // and those of them that got no answer.
};

// Closes what is due of all that FILTER means. One domain that cannot be closed never stops the
// others; an error is the store's, and what was closed before it stays closed. Safe beside another
// flush: whoever is second finds the day closed.
policy::Result<CloseSummary> close_days(Store& store, const Settings& settings,
                                        const RecordMap& records, policy::Resolver& resolver,
                                        const FlushClock& clock, const DeliveryFilter& filter,
                                        FlushLog& log);

}  // namespace tlsrpt::reporter
