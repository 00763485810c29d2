#include "reporter/store/sqlite_deliveries.h"

#include <array>
#include <utility>

#include "reporter/store/sqlite_sql.h"
#include "reporter/store/sqlite_values.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Result;
using policy::Status;
using policy::Unit;

constexpr std::string_view version = TLSRPT_VERSION;

std::string random_name() {
  constexpr std::string_view hex = "0123456789abcdef";
  std::array<unsigned char, 16> bytes{};
  sqlite3_randomness(static_cast<int>(bytes.size()), bytes.data());
  std::string name;
  for (const unsigned char byte : bytes) {
    name += hex[byte >> 4U];
    name += hex[byte & 15U];
  }
  return name;
}

// The statement's ?3 to ?5. FILTER must live until it is reset.
void bind_filter(SqliteStatement& statement, const DeliveryFilter& filter) {
  statement.bind(3, filter.day || filter.domain ? 1 : 0);
  if (filter.day) statement.bind(4, number_of(*filter.day));
  if (filter.domain) statement.bind(5, *filter.domain);
}

// While it lives, commits do not wait for the disk; a later one that does takes them along.
class WithoutSync {
 public:
  explicit WithoutSync(SqliteDatabase& database) : database_(database) {
    if (database.in_transaction()) return;  // It cannot be changed there.
    const Result<std::int64_t> level = database.integer("PRAGMA synchronous");
    if (!level.ok() || *level < full) return;
    is_changed_ = database.execute("PRAGMA synchronous = NORMAL").ok();
  }
  WithoutSync(const WithoutSync&) = delete;
  WithoutSync& operator=(const WithoutSync&) = delete;
  ~WithoutSync() {
    if (is_changed_) (void)database_.execute("PRAGMA synchronous = FULL");
  }

 private:
  static constexpr std::int64_t full = 2;
  SqliteDatabase& database_;
  bool is_changed_ = false;
};

}  // namespace

Result<Delivery> read_delivery(const SqliteStatement& query) {
  SqliteRow row(query);
  Delivery delivery;
  delivery.id = row.integer("id");
  delivery.report_id = row.integer("report", 1);
  delivery.destination = row.text("destination");
  delivery.message_id = row.text("message_id");
  delivery.state = static_cast<DeliveryState>(row.integer("state", 1, 4));
  delivery.attempts = static_cast<unsigned>(row.integer("attempts", 0, max_uint32));
  delivery.not_before = row.instant("not_before");
  delivery.first_attempt = row.instant_or_null("first_attempt");
  delivery.last_attempt = row.instant_or_null("last_attempt");
  delivery.last_error = row.text("last_error");
  delivery.set_aside_by = row.text("set_aside_by");
  delivery.created_at = row.instant("created_at");
  delivery.leased_until = row.instant_or_null("lease_until");
  delivery.is_smallest = row.integer("is_smallest", 0, 1) != 0;
  Status good = row.check("delivery " + std::to_string(delivery.id));
  if (!good.ok()) return std::move(good).error();
  return delivery;
}

Result<std::vector<Delivery>> read_deliveries(SqliteStatement& query) {
  std::vector<Delivery> deliveries;
  for (;;) {
    const Result<bool> found = query.step();
    if (!found.ok()) return found.error();
    if (!*found) return deliveries;
    Result<Delivery> delivery = read_delivery(query);
    if (delivery.ok()) {
      deliveries.push_back(*std::move(delivery));
    } else {
      deliveries.emplace_back();
      deliveries.back().id = SqliteRow(query).integer("id");
      deliveries.back().last_error = delivery.error().message();
    }
  }
}

SqliteDeliveries::SqliteDeliveries(SqliteDatabase& database)
    : database_(database), owner_(random_name()) {}

