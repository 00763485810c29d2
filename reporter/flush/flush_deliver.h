// Delivering: the second half of a flush. Claims what is due, hands it over, records how it went.
//
// At most delivery_concurrency deliveries are under way, from the claim until the outcome is
// recorded, so that a crash repeats no more than those (directory: more, as repeating changes
// nothing there); to one host, delivery_host_concurrency. A claim is a lease: what a dead flush had
// claimed is taken over when it ends. A host that failed several times in a row is left alone for
// the rest of the run, and what waits for it counts as tried. What cannot be handed over at all is
// set aside until another version tries.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "policy/address_guard.h"
#include "policy/resolver.h"
#include "policy/result.h"
#include "reporter/dkim/dkim_signer.h"
#include "reporter/flush/flush_clock.h"
#include "reporter/flush/flush_log.h"
#include "reporter/options/settings.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {

struct DeliverSummary {
  std::size_t begun = 0;
  std::size_t delivered = 0;
  std::size_t failed = 0;         // Attempts that did not succeed, whatever comes of them.
  std::size_t mail_attempts = 0;  // By mail, and how many of those the transport took.
  std::size_t mail_delivered = 0;
  bool mail_transport_failed = false;  // It could not be reached, at least once.
  std::string last_mail_error;
  bool is_full = false;  // max_deliveries was reached, and something may be left for the next run.
};

// What the parts of delivering need; all of it outlives the call.
struct DeliverContext {
  Store& store;
  const Settings& settings;
  const FlushClock& clock;
  const policy::AddressGuard& guard;
  policy::Resolver& resolver;  // For https hosts; used in a thread of its own.
  FlushLog& log;
  // For so long outcomes that cannot be recorded are tried again: as long as the claims last.
  std::chrono::milliseconds record_patience = std::chrono::minutes(5);
  const DkimSigner* signer = nullptr;  // None: messages are not signed by us.
  std::size_t begun_before = 0;        // In the same run, for max_deliveries.
  // What delivery_host_rate counts in, and for how long a run waits to begin more. What is left
  // then stays due: shorter than the usual time between two runs, so that they do not add up.
  std::chrono::milliseconds rate_window = std::chrono::minutes(1);
  std::chrono::milliseconds rate_patience = std::chrono::minutes(10);
};

// Delivers everything that FILTER means and that is due, until nothing is. IGNORE_SPREAD: what was
// never tried is due at once. Errors are the store's, or Errc::syntax for mail_transport; what is
// under way is waited for and recorded as far as the store allows.
policy::Result<DeliverSummary> deliver_due(const DeliverContext& context,
                                           const DeliveryFilter& filter, bool ignore_spread);

// How long a claim is held: longer than any hand-over can take.
std::chrono::seconds lease_time(const Settings& settings);

}  // namespace tlsrpt::reporter
