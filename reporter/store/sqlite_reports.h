// SqliteReports: the flush half of the SQLite store: closing days, reports, look-up notes, pruning.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "policy/result.h"
#include "reporter/store/sqlite.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {

// See Store for what each function does.
class SqliteReports {
 public:
  explicit SqliteReports(SqliteDatabase& database) : database_(database) {}

  // The first page names the days that are out of range, too.
  policy::Result<OpenPage> open_days(policy::UtcDay before, std::int64_t after, unsigned limit);
  policy::Result<std::uint64_t> open_domains(policy::UtcDay before);
  policy::Result<std::vector<OpenDay>> settled_days(policy::UtcDay before, std::string_view domain);
  policy::Result<std::map<policy::UtcDay, ReportCount>> report_counts();
  policy::Result<std::vector<UnreportedCount>> unreported();
  policy::Status close_day(const StoredReport& report, const std::vector<Delivery>& deliveries,
                           std::uint64_t sessions_seen, const std::vector<ProvenPlaintext>& proven);
  policy::Status note_lookup(policy::UtcDay day, std::string_view domain, const LookupNote& note);
  policy::Result<std::optional<LookupNote>> lookup_note(policy::UtcDay day,
                                                        std::string_view domain);
  policy::Result<std::string> seen_record(policy::UtcDay day, std::string_view domain);
  policy::Result<std::vector<LookupNoteInfo>> lookup_notes();
  policy::Result<StoredReport> report(std::int64_t report_id);
  policy::Result<std::vector<StoredReport>> reports(std::optional<policy::UtcDay> day);
  policy::Result<std::vector<StoredReport>> list_reports(std::optional<policy::UtcDay> day);
  policy::Status prune(policy::UtcDay before);

 private:
  policy::Status name_damaged_days(OpenPage& page);
  policy::Status close_in_transaction(const StoredReport& report,
                                      const std::vector<Delivery>& deliveries,
                                      std::uint64_t sessions_seen,
                                      const std::vector<ProvenPlaintext>& proven);
  policy::Result<std::int64_t> require_open(const StoredReport& report);
  policy::Result<std::uint64_t> close_facts(const StoredReport& report, std::int64_t domain,
                                            const std::vector<ProvenPlaintext>& proven);
  policy::Status insert(const StoredReport& report, std::int64_t domain,
                        const std::vector<Delivery>& deliveries);
  policy::Result<bool> prune_oldest_day(policy::UtcDay before);
  policy::Status prune_texts();

  SqliteDatabase& database_;
};

}  // namespace tlsrpt::reporter
