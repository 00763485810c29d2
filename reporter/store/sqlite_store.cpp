#include "reporter/store/sqlite_store.h"

#include <limits>
#include <utility>

#include "policy/text.h"
#include "reporter/store/sqlite_facts.h"
#include "reporter/store/sqlite_open.h"
#include "reporter/store/sqlite_sql.h"
#include "reporter/store/sqlite_values.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Ignored;
using policy::Result;
using policy::Status;
using policy::Unit;

}  // namespace

Result<std::unique_ptr<Store>> SqliteStore::open(const std::string& path, StoreAccess access,
                                                 const StoreLimits& limits) {
  Result<SqliteDatabase> database = open_sqlite(path, access, limits.busy_timeout, limits.waiting);
  if (!database.ok()) return std::move(database).error();
  if (limits.hurry != nullptr) database->hurry_on(*limits.hurry);
  return std::unique_ptr<Store>(std::make_unique<SqliteStore>(std::move(*database), limits));
}

SqliteStore::SqliteStore(SqliteDatabase database, const StoreLimits& limits)
    : database_(std::move(database)),
      limits_(limits),
      texts_(database_),
      facts_(database_, texts_, limits_),
      reports_(database_),
      deliveries_(database_),
      bounces_(database_) {}

Result<std::optional<CollectorState>> SqliteStore::collector_state(std::string_view relay,
                                                                   std::string_view source) {
  database_.forget_stale_pages();
  Result<SqliteUse> query = database_.use(sql::collector_state);
  if (!query.ok()) return std::move(query).error();
  const Result<bool> found = (*query)->bind(1, relay).bind(2, source).step();
  if (!found.ok()) return found.error();
  if (!*found) return std::optional<CollectorState>();
  SqliteRow row(**query);
  CollectorState state;
  state.position = row.blob("position");
  state.pending = row.blob("pending");
  state.read_until = row.instant_or_null("read_until");
  Status good = row.check("state of collector " + std::string(relay));
  if (!good.ok()) return std::move(good).error();
  return std::optional(std::move(state));
}

Status SqliteStore::still_there() { return database_.still_there(); }

Status SqliteStore::commit(const Batch& batch) {
  if (Status there = still_there(); !there.ok()) return there;
  database_.forget_stale_pages();
  Result<SqliteTransaction> transaction = SqliteTransaction::begin(database_);
  if (!transaction.ok()) return std::move(transaction).error().context(database_.path());
  Status done = forget_if_changed();
  if (done.ok()) done = write(batch);
  if (done.ok()) done = transaction->commit();
  if (done.ok()) return done;
  // What was remembered may have been rolled back.
  forget();
  return std::move(done).error().context(database_.path());
}

// REQUIRES: a transaction, so that nobody writes after we have looked.
Status SqliteStore::forget_if_changed() {
  const Result<std::int64_t> version = database_.integer(sql::data_version);
  if (!version.ok()) return version.error();
  if (*version == data_version_) return Unit{};
  texts_.forget();
  facts_.forget();
  data_version_ = *version;
  return Unit{};
}

void SqliteStore::forget() {
  texts_.forget();
  facts_.forget();
  mx_handshakes_.reset();
}

Status SqliteStore::write(const Batch& batch) {
  SqliteFactWriter::IgnoredCounts ignored = batch.ignored;
  for (const policy::Fact& fact : batch.facts) {
    Status done = facts_.add(fact, ignored);
    if (!done.ok()) return done;
  }
  SqliteFactWriter::IgnoredCounts not_ignored = batch.taken_back.ignored;
  for (const policy::Fact& fact : batch.taken_back.facts) {
    Status done = facts_.take_back(fact, not_ignored);
    if (!done.ok()) return done;
  }
  Status done = write_ignored(sql::add_ignored, ignored);
  if (done.ok()) done = write_ignored(sql::take_from_ignored, not_ignored);
  if (done.ok()) done = write_lost(batch);
  if (done.ok()) done = write_seen(batch);
  if (done.ok()) done = facts_.finish();
  if (!done.ok()) return done;

  Result<SqliteUse> statement = database_.use(sql::set_collector);
  if (!statement.ok()) return std::move(statement).error();
  return (*statement)
      ->bind(1, batch.relay)
      .bind(2, batch.source)
      .bind(3, to_seconds(batch.state.read_until))
      .bind(4, policy::unix_seconds(batch.committed_at))
      .bind_blob(5, batch.state.position)
      .bind_blob(6, batch.state.pending)
      .run();
}