Result<DuePage> SqliteDeliveries::due(policy::UtcSeconds now, bool ignore_spread,
                                      const DueCursor& after, unsigned limit,
                                      const DeliveryFilter& filter) {
  Result<SqliteUse> query =
      database_.use(ignore_spread ? sql::due_or_new_deliveries : sql::due_deliveries);
  if (!query.ok()) return std::move(query).error();
  (*query)->bind(1, policy::unix_seconds(now)).bind(2, limit);
  bind_filter(**query, filter);
  (*query)->bind(6, policy::unix_seconds(after.not_before)).bind(7, after.id).bind(8, version);
  DuePage page;
  page.end = after;
  for (unsigned read = 0;; ++read) {
    const Result<bool> found = (*query)->step();
    if (!found.ok()) return found.error();
    if (!*found) {
      page.is_last = read < limit;
      return page;
    }
    SqliteRow row(**query);
    DueDelivery delivery;
    delivery.id = row.integer("id");
    // Bounds would end the cursor elsewhere.
    delivery.not_before = policy::from_unix_seconds(row.integer("not_before"));
    page.end = {delivery.not_before, delivery.id};
    delivery.destination = row.text("destination");
    const Status good = row.check("delivery " + std::to_string(delivery.id));
    if (good.ok()) {
      page.deliveries.push_back(std::move(delivery));
    } else {
      page.damaged.push_back(good.error().message());
    }
  }
}

Result<ClaimedDeliveries> SqliteDeliveries::claim(const std::vector<std::int64_t>& ids,
                                                  policy::UtcSeconds now,
                                                  std::chrono::seconds lease) {
  // A claim that a power cut takes away was of somebody who is gone, too. That spares half of the
  // waiting for the disk.
  const WithoutSync quick(database_);
  Result<SqliteTransaction> transaction = SqliteTransaction::begin(database_);
  if (!transaction.ok()) return std::move(transaction).error();
  ClaimedDeliveries claimed;
  for (const std::int64_t id : ids) {
    Status done = claim_one(id, now, lease, claimed);
    if (!done.ok()) return std::move(done).error();
  }
  // Nothing claimed, nothing written: the transaction is given up without touching the disk.
  if (claimed.deliveries.empty()) return claimed;
  Status done = transaction->commit();
  if (!done.ok()) return std::move(done).error();
  return claimed;
}

Status SqliteDeliveries::claim_one(std::int64_t id, policy::UtcSeconds now,
                                   std::chrono::seconds lease, ClaimedDeliveries& claimed) {
  {
    Result<SqliteUse> query = database_.use(sql::free_delivery);
    if (!query.ok()) return std::move(query).error();
    (*query)->bind(1, id).bind(2, policy::unix_seconds(now));
    const Result<bool> found = (*query)->step();
    if (!found.ok()) return found.error();
    if (!*found) return Unit{};  // Another reporter was first, or has tried it meanwhile.
    Result<Delivery> read = read_delivery(**query);
    if (!read.ok()) {
      claimed.damaged.push_back(read.error().message());
      return Unit{};
    }
    claimed.deliveries.push_back(*std::move(read));
  }
  Result<SqliteUse> statement = database_.use(sql::lease_delivery);
  if (!statement.ok()) return std::move(statement).error();
  return (*statement)->bind(1, id).bind(2, owner_).bind(3, policy::unix_seconds(now + lease)).run();
}

Result<std::vector<Delivery>> SqliteDeliveries::deliveries(std::int64_t report_id) {
  Result<SqliteUse> query = database_.use(sql::deliveries_of_report);
  if (!query.ok()) return std::move(query).error();
  (*query)->bind(1, report_id);
  return read_deliveries(**query);
}

Status SqliteDeliveries::record_attempt(const Delivery& delivery) {
  Result<SqliteTransaction> transaction = SqliteTransaction::begin(database_);
  if (!transaction.ok()) return std::move(transaction).error();
  const std::string last_error = to_note(delivery.last_error);
  Result<SqliteUse> statement = database_.use(sql::record_attempt);
  if (!statement.ok()) return std::move(statement).error();
  Status done = (*statement)
                    ->bind(1, delivery.id)
                    .bind(2, static_cast<std::int64_t>(delivery.state))
                    .bind(3, std::int64_t{delivery.attempts})
                    .bind(4, policy::unix_seconds(delivery.not_before))
                    .bind(5, to_seconds(delivery.first_attempt))
                    .bind(6, to_seconds(delivery.last_attempt))
                    .bind(7, last_error)
                    .bind(8, owner_)
                    .bind(9, delivery.set_aside_by)
                    .bind(10, std::int64_t{delivery.is_smallest ? 1 : 0})
                    .run();
  if (!done.ok()) return done;
  if (database_.changes() > 0) return transaction->commit();

  Result<SqliteUse> query = database_.use(sql::has_delivery);
  if (!query.ok()) return std::move(query).error();
  const Result<bool> found = (*query)->bind(1, delivery.id).step();
  if (!found.ok()) return found.error();
  const std::string name = "delivery " + std::to_string(delivery.id);
  if (!*found) return Error(Errc::not_found, "no " + name);
  return Error(Errc::temporary, name + " was taken over by another reporter");
}

