#include "reporter/store/sqlite_bounces.h"

#include <chrono>
#include <string>
#include <utility>

#include "reporter/store/sqlite_deliveries.h"
#include "reporter/store/sqlite_sql.h"
#include "reporter/store/sqlite_values.h"

namespace tlsrpt::reporter {
namespace {

using policy::Result;
using policy::Status;

// Hosts whose clocks differ a little share a store.
constexpr std::chrono::hours clocks_differ{1};

}  // namespace

Result<std::optional<Delivery>> SqliteBounces::delivery(std::int64_t id) {
  Result<SqliteUse> query = database_.use(sql::delivery);
  if (!query.ok()) return std::move(query).error();
  const Result<bool> found = (*query)->bind(1, id).step();
  if (!found.ok()) return found.error();
  if (!*found) return std::optional<Delivery>();
  Result<Delivery> read = read_delivery(**query);
  if (!read.ok()) return std::move(read).error();
  return std::optional(*std::move(read));
}

Result<std::vector<Delivery>> SqliteBounces::deliveries_of_message(std::string_view message_id) {
  Result<SqliteUse> query = database_.use(sql::deliveries_of_message);
  if (!query.ok()) return std::move(query).error();
  (*query)->bind(1, message_id);
  Result<std::vector<Delivery>> read = read_deliveries(**query);
  if (read.ok())
    std::erase_if(*read, [](const Delivery& each) { return each.destination.empty(); });
  return read;
}

Result<bool> SqliteBounces::record_bounce(std::int64_t id, std::string_view reason,
                                          const std::optional<Suppression>& suppression) {
  Result<SqliteTransaction> transaction = SqliteTransaction::begin(database_);
  if (!transaction.ok()) return std::move(transaction).error();
  const std::string note = to_note(reason);
  Result<SqliteUse> statement = database_.use(sql::record_bounce);
  if (!statement.ok()) return std::move(statement).error();
  Status done = (*statement)->bind(1, id).bind(2, note).run();
  if (!done.ok()) return std::move(done).error();
  if (database_.changes() == 0) return false;
  if (suppression) done = suppress(*suppression);
  if (done.ok()) done = transaction->commit();
  if (!done.ok()) return std::move(done).error();
  return true;
}

Status SqliteBounces::suppress(const Suppression& suppression) {
  const std::string note = to_note(suppression.reason);
  Result<SqliteUse> statement = database_.use(sql::suppress);
  if (!statement.ok()) return std::move(statement).error();
  return (*statement)
      ->bind(1, suppression.destination)
      .bind(2, note)
      .bind(3, policy::unix_seconds(suppression.since))
      .bind(4, policy::unix_seconds(suppression.until))
      .run();
}

Result<bool> SqliteBounces::send_smallest(std::int64_t id, std::string_view reason,
                                          policy::UtcSeconds now) {
  const std::string note = to_note(reason);
  Result<SqliteUse> statement = database_.use(sql::send_smallest);
  if (!statement.ok()) return std::move(statement).error();
  Status done = (*statement)->bind(1, id).bind(2, note).bind(3, policy::unix_seconds(now)).run();
  if (!done.ok()) return std::move(done).error();
  return database_.changes() > 0;
}

Result<std::vector<Suppression>> SqliteBounces::suppressions(policy::UtcSeconds now) {
  Result<SqliteUse> query = database_.use(sql::suppressions);
  if (!query.ok()) return std::move(query).error();
  (*query)->bind(1, policy::unix_seconds(now)).bind(2, policy::unix_seconds(now + clocks_differ));
  std::vector<Suppression> suppressions;
  for (;;) {
    const Result<bool> found = (*query)->step();
    if (!found.ok()) return found.error();
    if (!*found) return suppressions;
    SqliteRow row(**query);
    Suppression suppression;
    suppression.destination = row.text("destination");
    suppression.reason = row.text("reason");
    suppression.since = row.instant("since");
    suppression.until = row.instant("until");
    // What cannot be read holds nothing back.
    if (row.check("suppression").ok()) suppressions.push_back(std::move(suppression));
  }
}

Result<bool> SqliteBounces::lift_suppression(std::string_view destination) {
  Result<SqliteUse> statement = database_.use(sql::lift_suppression);
  if (!statement.ok()) return std::move(statement).error();
  Status done = (*statement)->bind(1, destination).run();
  if (!done.ok()) return std::move(done).error();
  return database_.changes() > 0;
}

}  // namespace tlsrpt::reporter