// STATEMENT adds COUNTS or takes them back.
Status SqliteStore::write_ignored(std::string_view statement,
                                  const SqliteFactWriter::IgnoredCounts& counts) {
  for (const auto& [key, sessions] : counts) {
    if (sessions == 0) continue;
    const auto& [day, kind] = key;
    Status done = facts_.mention(day);
    if (!done.ok()) return done;
    Result<SqliteUse> write = database_.use(statement);
    if (!write.ok()) return std::move(write).error();
    done = (*write)
               ->bind(1, number_of(day))
               .bind(2, static_cast<std::int64_t>(kind))
               .bind(3, static_cast<std::int64_t>(sessions))
               .run();
    if (!done.ok()) return done;
  }
  return Unit{};
}

Status SqliteStore::write_lost(const Batch& batch) {
  for (const auto& [key, lost] : batch.lost_datagrams) {
    Status done = facts_.mention(key.first);
    if (!done.ok()) return done;
    Result<SqliteUse> statement = database_.use(sql::add_lost_datagrams);
    if (!statement.ok()) return std::move(statement).error();
    done = (*statement)
               ->bind(1, number_of(key.first))
               .bind(2, static_cast<std::int64_t>(key.second))
               .bind(3, static_cast<std::int64_t>(lost.count))
               .bind(4, policy::unix_seconds(lost.last))
               .run();
    if (!done.ok()) return done;
  }
  for (const auto& [day, forgotten] : batch.forgotten_queue_ids) {
    Status done = facts_.mention(day);
    if (!done.ok()) return done;
    Result<SqliteUse> statement = database_.use(sql::add_forgotten_queue_ids);
    if (!statement.ok()) return std::move(statement).error();
    done = (*statement)
               ->bind(1, number_of(day))
               .bind(2, static_cast<std::int64_t>(forgotten.ours))
               .bind(3, static_cast<std::int64_t>(forgotten.doubtful))
               .bind(4, to_seconds(forgotten.last))
               .run();
    if (!done.ok()) return done;
  }
  return Unit{};
}

// Samples, TLS lines, handshakes and records of BATCH.
Status SqliteStore::write_seen(const Batch& batch) {
  for (const auto& [key, record] : batch.seen_records) {
    Status done = facts_.set_seen_record(key.first, key.second, record);
    if (!done.ok()) return done;
  }
  for (const NotUnderstood& sample : batch.not_understood) {
    Result<SqliteUse> statement = database_.use(sql::add_not_understood);
    if (!statement.ok()) return std::move(statement).error();
    const std::string_view line = std::string_view(sample.text).substr(0, max_not_understood_line);
    Status done = (*statement)
                      ->bind(1, number_of(sample.day))
                      .bind_blob(2, line)
                      .bind(3, max_not_understood)
                      .run();
    if (!done.ok()) return done;
  }
  for (const Batch::TlsLogged& logged : batch.tls_logged) {
    const Result<std::int64_t> relay = texts_.intern(logged.relay);
    if (!relay.ok()) return relay.error();
    const Result<std::int64_t> service = texts_.intern(logged.service);
    if (!service.ok()) return service.error();
    Result<SqliteUse> statement = database_.use(sql::add_tls_logged);
    if (!statement.ok()) return std::move(statement).error();
    Status done = (*statement)
                      ->bind(1, *relay)
                      .bind(2, *service)
                      .bind(3, number_of(policy::day_of(logged.first)))
                      .bind(4, policy::unix_seconds(logged.first))
                      .bind(5, policy::unix_seconds(logged.last))
                      .run();
    if (!done.ok()) return done;
  }
  for (const Batch::MxHandshake& handshake : batch.mx_handshakes) {
    Status done = write_handshake(handshake);
    if (!done.ok()) return done;
  }
  return Unit{};
}

