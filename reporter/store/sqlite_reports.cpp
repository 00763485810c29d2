#include "reporter/store/sqlite_reports.h"

#include <array>
#include <limits>
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
constexpr auto no_tls_seen = static_cast<std::int64_t>(policy::Outcome::no_tls_seen);
// What judges sessions of other days is kept longer than the days themselves: TLS lines of a
// service count for 24 h, a handshake with an MX for 30 days.
constexpr std::chrono::days keep_tls_logged{2};
constexpr std::chrono::days keep_mx_handshakes{31};

StoredReport read_report(SqliteRow& row, bool with_json) {
  StoredReport report;
  report.id = row.integer("id", 1);
  report.day = to_day(row.integer("day", least_day, most_day));
  report.domain = row.text("domain");
  report.revision = static_cast<std::uint32_t>(row.integer("revision", 1, max_uint32));
  report.report_id = row.text("report_id");
  report.file_name = row.text("file_name");
  report.boundary = row.text("boundary");
  report.created_at = row.instant("created_at");
  report.by_seen_record = row.integer("by_seen_record", 0, 1) != 0;
  if (with_json) report.json_gz = row.blob("json_gz");
  return report;
}

Result<std::vector<StoredReport>> read_reports(SqliteDatabase& database, std::string_view sql,
                                               std::optional<policy::UtcDay> day, bool with_json) {
  Result<SqliteUse> query = database.use(sql);
  if (!query.ok()) return std::move(query).error();
  if (day) (*query)->bind(1, number_of(*day));
  std::vector<StoredReport> reports;
  for (;;) {
    const Result<bool> found = (*query)->step();
    if (!found.ok()) return found.error();
    if (!*found) return reports;
    SqliteRow row(**query);
    reports.push_back(read_report(row, with_json));
    Status good = row.check("reports");
    if (good.ok()) continue;
    if (with_json) return std::move(good).error();
    reports.back() = StoredReport{};
    reports.back().id = SqliteRow(**query).integer("id");
  }
}

// The day of QUERY's present row, second column, where it is one.
std::optional<policy::UtcDay> readable_day(const SqliteStatement& query) {
  SqliteRow row(query);
  (void)row.integer("domain number");
  const std::int64_t day = row.integer("day", least_day, most_day);
  return row.is_good() ? std::optional(to_day(day)) : std::nullopt;
}

// The open or settled day in ROW, whose domain has NUMBER; which one it is, is told in PLACE.
OpenDay read_open_day(SqliteRow& row, std::int64_t& number, std::string& place) {
  OpenDay open;
  number = row.integer("domain number");
  const std::int64_t day = row.integer("day");
  open.domain = row.text("domain");
  place = "domain_day (day " + std::to_string(day) + ", domain " + std::to_string(number) +
          (open.domain.empty() ? ")" : ", " + open.domain + ")");
  if (day < least_day || day > most_day) row.fault("day", "is out of range");
  if (row.is_good()) open.day = to_day(day);
  open.last_revision = static_cast<std::uint32_t>(row.integer("last_revision", 0, max_uint32));
  open.last_closed = row.instant_or_null("created_at");
  std::optional<std::string> note = row.text_or_null("note");
  const auto first_failure = row.instant_or_null("first_failure");
  if (note) open.note = LookupNote{*std::move(note), first_failure, false};
  return open;
}

}  // namespace

// They belong to no day that can be closed.
Status SqliteReports::name_damaged_days(OpenPage& page) {
  Result<SqliteUse> query = database_.use(sql::damaged_days);
  if (!query.ok()) return std::move(query).error();
  (*query)->bind(1, least_day).bind(2, most_day);
  for (;;) {
    const Result<bool> found = (*query)->step();
    if (!found.ok()) return found.error();
    if (!*found) return Unit{};
    SqliteRow row(**query);
    (void)row.integer("day", least_day, most_day);
    if (const Status good = row.check("days"); !good.ok())
      page.damaged.push_back({std::nullopt, good.error().message()});
  }
}

