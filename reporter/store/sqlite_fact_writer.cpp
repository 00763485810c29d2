#include "reporter/store/sqlite_fact_writer.h"

#include <algorithm>
#include <limits>
#include <string>

#include "policy/text.h"
#include "reporter/store/fact_folding.h"
#include "reporter/store/sqlite_sql.h"
#include "reporter/store/sqlite_values.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Fact;
using policy::Ignored;
using policy::Result;
using policy::Status;
using policy::Unit;

// Remembered (day, domain) pairs: the domains of a busy relay's day, some 100 bytes each.
constexpr std::size_t max_remembered = 65536;
constexpr std::int16_t minutes_per_day = 24 * 60;
constexpr std::size_t domain_column = 1;
constexpr std::size_t policy_column = 7;

Status check(const Fact& fact) {
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max());
  if (fact.revision != 0) return Error(Errc::internal, "a new fact has a revision");
  if (fact.minute < -1 || fact.minute >= minutes_per_day ||
      (fact.minute >= 0 && fact.outcome != policy::Outcome::no_tls_seen)) {
    return Error(Errc::internal, "a new fact has an impossible minute");
  }
  if (fact.sessions > most || fact.messages > most) {
    return Error(Errc::internal, "a new fact has an impossible count");
  }
  return Unit{};
}

// Returns the number of parameters.
int bind_key(SqliteStatement& statement, const std::array<std::int64_t, 15>& key) {
  int index = 0;
  for (const std::int64_t part : key) statement.bind(++index, part);
  return index;
}

bool is_usable(const std::string& domain) {
  return !domain.empty() && domain.size() <= SqliteTexts::max_text && policy::is_utf8(domain);
}

}  // namespace

std::size_t SqliteFactWriter::HashDomainDayKey::operator()(const DomainDayKey& key) const {
  const auto mixed = static_cast<std::size_t>(key.domain) * 0x9e3779b97f4a7c15U;
  return (mixed ^ (mixed >> 29U)) + static_cast<std::size_t>(key.day);
}

Status SqliteFactWriter::add(const Fact& fact, IgnoredCounts& refused) {
  Status good = check(fact);
  if (!good.ok()) return good;
  Result<DomainDay*> entry = domain_day(fact, refused);
  if (!entry.ok()) return std::move(entry).error();
  if (*entry == nullptr) return Unit{};
  Result<bool> done = update(fact);
  if (!done.ok()) return std::move(done).error();
  if (*done) return Unit{};
  return add_new(fact, **entry);
}

// The entry of FACT's (day, domain), made where there was none; null where FACT was refused.
Result<SqliteFactWriter::DomainDay*> SqliteFactWriter::domain_day(const Fact& fact,
                                                                  IgnoredCounts& refused) {
  if (!is_usable(fact.domain)) {
    refused[{fact.day, Ignored::invalid_domain}] += fact.sessions;
    return nullptr;
  }
  const Result<std::optional<std::int64_t>> domain = find_text(fact.domain, domain_column);
  if (!domain.ok()) return domain.error();
  if (!*domain) return create(fact, refused);
  const DomainDayKey key{number_of(fact.day), **domain};
  Result<DomainDay*> entry = load(key);
  if (!entry.ok()) return entry;
  if (*entry == nullptr) return create(fact, refused);
  if (!(*entry)->open && fact.sessions > 0) {
    Status opened = open(key, **entry);
    if (!opened.ok()) return std::move(opened).error();
  }
  return entry;
}

// The entry of KEY, null where the store has none.
Result<SqliteFactWriter::DomainDay*> SqliteFactWriter::load(const DomainDayKey& key) {
  const auto known = domain_days_.find(key);
  if (known != domain_days_.end()) return &known->second;
  Result<SqliteUse> query = database_.use(sql::find_domain_day);
  if (!query.ok()) return std::move(query).error();
  const Result<bool> found = (*query)->bind(1, key.day).bind(2, key.domain).step();
  if (!found.ok()) return found.error();
  if (!*found) return nullptr;
  SqliteRow row(**query);
  DomainDay entry;
  entry.open = row.integer("open", 0, 1) != 0;
  entry.record = row.integer("record", SqliteTexts::empty);
  Status good = row.check("domain_day");
  if (!good.ok()) return std::move(good).error();
  if (domain_days_.size() >= max_remembered) domain_days_.clear();
  return &domain_days_.emplace(key, std::move(entry)).first->second;
}