Status SqliteStore::write_handshake(const Batch::MxHandshake& handshake) {
  if (!mx_handshakes_) {
    const Result<std::int64_t> count = database_.integer(sql::count_mx_handshakes);
    if (!count.ok()) return count.error();
    mx_handshakes_ = *count;
  }
  const bool full = *mx_handshakes_ >= max_mx_handshakes;
  std::array<std::int64_t, 2> ids{};
  std::size_t column = 0;
  for (const std::string_view text :
       {std::string_view(handshake.mx_host), std::string_view(handshake.mx_ip)}) {
    const Result<std::optional<std::int64_t>> found = texts_.find(text);
    if (!found.ok()) return found.error();
    if (!*found && full) return Unit{};
    const Result<std::int64_t> id = *found ? Result(**found) : texts_.intern(text);
    if (!id.ok()) return id.error();
    ids.at(column++) = *id;
  }
  const auto run = [&](std::string_view text) -> Status {
    Result<SqliteUse> statement = database_.use(text);
    if (!statement.ok()) return std::move(statement).error();
    return (*statement)->bind(1, ids[0]).bind(2, ids[1]).bind(3, number_of(handshake.day)).run();
  };
  Status done = run(sql::renew_mx_handshake);
  if (!done.ok() || database_.changes() > 0 || full) return done;
  done = run(sql::add_mx_handshake);
  if (done.ok()) *mx_handshakes_ += 1;
  return done;
}

Result<bool> SqliteStore::is_report_message(std::string_view message_id, policy::UtcSeconds since) {
  Result<SqliteUse> query = database_.use(sql::is_report_message);
  if (!query.ok()) return std::move(query).error();
  return (*query)->bind(1, message_id).bind(2, policy::unix_seconds(since)).step();
}

Result<std::optional<policy::UtcDay>> SqliteStore::last_handshake(std::string_view mx_host,
                                                                  std::string_view mx_ip) {
  Result<SqliteUse> query = database_.use(sql::last_handshake);
  if (!query.ok()) return std::move(query).error();
  const Result<bool> found = (*query)->bind(1, mx_host).bind(2, mx_ip).step();
  if (!found.ok()) return found.error();
  if (!*found) return std::optional<policy::UtcDay>();
  SqliteRow row(**query);
  const std::int64_t day = row.integer("day", least_day, most_day);
  Status good = row.check("handshake with " + std::string(mx_host));
  if (!good.ok()) return std::move(good).error();
  return std::optional(to_day(day));
}

Result<std::vector<std::string>> SqliteStore::domains(policy::UtcDay day) {
  return read_domains(database_, day);
}

Result<std::vector<policy::Fact>> SqliteStore::facts(policy::UtcDay day, std::string_view domain,
                                                     std::optional<std::uint32_t> revision) {
  return read_facts(database_, day, domain, revision);
}

Result<std::map<Ignored, std::uint64_t>> SqliteStore::ignored(policy::UtcDay day) {
  Result<SqliteUse> query = database_.use(sql::ignored_of_day);
  if (!query.ok()) return std::move(query).error();
  (*query)->bind(1, number_of(day));
  std::map<Ignored, std::uint64_t> counts;
  for (;;) {
    const Result<bool> found = (*query)->step();
    if (!found.ok()) return found.error();
    if (!*found) return counts;
    SqliteRow row(**query);
    const auto kind = static_cast<Ignored>(row.integer("kind", 0, 255));
    if (policy::to_text(kind).empty()) row.fault("kind", "is unknown");
    const auto sessions = static_cast<std::uint64_t>(row.integer("sessions", 0));
    Status good = row.check("ignored sessions of " + policy::to_text(day));
    if (!good.ok()) return std::move(good).error();
    counts[kind] = sessions;
  }
}