Result<std::vector<Delivery>> SqliteDeliveries::pending_deliveries(const DeliveryFilter& filter,
                                                                   std::int64_t after,
                                                                   unsigned limit) {
  Result<SqliteUse> query = database_.use(sql::pending_deliveries);
  if (!query.ok()) return std::move(query).error();
  (*query)->bind(1, after).bind(2, limit);
  bind_filter(**query, filter);
  return read_deliveries(**query);
}

Result<std::optional<policy::UtcSeconds>> SqliteDeliveries::next_due(const DeliveryFilter& filter) {
  Result<SqliteUse> query = database_.use(sql::next_due);
  if (!query.ok()) return std::move(query).error();
  bind_filter(**query, filter);
  (*query)->bind(8, version);
  const Result<bool> found = (*query)->step();
  if (!found.ok()) return found.error();
  SqliteRow row(**query);
  const std::optional<policy::UtcSeconds> due = row.instant_or_null("due");
  Status good = row.check("deliveries");
  if (!good.ok()) return std::move(good).error();
  return due;
}

Result<std::optional<FlushTime>> SqliteDeliveries::flush_time() {
  Result<SqliteUse> query = database_.use(sql::flush_time);
  if (!query.ok()) return std::move(query).error();
  const Result<bool> found = (*query)->step();
  if (!found.ok()) return found.error();
  if (!*found) return std::optional<FlushTime>();
  SqliteRow row(**query);
  FlushTime time;
  time.seen = row.instant("seen");
  time.believed = row.instant("believed");
  time.doubted_since = row.instant_or_null("doubted_since");
  // It is written again at once; without it a flush is as good as the first.
  return row.check("flush_time").ok() ? std::optional(time) : std::nullopt;
}

Status SqliteDeliveries::set_flush_time(const FlushTime& time) {
  Result<SqliteUse> statement = database_.use(sql::set_flush_time);
  if (!statement.ok()) return std::move(statement).error();
  return (*statement)
      ->bind(1, policy::unix_seconds(time.seen))
      .bind(2, policy::unix_seconds(time.believed))
      .bind(3, to_seconds(time.doubted_since))
      .run();
}

Result<std::uint64_t> SqliteDeliveries::mend_times(policy::UtcSeconds now,
                                                   std::chrono::seconds longest_wait,
                                                   std::chrono::seconds lease) {
  Result<SqliteTransaction> transaction = SqliteTransaction::begin(database_);
  if (!transaction.ok()) return std::move(transaction).error();
  std::uint64_t mended = 0;
  const std::int64_t seconds = policy::unix_seconds(now);
  {
    Result<SqliteUse> statement = database_.use(sql::mend_not_before);
    if (!statement.ok()) return std::move(statement).error();
    Status done = (*statement)->bind(1, seconds).bind(2, seconds + longest_wait.count()).run();
    if (!done.ok()) return std::move(done).error();
    mended = static_cast<std::uint64_t>(database_.changes());
  }
  for (const auto& [text, instant] : {std::pair(sql::mend_first_attempt, seconds),
                                      std::pair(sql::shorten_leases, seconds + lease.count())}) {
    Result<SqliteUse> statement = database_.use(text);
    if (!statement.ok()) return std::move(statement).error();
    Status done = (*statement)->bind(1, instant).run();
    if (!done.ok()) return std::move(done).error();
  }
  Status done = transaction->commit();
  if (!done.ok()) return std::move(done).error();
  return mended;
}

