// That the milter listens is told by milter_server_test.cpp and by the integration tests.
#include "milter/mail/milter_input.h"

#include <gtest/gtest.h>

#include "reporter/options/option_table.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {
namespace {

class MilterInputTest : public testing::Test {
 protected:
  MilterInputTest() {
    settings_.milter_socket = "unix:" + folder_.file("nowhere/m.sock");
    settings_.milter_socket_group = "";
  }
  std::unique_ptr<Collector> collector(const std::string& source) {
    CollectorOptions options;
    options.source = source;
    options.relay = "relay1";
    return *Collector::make(options, std::make_unique<NoLog>(), clock_, *store_,
                            [](std::string_view) { return std::string(); });
  }
  std::uint64_t untrusted() const {
    const auto sums = store_->ignored(policy::day_of(clock_.now()));
    const auto found = sums->find(policy::Ignored::report_mail_untrusted);
    return found == sums->end() ? 0 : found->second;
  }

  testing_support::TempDir folder_;
  testing_support::FakeClock clock_{"2026-11-22T12:00:00Z"};
  reporter::Settings settings_ = reporter::default_settings();
  std::unique_ptr<reporter::Store> store_ = *reporter::open_store(
      "sqlite:" + folder_.file("s.sqlite"), reporter::StoreAccess::collector, {});
  DaemonLog log_{"test", false};
};

TEST_F(MilterInputTest, SocketThatCannotBeHadIsSaidOnceAndStopsNothing) {
  testing::internal::CaptureStderr();
  bool is_stopped = false;
  MilterInput input(settings_, clock_, log_, [&] { is_stopped = true; }, {});
  EXPECT_FALSE(input.start());
  EXPECT_FALSE(input.start());
  input.hand_over({});
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(said.find("milter_socket"), said.rfind("milter_socket")) << said;
  EXPECT_NE(said.find("nowhere/m.sock"), std::string::npos) << said;
  EXPECT_FALSE(is_stopped);
}

TEST_F(MilterInputTest, EveryCollectorHearsOfAMailAndOneCountsIt) {
  MilterInput input(settings_, clock_, log_, [] {}, {});
  const auto first = collector("file:/a");
  const auto second = collector("file:/b");
  input.inbox().add({"4XyZabcdefgh", "", false, true, std::chrono::steady_clock::now()});
  input.hand_over(std::vector<Collector*>{first.get(), second.get()});
  input.hand_over(std::vector<Collector*>{first.get(), second.get()});
  ASSERT_TRUE(first->commit().ok());
  ASSERT_TRUE(second->commit().ok());
  EXPECT_EQ(untrusted(), 1U);
  EXPECT_TRUE(first->take_uncommitted_mails().empty());
}

TEST_F(MilterInputTest, WhatIsNotCommittedCanBeHandedToTheNextCollector) {
  MilterInput input(settings_, clock_, log_, [] {}, {});
  const auto spoilt = collector("file:/a");
  input.inbox().add({"4XyZabcdefgh", "", false, true, std::chrono::steady_clock::now()});
  input.hand_over(std::vector<Collector*>{spoilt.get()});
  const auto mails = spoilt->take_uncommitted_mails();
  ASSERT_EQ(mails.size(), 1U);
  EXPECT_EQ(mails[0].mail.queue_id, "4XyZabcdefgh");
  EXPECT_TRUE(mails[0].counts);
}

TEST_F(MilterInputTest, RecipientDomainsGoToWhoeverLooksAhead) {
  std::unordered_set<std::string> seen;
  MilterInput input(
      settings_, clock_, log_, [] {},
      [&](const std::unordered_set<std::string>& domains) { seen = domains; });
  EXPECT_TRUE(input.inbox().rules().wants_domains);
  input.inbox().add(*policy::DomainName::parse("a.example"));
  input.hand_over({});
  EXPECT_EQ(seen, std::unordered_set<std::string>{"a.example"});
}

}  // namespace
}  // namespace tlsrpt::milter