Result<SqliteFactWriter::DomainDay*> SqliteFactWriter::create(const Fact& fact,
                                                              IgnoredCounts& refused) {
  Result<DayCount*> day = day_count(fact.day);
  if (!day.ok()) return std::move(day).error();
  if ((*day)->domains >= static_cast<std::int64_t>(limits_.max_domains)) {
    refused[{fact.day, Ignored::over_limit}] += fact.sessions;
    return nullptr;
  }
  const Result<std::int64_t> domain = texts_.intern(fact.domain);
  if (!domain.ok()) return domain.error();
  const DomainDayKey key{number_of(fact.day), *domain};
  DomainDay entry;
  entry.open = fact.sessions > 0;
  entry.rows = 0;
  Result<SqliteUse> insert = database_.use(sql::add_domain_day);
  if (!insert.ok()) return std::move(insert).error();
  Status done = (*insert)->bind(1, key.day).bind(2, key.domain).bind(3, entry.open ? 1 : 0).run();
  if (!done.ok()) return std::move(done).error();
  (*day)->domains += 1;
  (*day)->changed = true;
  if (domain_days_.size() >= max_remembered) domain_days_.clear();
  return &domain_days_.emplace(key, std::move(entry)).first->second;
}

// From now on a report is due from KEY's open facts.
Status SqliteFactWriter::open(const DomainDayKey& key, DomainDay& entry) {
  Result<SqliteUse> update = database_.use(sql::set_domain_day_open);
  if (!update.ok()) return std::move(update).error();
  Status done = (*update)->bind(1, key.day).bind(2, key.domain).bind(3, 1).run();
  if (done.ok()) entry.open = true;
  return done;
}

Status SqliteFactWriter::set_seen_record(policy::UtcDay day, std::string_view domain,
                                         std::string_view record) {
  const Result<std::optional<std::int64_t>> number = texts_.find(domain);
  if (!number.ok()) return number.error();
  if (!*number) return Unit{};
  const DomainDayKey key{number_of(day), **number};
  const Result<DomainDay*> entry = load(key);
  if (!entry.ok()) return entry.error();
  if (*entry == nullptr) return Unit{};
  const Result<std::int64_t> id = texts_.intern_record(record);
  if (!id.ok()) return id.error();
  if (*id == (*entry)->record) return Unit{};
  Result<SqliteUse> update = database_.use(sql::set_seen_record);
  if (!update.ok()) return std::move(update).error();
  Status done = (*update)->bind(1, key.day).bind(2, key.domain).bind(3, *id).run();
  if (done.ok()) (*entry)->record = *id;
  return done;
}

Result<SqliteFactWriter::DayCount*> SqliteFactWriter::day_count(policy::UtcDay day) {
  const auto known = days_.find(day);
  if (known != days_.end()) return &known->second;
  Result<SqliteUse> query = database_.use(sql::day_domains);
  if (!query.ok()) return std::move(query).error();
  const Result<bool> found = (*query)->bind(1, number_of(day)).step();
  if (!found.ok()) return found.error();
  DayCount count;
  count.changed = !*found;
  if (*found) {
    SqliteRow row(**query);
    count.domains = row.integer("domains", 0);
    Status good = row.check("day");
    if (!good.ok()) return std::move(good).error();
  }
  return &days_.emplace(day, count).first->second;
}

Status SqliteFactWriter::mention(policy::UtcDay day) {
  Result<DayCount*> count = day_count(day);
  if (!count.ok()) return std::move(count).error();
  return Unit{};
}

// How many rows and which policies FACT's (day, domain) has; asked only when a new row comes up.
Status SqliteFactWriter::count_rows(const Fact& fact, DomainDay& entry) {
  if (entry.rows) return Unit{};
  const Result<std::optional<std::int64_t>> domain = texts_.find(fact.domain);
  if (!domain.ok()) return domain.error();
  Result<SqliteUse> query = database_.use(sql::open_rows_by_policy);
  if (!query.ok()) return std::move(query).error();
  (*query)->bind(1, number_of(fact.day)).bind(2, *domain);
  std::size_t rows = 0;
  std::vector<std::int64_t> policies;
  for (;;) {
    const Result<bool> found = (*query)->step();
    if (!found.ok()) return found.error();
    if (!*found) break;
    SqliteRow row(**query);
    policies.push_back(row.integer("policy"));
    rows += static_cast<std::size_t>(row.integer("count", 1));
    Status good = row.check("facts of " + fact.domain);
    if (!good.ok()) return good;
  }
  entry.rows = rows;
  entry.policies = std::move(policies);
  return Unit{};
}

Result<std::optional<policy::AppliedPolicy>> SqliteFactWriter::bounded_policy(
    const Fact& fact, const DomainDay& entry) {
  using Folded = std::optional<policy::AppliedPolicy>;
  if (entry.policies.size() < max_policies) return Folded();
  for (const policy::AppliedPolicy& candidate : {fact.policy, without_strings(fact.policy)}) {
    const Result<std::optional<std::int64_t>> id = texts_.find(candidate);
    if (!id.ok()) return id.error();
    if (*id &&
        std::find(entry.policies.begin(), entry.policies.end(), **id) != entry.policies.end()) {
      return Folded(candidate);
    }
  }
  return Folded(of_type_only(fact.policy, fact.domain));
}