Result<OpenPage> SqliteReports::open_days(policy::UtcDay before, std::int64_t after,
                                          unsigned limit) {
  Result<SqliteUse> query = database_.use(sql::open_days);
  if (!query.ok()) return std::move(query).error();
  (*query)->bind(1, number_of(before)).bind(2, after);
  OpenPage page;
  page.end = after;
  if (after == 0) {
    if (Status named = name_damaged_days(page); !named.ok()) return std::move(named).error();
  }
  for (unsigned read = 0;; ++read) {
    const Result<bool> found = (*query)->step();
    if (!found.ok()) return found.error();
    if (!*found) {
      page.is_last = true;
      return page;
    }
    SqliteRow row(**query);
    std::int64_t number = 0;
    std::string place;
    OpenDay open = read_open_day(row, number, place);
    if (read >= limit && number != page.end) return page;
    page.end = number;
    const Status good = row.check(place);
    if (good.ok()) {
      page.days.push_back(std::move(open));
    } else {
      page.damaged.push_back({readable_day(**query), good.error().message()});
    }
  }
}

Result<std::uint64_t> SqliteReports::open_domains(policy::UtcDay before) {
  Result<SqliteUse> query = database_.use(sql::open_domains);
  if (!query.ok()) return std::move(query).error();
  const Result<bool> found = (*query)->bind(1, number_of(before)).step();
  if (!found.ok()) return found.error();
  return static_cast<std::uint64_t>(SqliteRow(**query).integer("count", 0));
}

Result<std::vector<OpenDay>> SqliteReports::settled_days(policy::UtcDay before,
                                                         std::string_view domain) {
  Result<SqliteUse> query = database_.use(sql::settled_days);
  if (!query.ok()) return std::move(query).error();
  (*query)->bind(1, number_of(before)).bind(2, domain);
  std::vector<OpenDay> days;
  for (;;) {
    const Result<bool> found = (*query)->step();
    if (!found.ok()) return found.error();
    if (!*found) return days;
    SqliteRow row(**query);
    std::int64_t number = 0;
    std::string place;
    days.push_back(read_open_day(row, number, place));
    if (days.back().note) days.back().note->settled = true;
    Status good = row.check(place);
    if (!good.ok()) return std::move(good).error();
  }
}

Result<std::map<policy::UtcDay, ReportCount>> SqliteReports::report_counts() {
  Result<SqliteUse> query = database_.use(sql::report_counts);
  if (!query.ok()) return std::move(query).error();
  std::map<policy::UtcDay, ReportCount> counts;
  for (;;) {
    const Result<bool> found = (*query)->step();
    if (!found.ok()) return found.error();
    if (!*found) return counts;
    SqliteRow row(**query);
    const policy::UtcDay day = to_day(row.integer("day", least_day, most_day));
    counts[day].reports = static_cast<std::uint64_t>(row.integer("count", 0));
    counts[day].by_seen_record = static_cast<std::uint64_t>(row.integer("by_seen_record", 0));
    Status good = row.check("reports");
    if (!good.ok()) return std::move(good).error();
  }
}

Result<std::vector<UnreportedCount>> SqliteReports::unreported() {
  Result<SqliteUse> query = database_.use(sql::unreported);
  if (!query.ok()) return std::move(query).error();
  std::vector<UnreportedCount> counts;
  for (;;) {
    const Result<bool> found = (*query)->step();
    if (!found.ok()) return found.error();
    if (!*found) return counts;
    SqliteRow row(**query);
    UnreportedCount count;
    count.day = to_day(row.integer("day", least_day, most_day));
    count.reason = row.text("note");
    count.domains = static_cast<std::uint64_t>(row.integer("domains", 0));
    count.sessions = static_cast<std::uint64_t>(row.integer("sessions", 0));
    Status good = row.check("sessions not reported");
    if (!good.ok()) return std::move(good).error();
    counts.push_back(std::move(count));
  }
}

Status SqliteReports::close_day(const StoredReport& report, const std::vector<Delivery>& deliveries,
                                std::uint64_t sessions_seen,
                                const std::vector<ProvenPlaintext>& proven) {
  Result<SqliteTransaction> transaction = SqliteTransaction::begin(database_);
  if (!transaction.ok()) return std::move(transaction).error();
  Status done = close_in_transaction(report, deliveries, sessions_seen, proven);
  if (done.ok()) done = transaction->commit();
  if (done.ok()) return done;
  return std::move(done).error().context(report.domain + " on " + policy::to_text(report.day));
}

