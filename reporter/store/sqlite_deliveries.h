// SqliteDeliveries: the deliveries of the SQLite store: claims with a lease, results, overviews.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/result.h"
#include "reporter/store/sqlite.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {

// The delivery in QUERY's present row, whose columns are those of sql::delivery. Errc::syntax:
// damaged.
policy::Result<Delivery> read_delivery(const SqliteStatement& query);
// Those of QUERY, a damaged one with its id and what is wrong.
policy::Result<std::vector<Delivery>> read_deliveries(SqliteStatement& query);

// See Store for what each function does.
class SqliteDeliveries {
 public:
  explicit SqliteDeliveries(SqliteDatabase& database);

  policy::Result<DuePage> due(policy::UtcSeconds now, bool ignore_spread, const DueCursor& after,
                              unsigned limit, const DeliveryFilter& filter);
  policy::Result<ClaimedDeliveries> claim(const std::vector<std::int64_t>& ids,
                                          policy::UtcSeconds now, std::chrono::seconds lease);
  policy::Result<std::optional<policy::UtcSeconds>> next_due(const DeliveryFilter& filter);
  policy::Result<std::vector<Delivery>> deliveries(std::int64_t report_id);
  policy::Result<std::vector<Delivery>> pending_deliveries(const DeliveryFilter& filter,
                                                           std::int64_t after, unsigned limit);
  policy::Status record_attempt(const Delivery& delivery);
  policy::Result<std::optional<FlushTime>> flush_time();
  policy::Status set_flush_time(const FlushTime& time);
  policy::Result<std::uint64_t> mend_times(policy::UtcSeconds now,
                                           std::chrono::seconds longest_wait,
                                           std::chrono::seconds lease);
  policy::Result<std::uint64_t> extend_leases(policy::UtcSeconds now, std::chrono::seconds lease);
  policy::Result<std::optional<policy::UtcSeconds>> remembered(std::string_view name);
  policy::Status remember(std::string_view name, policy::UtcSeconds at);
  policy::Result<std::vector<DeliveryCount>> delivery_counts();
  policy::Result<RecentMail> recent_mail(policy::UtcSeconds since);
  policy::Result<std::vector<DestinationTrouble>> troubled_destinations();

 private:
  policy::Status claim_one(std::int64_t id, policy::UtcSeconds now, std::chrono::seconds lease,
                           ClaimedDeliveries& claimed);

  SqliteDatabase& database_;
  std::string owner_;  // Of our leases: random, so that no other process has it.
};

}  // namespace tlsrpt::reporter