// Adds FACT, whose row does not exist, to a new row or, where there are too many, to a folded one.
Status SqliteFactWriter::add_new(const Fact& fact, DomainDay& entry) {
  Status counted = count_rows(fact, entry);
  if (!counted.ok()) return counted;
  Result<std::optional<policy::AppliedPolicy>> other = bounded_policy(fact, entry);
  if (!other.ok()) return std::move(other).error();
  if (!*other && *entry.rows < limits_.max_facts) return insert(fact, entry);

  Fact bounded = fact;
  if (*other) bounded.policy = std::move(**other);
  for (Folding step = Folding::none;; step = static_cast<Folding>(static_cast<int>(step) + 1)) {
    Fact candidate = folded(bounded, step);
    const Result<bool> done = update(candidate);
    if (!done.ok()) return done.error();
    if (*done) return Unit{};
    // The last step always gets its row: there are only as many of them as outcomes, policies,
    // hours and services.
    if (*entry.rows < limits_.max_facts || step == last_folding) return insert(candidate, entry);
  }
}

// The number of TEXT in COLUMN. Facts come in runs with the same relay, service, domain or address,
// so the one before is tried first.
Result<std::optional<std::int64_t>> SqliteFactWriter::find_text(std::string_view text,
                                                                std::size_t column) {
  Last& last = last_.at(column);
  if (last.id && last.text == text) return last.id;
  Result<std::optional<std::int64_t>> id = texts_.find(text);
  if (id.ok() && *id) {
    last.text = text;
    last.id = *id;
  }
  return id;
}

Result<std::optional<std::int64_t>> SqliteFactWriter::find_policy(
    const policy::AppliedPolicy& policy) {
  if (last_policy_id_ && last_policy_ == policy) return last_policy_id_;
  Result<std::optional<std::int64_t>> id = texts_.find(policy);
  if (id.ok() && *id) {
    last_policy_ = policy;
    last_policy_id_ = *id;
  }
  return id;
}

// The key of FACT's row, none where a text of it was never stored: then there is no such row.
Result<std::optional<SqliteFactWriter::Key>> SqliteFactWriter::find_key(const Fact& fact) {
  using Found = std::optional<Key>;
  Key key{};
  const std::array<std::pair<std::string_view, std::size_t>, 8> texts{{{fact.domain, domain_column},
                                                                       {fact.mx_host, 3},
                                                                       {fact.mx_ip, 4},
                                                                       {fact.helo, 6},
                                                                       {fact.service, 8},
                                                                       {fact.relay, 9},
                                                                       {fact.sending_ip, 10},
                                                                       {fact.reason, 12}}};
  for (const auto& [text, column] : texts) {
    const Result<std::optional<std::int64_t>> id = find_text(text, column);
    if (!id.ok()) return id.error();
    if (!*id) return Found();
    key[column] = **id;
  }
  const Result<std::optional<std::int64_t>> policy = find_policy(fact.policy);
  if (!policy.ok()) return policy.error();
  if (!*policy) return Found();
  key[policy_column] = **policy;
  key[0] = number_of(fact.day);
  key[2] = 0;
  key[5] = static_cast<std::int64_t>(fact.outcome);
  key[11] = static_cast<std::int64_t>(fact.source);
  key[13] = static_cast<std::int64_t>(fact.epoch);
  key[14] = fact.minute;
  return Found(key);
}

Result<SqliteFactWriter::Key> SqliteFactWriter::intern_key(const Fact& fact) {
  for (const std::string_view text :
       {std::string_view(fact.domain), std::string_view(fact.mx_host), std::string_view(fact.mx_ip),
        std::string_view(fact.helo), std::string_view(fact.service), std::string_view(fact.relay),
        std::string_view(fact.sending_ip), std::string_view(fact.reason)}) {
    Result<std::int64_t> id = texts_.intern(text);
    if (!id.ok()) return std::move(id).error();
  }
  Result<std::int64_t> policy = texts_.intern(fact.policy);
  if (!policy.ok()) return std::move(policy).error();
  Result<std::optional<Key>> key = find_key(fact);
  if (!key.ok()) return std::move(key).error();
  if (!*key) return Error(Errc::internal, "an interned text was not found again");
  return **key;
}

Result<bool> SqliteFactWriter::update(const Fact& fact) {
  Result<std::optional<Key>> key = find_key(fact);
  if (!key.ok()) return std::move(key).error();
  if (!*key) return false;
  Status done = write_row(sql::add_to_fact, **key, static_cast<std::int64_t>(fact.sessions),
                          static_cast<std::int64_t>(fact.messages));
  if (!done.ok()) return std::move(done).error();
  return database_.changes() > 0;
}