Status SqliteReports::close_in_transaction(const StoredReport& report,
                                           const std::vector<Delivery>& deliveries,
                                           std::uint64_t sessions_seen,
                                           const std::vector<ProvenPlaintext>& proven) {
  const Result<std::int64_t> domain = require_open(report);
  if (!domain.ok()) return domain.error();
  const Result<std::uint64_t> closed = close_facts(report, *domain, proven);
  if (!closed.ok()) return closed.error();
  if (*closed != sessions_seen) {
    return Error(Errc::temporary, "the report was made from " + std::to_string(sessions_seen) +
                                      " sessions, there are " + std::to_string(*closed) + " now");
  }
  // What was noted is over; a supplement has look-ups of its own.
  Result<SqliteUse> statement = database_.use(sql::delete_lookup_note);
  if (!statement.ok()) return std::move(statement).error();
  Status done = (*statement)->bind(1, number_of(report.day)).bind(2, *domain).run();
  if (!done.ok()) return done;
  return insert(report, *domain, deliveries);
}

// The number of REPORT's domain, whose day must wait for just this revision.
Result<std::int64_t> SqliteReports::require_open(const StoredReport& report) {
  Result<SqliteUse> query = database_.use(sql::domain_day_of);
  if (!query.ok()) return std::move(query).error();
  const Result<bool> found = (*query)->bind(1, number_of(report.day)).bind(2, report.domain).step();
  if (!found.ok()) return found.error();
  if (!*found) return Error(Errc::temporary, "there are no facts any more");
  SqliteRow row(**query);
  const std::int64_t domain = row.integer("domain", 1);
  const bool open = row.integer("open", 0, 1) != 0;
  const std::int64_t last_revision = row.integer("last_revision", 0, max_uint32);
  Status good = row.check("domain_day");
  if (!good.ok()) return std::move(good).error();
  if (!open || std::int64_t{report.revision} != last_revision + 1) {
    return Error(Errc::temporary, "another reporter has closed revision " +
                                      std::to_string(last_revision) + " meanwhile");
  }
  return domain;
}

// Moves the facts to REPORT's revision; returns how many sessions that were.
Result<std::uint64_t> SqliteReports::close_facts(const StoredReport& report, std::int64_t domain,
                                                 const std::vector<ProvenPlaintext>& proven) {
  const ProvenPlaintext* minute = nullptr;
  const auto bind = [&](SqliteStatement& statement) -> SqliteStatement& {
    statement.bind(1, number_of(report.day)).bind(2, domain);
    if (sqlite3_bind_parameter_count(statement.handle()) >= 4) {
      statement.bind(3, std::int64_t{report.revision}).bind(4, no_tls_seen);
    }
    if (minute != nullptr) {
      statement.bind(5, minute->relay).bind(6, minute->service).bind(7, minute->minute);
    }
    return statement;
  };
  std::uint64_t sessions = 0;
  const auto move = [&](std::string_view sum, std::string_view insert,
                        std::string_view remove) -> Status {
    {
      Result<SqliteUse> query = database_.use(sum);
      if (!query.ok()) return std::move(query).error();
      const Result<bool> found = bind(**query).step();
      if (!found.ok()) return found.error();
      SqliteRow row(**query);
      sessions += static_cast<std::uint64_t>(row.integer("sessions", 0));
      Status good = row.check("facts");
      if (!good.ok()) return good;
    }
    for (const std::string_view text : {insert, remove}) {
      Result<SqliteUse> statement = database_.use(text);
      if (!statement.ok()) return std::move(statement).error();
      Status done = bind(**statement).run();
      if (!done.ok()) return done;
    }
    return Unit{};
  };

  Status done = move(sql::decided_sessions, sql::close_decided, sql::delete_decided);
  if (!done.ok()) return std::move(done).error();
  for (const ProvenPlaintext& entry : proven) {
    minute = &entry;
    // A minute below 0 is decided already.
    if (entry.minute >= 0) {
      done = move(sql::proven_sessions, sql::close_proven, sql::delete_proven);
    }
    if (!done.ok()) return std::move(done).error();
  }
  minute = nullptr;
  Result<SqliteUse> statement = database_.use(sql::set_closed);
  if (!statement.ok()) return std::move(statement).error();
  done = (*statement)
             ->bind(1, number_of(report.day))
             .bind(2, domain)
             .bind(3, std::int64_t{report.revision})
             .run();
  if (!done.ok()) return std::move(done).error();
  return sessions;
}

