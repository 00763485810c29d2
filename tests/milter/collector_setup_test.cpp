#include "milter/collector_setup.h"

#include <gtest/gtest.h>

#include "reporter/options/option_table.h"
#include "tests/milter/log/journal_world.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {
namespace {

using reporter::LogSource;

class CollectorSetupTest : public testing::Test {
 protected:
  CollectorSetupTest() {
    settings_.store = "sqlite:" + folder_.file("s.sqlite");
    settings_.log_source = {"file:" + folder_.file("mail.log")};
    settings_.postfix_config = {"none"};
  }

  LogSource log(const std::string& name) const {
    return {LogSource::Kind::file, folder_.file(name)};
  }

  testing_support::TempDir folder_;
  testing_support::FakeClock clock_{"2026-11-22T12:00:00Z"};
  reporter::Settings settings_ = reporter::default_settings();
};

TEST_F(CollectorSetupTest, NamesTheLogsOfTheSettings) {
  const auto setup = CollectorSetup::make(settings_, clock_);
  ASSERT_TRUE(setup.ok());
  EXPECT_EQ(setup->sources(), std::vector<LogSource>{log("mail.log")});
  EXPECT_TRUE(setup->notices().empty());
}

TEST_F(CollectorSetupTest, AnUnknownTimeZoneIsAnError) {
  settings_.log_timezone = "Mars/Olympus";
  EXPECT_FALSE(CollectorSetup::make(settings_, clock_).ok());
}

TEST_F(CollectorSetupTest, TheLockIsThatOfOneSourceInOneStore) {
  const auto setup = CollectorSetup::make(settings_, clock_);
  ASSERT_TRUE(setup.ok());
  const auto first = setup->lock(log("mail.log"));
  ASSERT_TRUE(first.ok());
  const auto second = setup->lock(log("mail.log"));
  ASSERT_FALSE(second.ok());
  EXPECT_TRUE(second.error().code() == policy::Errc::temporary);
  EXPECT_TRUE(setup->lock(log("other.log")).ok());
}

TEST_F(CollectorSetupTest, WithoutALogThereIsACollectorWithNothingToRead) {
  settings_.log_source = {"none"};
  const auto setup = CollectorSetup::make(settings_, clock_);
  ASSERT_TRUE(setup.ok());
  ASSERT_EQ(setup->sources().size(), 1U);
  auto store = reporter::open_store(settings_.store, reporter::StoreAccess::collector, {});
  ASSERT_TRUE(store.ok());
  auto collector = setup->collector(setup->sources().front(), **store);
  ASSERT_TRUE(collector.ok());
  EXPECT_EQ((*collector)->source(), "none");
  const auto more = (*collector)->take_block();
  ASSERT_TRUE(more.ok());
  EXPECT_FALSE(*more);
  EXPECT_TRUE((*collector)->commit().ok());
}

TEST_F(CollectorSetupTest, AJournalIsBegunWhereAnotherLogWasLeft) {
  JournalWorld world;
  constexpr std::uint64_t ten_us = 1'795'341'600'000'000;  // 2026-11-22T10:00:00Z
  const auto log_delivery = [&world](std::uint64_t at_us) {
    world.log(at_us, "postfix/smtp", 7,
              "Trusted TLS connection established to mx.a.example[198.51.100.1]:25: TLSv1.3");
    world.log(at_us, "postfix/smtp", 7,
              "4C0A1B2C3D: to=<u@a.example>, relay=mx.a.example[198.51.100.1]:25, delay=1, "
              "delays=0/0/1/0, dsn=2.0.0, status=sent (250 Ok)");
  };
  constexpr std::uint64_t day_us = 86'400'000'000;
  log_delivery(ten_us - 8 * day_us);  // Too old to be reported.
  log_delivery(ten_us - day_us);
  log_delivery(ten_us);
  world.write();
  settings_.log_source = {"journal:" + world.folder()};
  settings_.relay_name = "relay1";
  const auto sessions = [this](const std::string& before) {
    settings_.store = "sqlite:" + folder_.file("after-" + before + ".sqlite");
    auto store = *reporter::open_store(settings_.store, reporter::StoreAccess::collector, {});
    reporter::Batch batch;
    batch.relay = "relay1";
    batch.source = before;
    batch.state.read_until = policy::parse_instant("2026-11-22T09:59:59Z");
    batch.committed_at = *batch.state.read_until;
    EXPECT_TRUE(store->commit(batch).ok());
    const auto setup = CollectorSetup::make(settings_, clock_);
    auto collector = setup->collector(setup->sources().front(), *store);
    while (*(*collector)->take_block()) {
    }
    EXPECT_TRUE((*collector)->commit().ok());
    std::uint64_t sum = 0;
    const auto days = store->days();
    for (const policy::UtcDay day : *days) {
      const auto facts = store->facts(day, "a.example", std::nullopt);
      for (const policy::Fact& fact : *facts) sum += fact.sessions;
    }
    return sum;
  };
  EXPECT_EQ(sessions("none"), 2U);
  EXPECT_EQ(sessions("file:mail.log"), 1U);
}

TEST_F(CollectorSetupTest, CorrelatorOptionsFoldRelayNames) {
  settings_.ignore_relays = {"HUB.example"};
  settings_.count_private_relays = true;
  settings_.report_senders = {"reports@relay.example"};
  const CorrelatorOptions options = correlator_options(settings_, {"mx.hub.example"});
  EXPECT_EQ(options.filter.ignore_relays,
            (std::vector<std::string>{"mx.hub.example", "hub.example"}));
  EXPECT_TRUE(options.filter.count_private_relays);
  EXPECT_EQ(options.report_senders, settings_.report_senders);
}

TEST_F(CollectorSetupTest, StoreLimitsAreThoseOfTheSettings) {
  settings_.max_facts = 7;
  settings_.max_domains = 9;
  EXPECT_EQ(store_limits(settings_).max_facts, 7U);
  EXPECT_EQ(store_limits(settings_).max_domains, 9U);
}

}  // namespace
}  // namespace tlsrpt::milter
