// SqliteFactWriter: adds facts to their rows inside a collector's commit and keeps the bounds of
// rows, policies and domains (design: Bounds).
//
// What a fact is folded to depends only on the facts before it, never on where one batch ends and
// the next begins. Its memory has the same rule as that of SqliteTexts: forget() after a rollback
// and when another connection has written.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "policy/fact.h"
#include "policy/result.h"
#include "reporter/store/sqlite.h"
#include "reporter/store/sqlite_texts.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {

class SqliteFactWriter {
 public:
  using IgnoredCounts = std::map<std::pair<policy::UtcDay, policy::Ignored>, std::uint64_t>;

  SqliteFactWriter(SqliteDatabase& database, SqliteTexts& texts, const StoreLimits& limits)
      : database_(database), texts_(texts), limits_(limits) {}

  // Adds FACT's counts to its row of revision 0. Sessions that have no row (too many domains, no
  // usable domain) are added to REFUSED instead. REQUIRES: a transaction.
  policy::Status add(const policy::Fact& fact, IgnoredCounts& refused);
  // Takes FACT's counts from its row of revision 0 again, or from that which it was folded to.
  // Where add() would have refused FACT, they are added to REFUSED. No row: nothing is done, as a
  // report holds it. REQUIRES: a transaction.
  policy::Status take_back(const policy::Fact& fact, IgnoredCounts& refused);
  // Keeps RECORD as what Postfix saw last of (DAY, DOMAIN), where that has facts.
  policy::Status set_seen_record(policy::UtcDay day, std::string_view domain,
                                 std::string_view record);
  // DAY has something to show, be it only ignored counts.
  policy::Status mention(policy::UtcDay day);
  // Writes what is counted per day; the last step of a transaction.
  policy::Status finish();

  void forget();

 private:
  // The columns of the key in the table's order.
  using Key = std::array<std::int64_t, 15>;
  struct DomainDayKey {
    std::int64_t day = 0;
    std::int64_t domain = 0;
    friend bool operator==(const DomainDayKey&, const DomainDayKey&) = default;
  };
  struct HashDomainDayKey {
    std::size_t operator()(const DomainDayKey& key) const;
  };
  // What is known of a (day, domain) that has facts.
  struct DomainDay {
    bool open = false;
    std::int64_t record = SqliteTexts::empty;
    std::optional<std::size_t> rows;     // Of revision 0; none: not yet asked.
    std::vector<std::int64_t> policies;  // Of these rows.
  };
  // The latest text of a column with its number, and the latest policy.
  struct Last {
    std::string text;
    std::optional<std::int64_t> id;
  };
  struct DayCount {
    std::int64_t domains = 0;
    bool changed = false;
  };

  policy::Result<DomainDay*> domain_day(const policy::Fact& fact, IgnoredCounts& refused);
  policy::Result<DomainDay*> load(const DomainDayKey& key);
  policy::Result<DomainDay*> create(const policy::Fact& fact, IgnoredCounts& refused);
  policy::Status open(const DomainDayKey& key, DomainDay& entry);
  policy::Result<DayCount*> day_count(policy::UtcDay day);
  policy::Status count_rows(const policy::Fact& fact, DomainDay& entry);
  // FACT's policy, or what it is folded to; none where it may stay.
  policy::Result<std::optional<policy::AppliedPolicy>> bounded_policy(const policy::Fact& fact,
                                                                      const DomainDay& entry);
  policy::Status add_new(const policy::Fact& fact, DomainDay& entry);
  policy::Result<std::optional<std::int64_t>> find_text(std::string_view text, std::size_t column);
  policy::Result<std::optional<std::int64_t>> find_policy(const policy::AppliedPolicy& policy);
  policy::Result<std::optional<Key>> find_key(const policy::Fact& fact);
  policy::Result<Key> intern_key(const policy::Fact& fact);
  // Whether there was a row to add FACT's counts to.
  policy::Result<bool> update(const policy::Fact& fact);
  // STATEMENT adds to the row of KEY, or makes it.
  policy::Status write_row(std::string_view statement, const Key& key, std::int64_t sessions,
                           std::int64_t messages);
  // Takes what FACT's row has of its counts from both; whether nothing is left in FACT.
  policy::Result<bool> take_from_row(policy::Fact& fact);
  policy::Status forget_empty_rows(const DomainDayKey& key);
  policy::Status insert(const policy::Fact& fact, DomainDay& entry);

  SqliteDatabase& database_;
  SqliteTexts& texts_;
  const StoreLimits& limits_;
  std::unordered_map<DomainDayKey, DomainDay, HashDomainDayKey> domain_days_;
  std::map<policy::UtcDay, DayCount> days_;  // Of this transaction.
  std::array<Last, 15> last_;                // As the columns of Key.
  policy::AppliedPolicy last_policy_;
  std::optional<std::int64_t> last_policy_id_;
};

}  // namespace tlsrpt::reporter