Status SqliteReports::insert(const StoredReport& report, std::int64_t domain,
                             const std::vector<Delivery>& deliveries) {
  const std::int64_t created_at = policy::unix_seconds(report.created_at);
  Result<SqliteUse> statement = database_.use(sql::add_report);
  if (!statement.ok()) return std::move(statement).error();
  Status done = (*statement)
                    ->bind(1, number_of(report.day))
                    .bind(2, domain)
                    .bind(3, std::int64_t{report.revision})
                    .bind(4, report.report_id)
                    .bind(5, report.file_name)
                    .bind(6, report.boundary)
                    .bind(7, created_at)
                    .bind_blob(8, report.json_gz)
                    .bind(9, report.by_seen_record ? 1 : 0)
                    .run();
  if (!done.ok()) return done;
  const std::int64_t id = database_.last_insert_id();
  for (const Delivery& delivery : deliveries) {
    Result<SqliteUse> add = database_.use(sql::add_delivery);
    if (!add.ok()) return std::move(add).error();
    done = (*add)
               ->bind(1, id)
               .bind(2, delivery.destination)
               .bind(3, delivery.message_id)
               .bind(4, created_at)
               .bind(5, policy::unix_seconds(delivery.not_before))
               .run();
    if (!done.ok()) return done;
  }
  return Unit{};
}

Status SqliteReports::note_lookup(policy::UtcDay day, std::string_view domain,
                                  const LookupNote& note) {
  Result<SqliteTransaction> transaction = SqliteTransaction::begin(database_);
  if (!transaction.ok()) return std::move(transaction).error();
  std::int64_t id = 0;
  bool open = false;
  {
    Result<SqliteUse> query = database_.use(sql::domain_day_of);
    if (!query.ok()) return std::move(query).error();
    const Result<bool> found = (*query)->bind(1, number_of(day)).bind(2, domain).step();
    if (!found.ok()) return found.error();
    if (!*found) {
      return Error(Errc::not_found,
                   "no facts of " + std::string(domain) + " on " + policy::to_text(day));
    }
    SqliteRow row(**query);
    id = row.integer("domain", 1);
    open = row.integer("open", 0, 1) != 0;
    Status good = row.check("domain_day");
    if (!good.ok()) return good;
  }
  const std::string text = to_note(note.text);
  Result<SqliteUse> statement = database_.use(sql::set_lookup_note);
  if (!statement.ok()) return std::move(statement).error();
  Status done = (*statement)
                    ->bind(1, number_of(day))
                    .bind(2, id)
                    .bind(3, text)
                    .bind(4, to_seconds(note.first_failure))
                    .run();
  if (!done.ok()) return done;
  if (note.settled == open) {  // Otherwise it is already as NOTE says.
    Result<SqliteUse> change =
        database_.use(note.settled ? sql::set_domain_day_open : sql::reopen_domain_day);
    if (!change.ok()) return std::move(change).error();
    (*change)->bind(1, number_of(day)).bind(2, id);
    if (note.settled) (*change)->bind(3, 0);
    done = (*change)->run();
    if (!done.ok()) return done;
  }
  return transaction->commit();
}

Result<std::optional<LookupNote>> SqliteReports::lookup_note(policy::UtcDay day,
                                                             std::string_view domain) {
  Result<SqliteUse> query = database_.use(sql::lookup_note);
  if (!query.ok()) return std::move(query).error();
  const Result<bool> found = (*query)->bind(1, number_of(day)).bind(2, domain).step();
  if (!found.ok()) return found.error();
  if (!*found) return std::optional<LookupNote>();
  SqliteRow row(**query);
  LookupNote note;
  note.text = row.text("note");
  note.first_failure = row.instant_or_null("first_failure");
  note.settled = row.integer("open", 0, 1) == 0;
  Status good = row.check("look-up of " + std::string(domain));
  if (!good.ok()) return std::move(good).error();
  return std::optional(std::move(note));
}

Result<std::string> SqliteReports::seen_record(policy::UtcDay day, std::string_view domain) {
  Result<SqliteUse> query = database_.use(sql::seen_record);
  if (!query.ok()) return std::move(query).error();
  const Result<bool> found = (*query)->bind(1, number_of(day)).bind(2, domain).step();
  if (!found.ok()) return found.error();
  if (!*found) return std::string();
  SqliteRow row(**query);
  std::string record = row.text("record");
  Status good = row.check("record of " + std::string(domain));
  if (!good.ok()) return std::move(good).error();
  return record;
}

Result<std::vector<LookupNoteInfo>> SqliteReports::lookup_notes() {
  Result<SqliteUse> query = database_.use(sql::lookup_notes);
  if (!query.ok()) return std::move(query).error();
  std::vector<LookupNoteInfo> notes;
  for (;;) {
    const Result<bool> found = (*query)->step();
    if (!found.ok()) return found.error();
    if (!*found) return notes;
    SqliteRow row(**query);
    LookupNoteInfo info;
    info.day = to_day(row.integer("day", least_day, most_day));
    info.domain = row.text("domain");
    info.note.text = row.text("note");
    info.note.first_failure = row.instant_or_null("first_failure");
    Status good = row.check("look-ups");
    if (!good.ok()) return std::move(good).error();
    notes.push_back(std::move(info));
  }
}