Result<std::map<policy::DatagramLoss, LostDatagrams>> SqliteStore::lost_datagrams(
    policy::UtcDay day) {
  Result<SqliteUse> query = database_.use(sql::lost_datagrams_of_day);
  if (!query.ok()) return std::move(query).error();
  (*query)->bind(1, number_of(day));
  std::map<policy::DatagramLoss, LostDatagrams> found;
  for (;;) {
    const Result<bool> more = (*query)->step();
    if (!more.ok()) return more.error();
    if (!*more) return found;
    SqliteRow row(**query);
    const auto kind = static_cast<policy::DatagramLoss>(row.integer("kind", 0, 255));
    if (policy::to_text(kind).empty()) row.fault("kind", "is unknown");
    const auto count = static_cast<std::uint64_t>(row.integer("count", 0));
    const policy::UtcSeconds last = row.instant("last");
    Status good = row.check("lost datagrams of " + policy::to_text(day));
    if (!good.ok()) return std::move(good).error();
    found[kind] = {count, last};
  }
}

Result<ForgottenQueueIds> SqliteStore::forgotten_queue_ids(policy::UtcDay day) {
  Result<SqliteUse> query = database_.use(sql::forgotten_queue_ids_of_day);
  if (!query.ok()) return std::move(query).error();
  const Result<bool> found = (*query)->bind(1, number_of(day)).step();
  if (!found.ok()) return found.error();
  ForgottenQueueIds forgotten;
  if (!*found) return forgotten;
  SqliteRow row(**query);
  forgotten.ours = static_cast<std::uint64_t>(row.integer("ours", 0));
  forgotten.doubtful = static_cast<std::uint64_t>(row.integer("doubtful", 0));
  forgotten.last = row.instant("last");
  Status good = row.check("forgotten queue ids of " + policy::to_text(day));
  if (!good.ok()) return std::move(good).error();
  return forgotten;
}

Result<bool> SqliteStore::tls_logged(std::string_view relay, std::string_view service,
                                     policy::UtcSeconds instant) {
  constexpr std::int64_t window = 24L * 60 * 60;
  const std::int64_t seconds = policy::unix_seconds(instant);
  Result<SqliteUse> query = database_.use(sql::tls_logged);
  if (!query.ok()) return std::move(query).error();
  return (*query)
      ->bind(1, relay)
      .bind(2, service)
      .bind(3, seconds - window)
      .bind(4, seconds + window)
      .step();
}

Result<std::vector<CollectorInfo>> SqliteStore::collectors() {
  Result<SqliteUse> query = database_.use(sql::collectors);
  if (!query.ok()) return std::move(query).error();
  std::vector<CollectorInfo> collectors;
  for (;;) {
    const Result<bool> found = (*query)->step();
    if (!found.ok()) return found.error();
    if (!*found) return collectors;
    SqliteRow row(**query);
    CollectorInfo info;
    info.relay = row.any_text("relay");
    info.source = row.any_text("source");
    info.read_until = row.instant_or_null("read_until");
    info.committed_at = row.instant("committed_at");
    const Status good = row.check("collectors");
    if (!good.ok()) info = {info.relay, info.source, std::nullopt, {}, good.error().message()};
    collectors.push_back(std::move(info));
  }
}

Status SqliteStore::set_collector_trouble(const CollectorTrouble& trouble) {
  Result<SqliteUse> statement = database_.use(sql::set_collector_trouble);
  if (!statement.ok()) return std::move(statement).error();
  return (*statement)
      ->bind(1, trouble.relay)
      .bind(2, trouble.name)
      .bind(3, trouble.text)
      .bind(4, policy::unix_seconds(trouble.since))
      .bind(5, to_seconds(trouble.until))
      .run();
}