Result<std::uint64_t> SqliteDeliveries::extend_leases(policy::UtcSeconds now,
                                                      std::chrono::seconds lease) {
  Result<SqliteUse> statement = database_.use(sql::extend_leases);
  if (!statement.ok()) return std::move(statement).error();
  const std::int64_t seconds = policy::unix_seconds(now);
  Status done = (*statement)->bind(1, seconds + lease.count()).bind(2, seconds).run();
  if (!done.ok()) return std::move(done).error();
  return static_cast<std::uint64_t>(database_.changes());
}

Result<std::optional<policy::UtcSeconds>> SqliteDeliveries::remembered(std::string_view name) {
  Result<SqliteUse> query = database_.use(sql::remembered);
  if (!query.ok()) return std::move(query).error();
  const Result<bool> found = (*query)->bind(1, name).step();
  if (!found.ok()) return found.error();
  if (!*found) return std::optional<policy::UtcSeconds>();
  SqliteRow row(**query);
  const policy::UtcSeconds at = row.instant("at");
  // A damaged one is written again by whoever remembers it next.
  return row.check("remembered").ok() ? std::optional(at) : std::nullopt;
}

Status SqliteDeliveries::remember(std::string_view name, policy::UtcSeconds at) {
  Result<SqliteUse> statement = database_.use(sql::remember);
  if (!statement.ok()) return std::move(statement).error();
  return (*statement)->bind(1, name).bind(2, policy::unix_seconds(at)).run();
}

Result<std::vector<DeliveryCount>> SqliteDeliveries::delivery_counts() {
  Result<SqliteUse> query = database_.use(sql::delivery_counts);
  if (!query.ok()) return std::move(query).error();
  (*query)->bind(8, version);
  std::vector<DeliveryCount> counts;
  for (;;) {
    const Result<bool> found = (*query)->step();
    if (!found.ok()) return found.error();
    if (!*found) return counts;
    SqliteRow row(**query);
    DeliveryCount count;
    count.day = to_day(row.integer("day", least_day, most_day));
    count.state = static_cast<DeliveryState>(row.integer("state", 1, 4));
    count.set_aside = row.integer("set aside", 0, 1) != 0;
    count.deliveries = static_cast<std::uint64_t>(row.integer("count", 1));
    count.oldest = row.instant("created_at");
    Status good = row.check("deliveries");
    if (!good.ok()) return std::move(good).error();
    counts.push_back(count);
  }
}

Result<RecentMail> SqliteDeliveries::recent_mail(policy::UtcSeconds since) {
  RecentMail mail;
  {
    Result<SqliteUse> query = database_.use(sql::has_sent_mail);
    if (!query.ok()) return std::move(query).error();
    const Result<bool> found = (*query)->bind(1, policy::unix_seconds(since)).step();
    if (!found.ok()) return found.error();
    mail.sent = *found;
  }
  Result<SqliteUse> query = database_.use(sql::mail_failures);
  if (!query.ok()) return std::move(query).error();
  (*query)->bind(1, policy::unix_seconds(since));
  Result<std::vector<Delivery>> failures = read_deliveries(**query);
  if (!failures.ok()) return std::move(failures).error();
  mail.failures = *std::move(failures);
  return mail;
}

Result<std::vector<DestinationTrouble>> SqliteDeliveries::troubled_destinations() {
  Result<SqliteUse> query = database_.use(sql::troubled_destinations);
  if (!query.ok()) return std::move(query).error();
  (*query)->bind(8, version);
  std::vector<DestinationTrouble> troubles;
  for (;;) {
    const Result<bool> found = (*query)->step();
    if (!found.ok()) return found.error();
    if (!*found) return troubles;
    SqliteRow row(**query);
    DestinationTrouble trouble;
    trouble.destination = row.text("destination");
    trouble.last_error = row.text("last_error");
    trouble.last_attempt = row.instant_or_null("last_attempt");
    trouble.pending = static_cast<std::uint64_t>(row.integer("pending", 0));
    trouble.set_aside = static_cast<std::uint64_t>(row.integer("set aside", 0));
    trouble.given_up = static_cast<std::uint64_t>(row.integer("given up", 0));
    Status good = row.check("destinations");
    if (!good.ok()) return std::move(good).error();
    troubles.push_back(std::move(trouble));
  }
}

}  // namespace tlsrpt::reporter