Result<StoredReport> SqliteReports::report(std::int64_t report_id) {
  Result<SqliteUse> query = database_.use(sql::report);
  if (!query.ok()) return std::move(query).error();
  const Result<bool> found = (*query)->bind(1, report_id).step();
  if (!found.ok()) return found.error();
  if (!*found) return Error(Errc::not_found, "no report " + std::to_string(report_id));
  SqliteRow row(**query);
  StoredReport report = read_report(row, true);
  Status good = row.check("report " + std::to_string(report_id));
  if (!good.ok()) return std::move(good).error();
  return report;
}

Result<std::vector<StoredReport>> SqliteReports::reports(std::optional<policy::UtcDay> day) {
  return read_reports(database_, sql::reports, day, true);
}

Result<std::vector<StoredReport>> SqliteReports::list_reports(std::optional<policy::UtcDay> day) {
  return read_reports(database_, sql::list_reports, day, false);
}

Status SqliteReports::prune(policy::UtcDay before) {
  bool pruned = false;
  for (;;) {
    const Result<bool> one = prune_oldest_day(before);
    if (!one.ok()) return one.error();
    if (!*one) break;
    pruned = true;
  }
  Result<SqliteTransaction> transaction = SqliteTransaction::begin(database_);
  if (!transaction.ok()) return std::move(transaction).error();
  {
    Result<SqliteUse> statement = database_.use(sql::delete_deliveries);
    if (!statement.ok()) return std::move(statement).error();
    Status done = (*statement)->bind(1, number_of(before)).bind(8, version).run();
    if (!done.ok()) return done;
  }
  const std::array<std::pair<std::string_view, policy::UtcDay>, 6> statements{
      {{sql::delete_reports, before},
       {sql::delete_suppressions, before},
       {sql::delete_not_understood, before},
       {sql::delete_remembered, before},
       {sql::delete_tls_logged, before - keep_tls_logged},
       {sql::delete_mx_handshakes, before - keep_mx_handshakes}}};
  for (const auto& [text, day] : statements) {
    Result<SqliteUse> statement = database_.use(text);
    if (!statement.ok()) return std::move(statement).error();
    Status done = (*statement)->bind(1, number_of(day)).run();
    if (!done.ok()) return done;
  }
  if (pruned) {
    Status done = prune_texts();
    if (!done.ok()) return done;
  }
  return transaction->commit();
}

// Deletes the oldest day before BEFORE, false where there is none. A day is a transaction of its
// own, so that a collector never waits for a month's facts.
Result<bool> SqliteReports::prune_oldest_day(policy::UtcDay before) {
  Result<SqliteTransaction> transaction = SqliteTransaction::begin(database_);
  if (!transaction.ok()) return std::move(transaction).error();
  std::optional<std::int64_t> day;
  {
    Result<SqliteUse> query = database_.use(sql::oldest_day);
    if (!query.ok()) return std::move(query).error();
    const Result<bool> found = (*query)->bind(1, number_of(before)).step();
    if (!found.ok()) return found.error();
    SqliteRow row(**query);
    day = row.integer_or_null("day");
    Status good = row.check("days");
    if (!good.ok()) return std::move(good).error();
  }
  if (!day) return false;
  for (const std::string_view text :
       {sql::delete_facts, sql::delete_domain_days, sql::delete_ignored, sql::delete_lost_datagrams,
        sql::delete_forgotten_queue_ids, sql::delete_lookup_notes, sql::delete_day}) {
    Result<SqliteUse> statement = database_.use(text);
    if (!statement.ok()) return std::move(statement).error();
    Status done = (*statement)->bind(1, *day).run();
    if (!done.ok()) return std::move(done).error();
  }
  Status done = transaction->commit();
  if (!done.ok()) return std::move(done).error();
  return true;
}

// Deletes the texts and policies that nothing refers to any more.
Status SqliteReports::prune_texts() {
  for (const std::string_view text : {sql::delete_policies, sql::delete_texts}) {
    Result<SqliteUse> statement = database_.use(text);
    if (!statement.ok()) return std::move(statement).error();
    Status done = (*statement)->run();
    if (!done.ok()) return done;
  }
  return Unit{};
}

}  // namespace tlsrpt::reporter