Result<std::vector<CollectorTrouble>> SqliteStore::collector_troubles() {
  Result<SqliteUse> query = database_.use(sql::collector_troubles);
  if (!query.ok()) return std::move(query).error();
  std::vector<CollectorTrouble> troubles;
  for (;;) {
    const Result<bool> found = (*query)->step();
    if (!found.ok()) return found.error();
    if (!*found) return troubles;
    SqliteRow row(**query);
    CollectorTrouble trouble;
    trouble.relay = row.any_text("relay");
    trouble.name = row.any_text("name");
    trouble.text = row.any_text("trouble");
    trouble.since = row.instant("since");
    trouble.until = row.instant_or_null("until");
    const Status good = row.check("collector troubles");
    if (!good.ok())
      trouble = {trouble.relay, trouble.name, good.error().message(), {}, std::nullopt};
    troubles.push_back(std::move(trouble));
  }
}

Result<std::vector<NotUnderstood>> SqliteStore::not_understood(policy::UtcDay day) {
  Result<SqliteUse> query = database_.use(sql::not_understood_of_day);
  if (!query.ok()) return std::move(query).error();
  (*query)->bind(1, number_of(day));
  std::vector<NotUnderstood> samples;
  for (;;) {
    const Result<bool> found = (*query)->step();
    if (!found.ok()) return found.error();
    if (!*found) return samples;
    SqliteRow row(**query);
    samples.push_back({day, row.blob("line")});
    Status good = row.check("lines not understood on " + policy::to_text(day));
    if (!good.ok()) return std::move(good).error();
  }
}

Result<std::vector<policy::UtcDay>> SqliteStore::days() {
  Result<SqliteUse> query = database_.use(sql::days);
  if (!query.ok()) return std::move(query).error();
  (*query)->bind(1, least_day).bind(2, most_day);
  std::vector<policy::UtcDay> days;
  for (;;) {
    const Result<bool> found = (*query)->step();
    if (!found.ok()) return found.error();
    if (!*found) return days;
    SqliteRow row(**query);
    days.push_back(to_day(row.integer("day", least_day, most_day)));
    Status good = row.check("days");
    if (!good.ok()) return std::move(good).error();
  }
}

Result<OpenPage> SqliteStore::open_days(policy::UtcDay before, std::int64_t after, unsigned limit) {
  return reports_.open_days(before, after, limit);
}

Result<std::uint64_t> SqliteStore::open_domains(policy::UtcDay before) {
  return reports_.open_domains(before);
}

Result<std::vector<OpenDay>> SqliteStore::settled_days(policy::UtcDay before,
                                                       std::string_view domain) {
  return reports_.settled_days(before, domain);
}

Result<std::map<policy::UtcDay, ReportCount>> SqliteStore::report_counts() {
  return reports_.report_counts();
}

Result<std::vector<UnreportedCount>> SqliteStore::unreported() { return reports_.unreported(); }

Status SqliteStore::close_day(const StoredReport& report, const std::vector<Delivery>& deliveries,
                              std::uint64_t sessions_seen,
                              const std::vector<ProvenPlaintext>& proven) {
  // Our own changes do not move the data version.
  facts_.forget();
  return reports_.close_day(report, deliveries, sessions_seen, proven);
}

Status SqliteStore::note_lookup(policy::UtcDay day, std::string_view domain,
                                const LookupNote& note) {
  facts_.forget();
  return reports_.note_lookup(day, domain, note);
}

Result<std::optional<LookupNote>> SqliteStore::lookup_note(policy::UtcDay day,
                                                           std::string_view domain) {
  return reports_.lookup_note(day, domain);
}

Result<std::string> SqliteStore::seen_record(policy::UtcDay day, std::string_view domain) {
  return reports_.seen_record(day, domain);
}

Result<std::vector<LookupNoteInfo>> SqliteStore::lookup_notes() { return reports_.lookup_notes(); }

Status SqliteStore::grouped(const std::function<Status()>& work) {
  if (database_.in_transaction()) return Error(Errc::internal, "grouped writes are nested");
  Result<SqliteTransaction> transaction = SqliteTransaction::begin(database_);
  if (!transaction.ok()) return std::move(transaction).error();
  database_.require_outer_transaction(true);
  Status done = work();
  database_.require_outer_transaction(false);
  if (done.ok() && !database_.in_transaction()) {
    done = Error(Errc::io, "SQLite: the transaction was rolled back after an earlier error");
  }
  if (done.ok()) done = transaction->commit();
  if (!done.ok()) forget();
  return done;
}