Status SqliteFactWriter::write_row(std::string_view statement, const Key& key,
                                   std::int64_t sessions, std::int64_t messages) {
  Result<SqliteUse> write = database_.use(statement);
  if (!write.ok()) return std::move(write).error();
  int index = bind_key(**write, key);
  (*write)->bind(++index, sessions);
  (*write)->bind(++index, messages);
  return (*write)->run();
}

Status SqliteFactWriter::insert(const Fact& fact, DomainDay& entry) {
  Result<Key> key = intern_key(fact);
  if (!key.ok()) return std::move(key).error();
  Status done = write_row(sql::add_fact, *key, static_cast<std::int64_t>(fact.sessions),
                          static_cast<std::int64_t>(fact.messages));
  if (!done.ok()) return done;
  *entry.rows += 1;
  const std::int64_t policy = (*key)[policy_column];
  if (std::find(entry.policies.begin(), entry.policies.end(), policy) == entry.policies.end()) {
    entry.policies.push_back(policy);
  }
  return Unit{};
}

Status SqliteFactWriter::take_back(const Fact& fact, IgnoredCounts& refused) {
  Status good = check(fact);
  if (!good.ok()) return good;
  if (!is_usable(fact.domain)) {
    refused[{fact.day, Ignored::invalid_domain}] += fact.sessions;
    return Unit{};
  }
  const Result<std::optional<std::int64_t>> domain = find_text(fact.domain, domain_column);
  if (!domain.ok()) return domain.error();
  const DomainDayKey key{number_of(fact.day), domain->value_or(SqliteTexts::empty)};
  const Result<DomainDay*> entry = load(key);
  if (!entry.ok()) return entry.error();
  if (*entry == nullptr) {
    refused[{fact.day, Ignored::over_limit}] += fact.sessions;
    return Unit{};
  }
  Fact left = fact;
  for (const policy::AppliedPolicy& policy :
       {fact.policy, without_strings(fact.policy), of_type_only(fact.policy, fact.domain)}) {
    left.policy = policy;
    for (int step = 0; step <= static_cast<int>(last_folding); ++step) {
      Fact candidate = folded(left, static_cast<Folding>(step));
      const Result<bool> done = take_from_row(candidate);
      if (!done.ok()) return done.error();
      left.sessions = candidate.sessions;
      left.messages = candidate.messages;
      if (*done) return forget_empty_rows(key);
    }
  }
  return forget_empty_rows(key);
}

Result<bool> SqliteFactWriter::take_from_row(Fact& fact) {
  const Result<std::optional<Key>> key = find_key(fact);
  if (!key.ok()) return key.error();
  if (!*key) return false;
  std::uint64_t sessions = 0;
  std::uint64_t messages = 0;
  {
    Result<SqliteUse> query = database_.use(sql::counts_of_fact);
    if (!query.ok()) return std::move(query).error();
    bind_key(**query, **key);
    const Result<bool> found = (*query)->step();
    if (!found.ok()) return found.error();
    if (!*found) return false;
    SqliteRow row(**query);
    sessions = std::min(fact.sessions, static_cast<std::uint64_t>(row.integer("sessions", 0)));
    messages = std::min(fact.messages, static_cast<std::uint64_t>(row.integer("messages", 0)));
    Status good = row.check("facts of " + fact.domain);
    if (!good.ok()) return std::move(good).error();
  }
  Status done = write_row(sql::add_to_fact, **key, -static_cast<std::int64_t>(sessions),
                          -static_cast<std::int64_t>(messages));
  if (!done.ok()) return std::move(done).error();
  fact.sessions -= sessions;
  fact.messages -= messages;
  return fact.sessions == 0;
}

// Nothing is left in some rows of KEY, maybe in all.
Status SqliteFactWriter::forget_empty_rows(const DomainDayKey& key) {
  for (const std::string_view each : {sql::delete_empty_facts, sql::close_empty_domain_day}) {
    Result<SqliteUse> statement = database_.use(each);
    if (!statement.ok()) return std::move(statement).error();
    Status done = (*statement)->bind(1, key.day).bind(2, key.domain).run();
    if (!done.ok()) return done;
  }
  domain_days_.erase(key);
  return Unit{};
}

Status SqliteFactWriter::finish() {
  for (const auto& [day, count] : days_) {
    if (!count.changed) continue;
    Result<SqliteUse> statement = database_.use(sql::set_day_domains);
    if (!statement.ok()) return std::move(statement).error();
    Status done = (*statement)->bind(1, number_of(day)).bind(2, count.domains).run();
    if (!done.ok()) return done;
  }
  days_.clear();
  return Unit{};
}

void SqliteFactWriter::forget() {
  last_ = {};
  last_policy_id_.reset();
  domain_days_.clear();
  days_.clear();
}

}  // namespace tlsrpt::reporter
