// FlushWorld: a store, a clock, a DNS world and a folder for mail, in which flushes are tried.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "policy/address_guard.h"
#include "reporter/deliver/curl_handle.h"
#include "reporter/flush/flush_close.h"
#include "reporter/flush/flush_deliver.h"
#include "reporter/flush/flush_log.h"
#include "reporter/options/option_table.h"
#include "reporter/options/record_map.h"
#include "reporter/store/sqlite_open.h"
#include "reporter/store/store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_resolver.h"
#include "tests/support/report_facts.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::testing_support {

class FlushWorld : public ::testing::Test {
 protected:
  FlushWorld() {
    settings_.organization_name = "Example Relay";
    settings_.contact_info = "tls-reports@relay.example";
    reporter::derive(settings_);
    settings_.store = "sqlite:" + folder_.file("store.sqlite");
    settings_.mail_transport = "directory:" + folder_.file("mail");
    std::filesystem::create_directory(folder_.file("mail"));
    reopen();
  }

  void reopen() {
    store_.reset();
    auto store = reporter::open_store(settings_.store, reporter::StoreAccess::reporter, {});
    if (!store.ok()) throw std::runtime_error(store.error().message());
    store_ = *std::move(store);
  }

  // What a collector has counted: FACTS, after having read up to READ_UNTIL; Postfix saw RECORD.
  void count(std::vector<policy::Fact> facts, std::string_view read_until = "2026-11-23T00:15:00Z",
             std::string_view record = {}) {
    reporter::Batch batch;
    batch.relay = "relay1";
    batch.source = "file:/var/log/mail.log";
    batch.state.read_until = at(read_until);
    batch.committed_at = clock_.now();
    for (const policy::Fact& fact : facts) {
      if (!record.empty()) batch.seen_records[{fact.day, fact.domain}] = record;
    }
    batch.facts = std::move(facts);
    const auto committed = store_->commit(batch);
    ASSERT_TRUE(committed.ok()) << committed.error().message();
  }
  void count(const std::string& domain, std::uint64_t sessions = 1) {
    count({report_fact(domain, policy::Outcome::success, sessions)});
  }
  // One session of DOMAIN, with RECORD as Postfix saw it.
  void count_seen(const std::string& domain, std::string_view record) {
    count({report_fact(domain, policy::Outcome::success, 1)}, "2026-11-23T00:15:00Z", record);
  }
  // Changes rows behind the store's back.
  void damage(const std::string& sql) const {
    auto database =
        reporter::open_sqlite(folder_.file("store.sqlite"), reporter::StoreAccess::reporter,
                              std::chrono::milliseconds(1000));
    ASSERT_TRUE(database.ok());
    ASSERT_TRUE(database->execute(sql).ok());
  }
  // Publishes a TLSRPT record with RUA for DOMAIN.
  void publish(const std::string& domain, const std::string& rua) {
    dns_.world().txt["_smtp._tls." + domain] = dns_found("v=TLSRPTv1; rua=" + rua);
  }
  void map(const std::string& text) { records_ = *reporter::RecordMap::parse(text, "record_map"); }

  reporter::CloseSummary close(const reporter::DeliveryFilter& filter = {}) {
    reporter::FlushLog log(log_, false, true);
    const reporter::FlushClock clock(clock_, std::nullopt);
    auto closed = reporter::close_days(*store_, settings_, records_, dns_, clock, filter, log);
    EXPECT_TRUE(closed.ok()) << closed.error().message();
    return closed.ok() ? *closed : reporter::CloseSummary{};
  }
  reporter::DeliverSummary deliver(bool ignore_spread = true,
                                   const reporter::DeliveryFilter& filter = {}) {
    reporter::FlushLog log(log_, false, true);
    const reporter::FlushClock clock(clock_, std::nullopt);
    auto delivered = reporter::deliver_due({*store_, settings_, clock, guard_, host_dns_, log},
                                           filter, ignore_spread);
    EXPECT_TRUE(delivered.ok()) << delivered.error().message();
    return delivered.ok() ? *delivered : reporter::DeliverSummary{};
  }

  std::vector<reporter::StoredReport> reports() {
    auto all = store_->reports(std::nullopt);
    EXPECT_TRUE(all.ok());
    return *std::move(all);
  }
  std::vector<reporter::Delivery> deliveries(std::int64_t report_id) {
    auto all = store_->deliveries(report_id);
    EXPECT_TRUE(all.ok());
    return *std::move(all);
  }
  // The deliveries of the only report.
  std::vector<reporter::Delivery> deliveries() { return deliveries(reports().at(0).id); }
  // Names of the files that were "mailed".
  std::set<std::string> mail() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.file("mail"))) {
      names.insert(entry.path().filename().string());
    }
    return names;
  }
  std::string note(const std::string& domain, policy::UtcDay day = report_day) {
    const auto note = store_->lookup_note(day, domain);
    EXPECT_TRUE(note.ok());
    return note.ok() && *note ? (*note)->text : "";
  }

  reporter::CurlGlobal curl_;
  TempDir folder_;
  reporter::Settings settings_ = reporter::default_settings();
  FakeClock clock_{"2026-11-23T00:20:00Z"};
  FakeResolver dns_;
  FakeResolver host_dns_;
  policy::AddressGuard guard_{{*policy::IpNetwork::parse("127.0.0.0/8")}, {}};
  reporter::RecordMap records_;
  std::ostringstream log_;
  std::unique_ptr<reporter::Store> store_;
};

}  // namespace tlsrpt::testing_support