Result<DuePage> SqliteStore::due(policy::UtcSeconds now, bool ignore_spread, const DueCursor& after,
                                 unsigned limit, const DeliveryFilter& filter) {
  return deliveries_.due(now, ignore_spread, after, limit, filter);
}

Result<ClaimedDeliveries> SqliteStore::claim(const std::vector<std::int64_t>& ids,
                                             policy::UtcSeconds now, std::chrono::seconds lease) {
  return deliveries_.claim(ids, now, lease);
}

Result<std::optional<policy::UtcSeconds>> SqliteStore::next_due(const DeliveryFilter& filter) {
  return deliveries_.next_due(filter);
}

Result<std::vector<Delivery>> SqliteStore::pending_deliveries(const DeliveryFilter& filter,
                                                              std::int64_t after, unsigned limit) {
  return deliveries_.pending_deliveries(filter, after, limit);
}

Result<std::vector<DeliveryCount>> SqliteStore::delivery_counts() {
  return deliveries_.delivery_counts();
}

Result<RecentMail> SqliteStore::recent_mail(policy::UtcSeconds since) {
  return deliveries_.recent_mail(since);
}

Result<std::vector<DestinationTrouble>> SqliteStore::troubled_destinations() {
  return deliveries_.troubled_destinations();
}

Result<StoredReport> SqliteStore::report(std::int64_t report_id) {
  return reports_.report(report_id);
}

Result<std::vector<StoredReport>> SqliteStore::reports(std::optional<policy::UtcDay> day) {
  return reports_.reports(day);
}

Result<std::vector<StoredReport>> SqliteStore::list_reports(std::optional<policy::UtcDay> day) {
  return reports_.list_reports(day);
}

Result<std::vector<Delivery>> SqliteStore::deliveries(std::int64_t report_id) {
  return deliveries_.deliveries(report_id);
}

Status SqliteStore::record_attempt(const Delivery& delivery) {
  return deliveries_.record_attempt(delivery);
}

Result<std::optional<Delivery>> SqliteStore::delivery(std::int64_t id) {
  return bounces_.delivery(id);
}

Result<std::vector<Delivery>> SqliteStore::deliveries_of_message(std::string_view message_id) {
  return bounces_.deliveries_of_message(message_id);
}

Result<bool> SqliteStore::record_bounce(std::int64_t id, std::string_view reason,
                                        const std::optional<Suppression>& suppression) {
  return bounces_.record_bounce(id, reason, suppression);
}

Result<bool> SqliteStore::send_smallest(std::int64_t id, std::string_view reason,
                                        policy::UtcSeconds now) {
  return bounces_.send_smallest(id, reason, now);
}

Result<std::vector<Suppression>> SqliteStore::suppressions(policy::UtcSeconds now) {
  return bounces_.suppressions(now);
}

Result<bool> SqliteStore::lift_suppression(std::string_view destination) {
  return bounces_.lift_suppression(destination);
}

Result<std::optional<FlushTime>> SqliteStore::flush_time() { return deliveries_.flush_time(); }

Status SqliteStore::set_flush_time(const FlushTime& time) {
  return deliveries_.set_flush_time(time);
}

Result<std::uint64_t> SqliteStore::mend_times(policy::UtcSeconds now,
                                              std::chrono::seconds longest_wait,
                                              std::chrono::seconds lease) {
  return deliveries_.mend_times(now, longest_wait, lease);
}

Result<std::uint64_t> SqliteStore::extend_leases(policy::UtcSeconds now,
                                                 std::chrono::seconds lease) {
  return deliveries_.extend_leases(now, lease);
}

Result<std::optional<policy::UtcSeconds>> SqliteStore::remembered(std::string_view name) {
  return deliveries_.remembered(name);
}

Status SqliteStore::remember(std::string_view name, policy::UtcSeconds at) {
  return deliveries_.remember(name, at);
}

Status SqliteStore::prune(policy::UtcDay before) {
  forget();
  return reports_.prune(before);
}

}  // namespace tlsrpt::reporter
