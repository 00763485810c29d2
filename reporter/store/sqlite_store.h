// SqliteStore: a Store in one SQLite file, the one for a single relay.
//
// WAL mode: a collector and any number of reporters and readers work on it at once, one writing at
// a time. One thread per object; fork() only with a new object in the child.
#pragma once

#include <memory>
#include <string>

#include "reporter/store/sqlite.h"
#include "reporter/store/sqlite_bounces.h"
#include "reporter/store/sqlite_deliveries.h"
#include "reporter/store/sqlite_fact_writer.h"
#include "reporter/store/sqlite_reports.h"
#include "reporter/store/sqlite_texts.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {

// Lines kept a day of those that fit nothing, and the longest part of one.
inline constexpr unsigned max_not_understood = 20;
inline constexpr std::size_t max_not_understood_line = 2000;
// (MX host, address) pairs remembered; when there are more, new ones are not, and their plaintext
// is never called stripping.
inline constexpr std::int64_t max_mx_handshakes = 500000;

class SqliteStore final : public Store {
 public:
  // Opens the store at PATH; see open_store().
  static policy::Result<std::unique_ptr<Store>> open(const std::string& path, StoreAccess access,
                                                     const StoreLimits& limits);

  SqliteStore(SqliteDatabase database, const StoreLimits& limits);
  SqliteStore(const SqliteStore&) = delete;
  SqliteStore& operator=(const SqliteStore&) = delete;
  ~SqliteStore() override = default;

  policy::Result<std::optional<CollectorState>> collector_state(std::string_view relay,
                                                                std::string_view source) override;
  policy::Status commit(const Batch& batch) override;
  policy::Status still_there() override;
  policy::Status set_collector_trouble(const CollectorTrouble& trouble) override;
  policy::Result<bool> is_report_message(std::string_view message_id,
                                         policy::UtcSeconds since) override;
  policy::Result<std::optional<policy::UtcDay>> last_handshake(std::string_view mx_host,
                                                               std::string_view mx_ip) override;

  policy::Result<std::vector<std::string>> domains(policy::UtcDay day) override;
  policy::Result<std::vector<policy::Fact>> facts(policy::UtcDay day, std::string_view domain,
                                                  std::optional<std::uint32_t> revision) override;
  policy::Result<std::map<policy::Ignored, std::uint64_t>> ignored(policy::UtcDay day) override;
  policy::Result<std::map<policy::DatagramLoss, LostDatagrams>> lost_datagrams(
      policy::UtcDay day) override;
  policy::Result<ForgottenQueueIds> forgotten_queue_ids(policy::UtcDay day) override;
  policy::Result<bool> tls_logged(std::string_view relay, std::string_view service,
                                  policy::UtcSeconds instant) override;
  policy::Result<std::vector<CollectorInfo>> collectors() override;
  policy::Result<std::vector<CollectorTrouble>> collector_troubles() override;
  policy::Result<std::vector<NotUnderstood>> not_understood(policy::UtcDay day) override;
  policy::Result<std::vector<policy::UtcDay>> days() override;

  policy::Result<OpenPage> open_days(policy::UtcDay before, std::int64_t after,
                                     unsigned limit) override;
  policy::Result<std::uint64_t> open_domains(policy::UtcDay before) override;
  policy::Result<std::vector<OpenDay>> settled_days(policy::UtcDay before,
                                                    std::string_view domain) override;
  policy::Result<std::map<policy::UtcDay, ReportCount>> report_counts() override;
  policy::Result<std::vector<UnreportedCount>> unreported() override;
  policy::Status close_day(const StoredReport& report, const std::vector<Delivery>& deliveries,
                           std::uint64_t sessions_seen,
                           const std::vector<ProvenPlaintext>& proven) override;
  policy::Status note_lookup(policy::UtcDay day, std::string_view domain,
                             const LookupNote& note) override;
  policy::Result<std::optional<LookupNote>> lookup_note(policy::UtcDay day,
                                                        std::string_view domain) override;
  policy::Result<std::string> seen_record(policy::UtcDay day, std::string_view domain) override;
  policy::Result<std::vector<LookupNoteInfo>> lookup_notes() override;
  policy::Status grouped(const std::function<policy::Status()>& work) override;
  policy::Result<DuePage> due(policy::UtcSeconds now, bool ignore_spread, const DueCursor& after,
                              unsigned limit, const DeliveryFilter& filter) override;
  policy::Result<ClaimedDeliveries> claim(const std::vector<std::int64_t>& ids,
                                          policy::UtcSeconds now,
                                          std::chrono::seconds lease) override;
  policy::Result<std::optional<policy::UtcSeconds>> next_due(const DeliveryFilter& filter) override;
  policy::Result<std::vector<Delivery>> pending_deliveries(const DeliveryFilter& filter,
                                                           std::int64_t after,
                                                           unsigned limit) override;
  policy::Result<std::vector<DeliveryCount>> delivery_counts() override;
  policy::Result<RecentMail> recent_mail(policy::UtcSeconds since) override;
  policy::Result<std::vector<DestinationTrouble>> troubled_destinations() override;
  policy::Result<StoredReport> report(std::int64_t report_id) override;
  policy::Result<std::vector<StoredReport>> reports(std::optional<policy::UtcDay> day) override;
  policy::Result<std::vector<StoredReport>> list_reports(
      std::optional<policy::UtcDay> day) override;
  policy::Result<std::vector<Delivery>> deliveries(std::int64_t report_id) override;
  policy::Status record_attempt(const Delivery& delivery) override;
  policy::Result<std::optional<Delivery>> delivery(std::int64_t id) override;
  policy::Result<std::vector<Delivery>> deliveries_of_message(std::string_view message_id) override;
  policy::Result<bool> record_bounce(std::int64_t id, std::string_view reason,
                                     const std::optional<Suppression>& suppression) override;
  policy::Result<bool> send_smallest(std::int64_t id, std::string_view reason,
                                     policy::UtcSeconds now) override;
  policy::Result<std::vector<Suppression>> suppressions(policy::UtcSeconds now) override;
  policy::Result<bool> lift_suppression(std::string_view destination) override;
  policy::Result<std::optional<FlushTime>> flush_time() override;
  policy::Status set_flush_time(const FlushTime& time) override;
  policy::Result<std::uint64_t> mend_times(policy::UtcSeconds now,
                                           std::chrono::seconds longest_wait,
                                           std::chrono::seconds lease) override;
  policy::Result<std::uint64_t> extend_leases(policy::UtcSeconds now,
                                              std::chrono::seconds lease) override;
  policy::Result<std::optional<policy::UtcSeconds>> remembered(std::string_view name) override;
  policy::Status remember(std::string_view name, policy::UtcSeconds at) override;
  policy::Status prune(policy::UtcDay before) override;

 private:
  policy::Status write(const Batch& batch);
  policy::Status write_ignored(std::string_view statement,
                               const SqliteFactWriter::IgnoredCounts& counts);
  policy::Status write_lost(const Batch& batch);
  policy::Status write_seen(const Batch& batch);
  policy::Status write_handshake(const Batch::MxHandshake& handshake);
  policy::Status forget_if_changed();
  void forget();

  // The parts refer to the database and to each other; the order is that of their lives.
  SqliteDatabase database_;
  StoreLimits limits_;
  SqliteTexts texts_;
  SqliteFactWriter facts_;
  SqliteReports reports_;
  SqliteDeliveries deliveries_;
  SqliteBounces bounces_;
  std::int64_t data_version_ = -1;
  std::optional<std::int64_t> mx_handshakes_;  // How many there are; none: not yet counted.
};

}  // namespace tlsrpt::reporter
