#include "reporter/flush/flush_close.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/flush_world.h"

namespace tlsrpt::reporter {
namespace {

using policy::Outcome;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing_support::report_day;
using testing_support::report_fact;

class FlushClose : public testing_support::FlushWorld {};

TEST_F(FlushClose, AFinishedDayBecomesAReportWithItsDeliveries) {
  count("a.example", 3);
  publish("a.example", "mailto:x@a.example,https://a.example/r");
  const CloseSummary summary = close();
  EXPECT_EQ(summary.closed, 1U);
  EXPECT_EQ(summary.asked, 1U);
  ASSERT_EQ(reports().size(), 1U);
  EXPECT_EQ(reports()[0].revision, 1U);
  EXPECT_EQ(reports()[0].created_at, clock_.now());
  EXPECT_EQ(deliveries().size(), 2U);
  EXPECT_EQ(close().closed, 0U) << "once";
}

TEST_F(FlushClose, ADayIsNotClosedWhileACollectorIsBehind) {
  count({report_fact("a.example", Outcome::success, 1)}, "2026-11-22T23:00:00Z");
  publish("a.example", "mailto:x@a.example");
  EXPECT_EQ(close().closed, 0U);
  EXPECT_TRUE(dns_.asked().empty());
  EXPECT_THAT(log_.str(), HasSubstr("waits for relay1"));
  clock_.set("2026-11-23T06:00:00Z");
  EXPECT_EQ(close().closed, 1U);
}

TEST_F(FlushClose, ADomainWithoutRecordIsAskedForOnce) {
  count("a.example");
  EXPECT_EQ(close().closed, 0U);
  EXPECT_EQ(note("a.example"), "no record");
  EXPECT_EQ(dns_.asked().size(), 1U);
  close();
  EXPECT_EQ(dns_.asked().size(), 1U);
  const auto facts = store_->facts(report_day, "a.example", 0);
  EXPECT_EQ(facts->size(), 1U) << "the facts stay";
}

TEST_F(FlushClose, WhoNamesADomainHasItAskedForAgain) {
  count({report_fact("a.example", Outcome::success, 1),
         report_fact("b.example", Outcome::success, 1)});
  close();
  publish("a.example", "mailto:x@a.example");
  publish("b.example", "mailto:x@b.example");
  EXPECT_EQ(close().closed, 0U);
  EXPECT_EQ(close({std::nullopt, "a.example"}).closed, 1U);
  ASSERT_EQ(reports().size(), 1U);
  EXPECT_EQ(reports()[0].domain, "a.example");
  EXPECT_EQ(close({std::nullopt, "a.example"}).closed, 0U);
}

TEST_F(FlushClose, ADnsFailureIsTriedForADayThenAsNone) {
  count("a.example");
  dns_.world().txt["_smtp._tls.a.example"] = testing_support::dns_temporary("SERVFAIL");
  const CloseSummary summary = close();
  EXPECT_EQ(summary.unanswered, 1U);
  EXPECT_EQ(note("a.example"), "temporary: SERVFAIL");
  clock_.advance(std::chrono::hours(23));
  close();
  EXPECT_EQ(note("a.example"), "temporary: SERVFAIL");
  clock_.advance(std::chrono::hours(1));
  close();
  EXPECT_THAT(note("a.example"), HasSubstr("no record: DNS failed for 24 h: SERVFAIL"));
  EXPECT_EQ(dns_.asked().size(), 3U);
  close();
  EXPECT_EQ(dns_.asked().size(), 3U);
}

TEST_F(FlushClose, ADnsFailureThatEndsIsForgotten) {
  count("a.example");
  dns_.world().txt["_smtp._tls.a.example"] = testing_support::dns_temporary("SERVFAIL");
  close();
  publish("a.example", "mailto:x@a.example");
  clock_.advance(std::chrono::hours(2));
  EXPECT_EQ(close().closed, 1U);
  EXPECT_TRUE(store_->lookup_notes()->empty());
}

TEST_F(FlushClose, ADnsFailureBeforeAReportIsNoneOfItsSupplement) {
  count("a.example");
  dns_.world().txt["_smtp._tls.a.example"] = testing_support::dns_temporary("SERVFAIL");
  close();
  publish("a.example", "mailto:x@a.example");
  EXPECT_EQ(close().closed, 1U);
  count("a.example", 2);
  dns_.world().txt["_smtp._tls.a.example"] = testing_support::dns_temporary("timeout");
  clock_.advance(std::chrono::hours(30));
  close();
  EXPECT_EQ(note("a.example"), "temporary: timeout");
  publish("a.example", "mailto:x@a.example");
  EXPECT_EQ(close().closed, 1U);
}

TEST_F(FlushClose, ADnsFailureBeforeAnAnswerIsForgottenThoughNoReportCameOfIt) {
  settings_.min_sessions = 2;
  auto undecided = report_fact("a.example", Outcome::no_tls_seen, 5);
  undecided.minute = 600;
  count({report_fact("a.example", Outcome::success, 1), undecided});
  dns_.world().txt["_smtp._tls.a.example"] = testing_support::dns_temporary("SERVFAIL");
  close();
  publish("a.example", "mailto:x@a.example");
  clock_.advance(std::chrono::hours(1));
  EXPECT_EQ(close().closed, 0U);
  EXPECT_THAT(note("a.example"), HasSubstr("fewer sessions than min_sessions (2) yet"));
  dns_.world().txt["_smtp._tls.a.example"] = testing_support::dns_temporary("timeout");
  clock_.advance(std::chrono::hours(23));
  close();
  EXPECT_EQ(note("a.example"), "temporary: timeout");
}

TEST_F(FlushClose, LateSessionsGoOutAsASupplement) {
  count("a.example", 3);
  publish("a.example", "mailto:x@a.example");
  close();
  count("a.example", 2);
  clock_.advance(std::chrono::hours(5));
  EXPECT_EQ(close().closed, 0U) << "six hours after the last one";
  clock_.advance(std::chrono::hours(1));
  EXPECT_EQ(close().closed, 1U);
  ASSERT_EQ(reports().size(), 2U);
  EXPECT_EQ(reports()[1].revision, 2U);
  EXPECT_EQ(reports()[1].report_id, "20261122.a.example.2@relay.example");
  const auto late = store_->facts(report_day, "a.example", 2);
  ASSERT_EQ(late->size(), 1U);
  EXPECT_EQ(late->at(0).sessions, 2U);
}

TEST_F(FlushClose, DaysMissedForAWeekAreCaughtUpAndOlderOnesAreLate) {
  std::vector<policy::Fact> facts;
  for (int back = 0; back < 9; ++back) {
    facts.push_back(report_fact("a.example", Outcome::success, 1));
    facts.back().day = report_day - std::chrono::days(back);
  }
  count(facts);
  publish("a.example", "mailto:x@a.example");
  EXPECT_EQ(close().closed, 7U);
  EXPECT_EQ(dns_.asked().size(), 1U) << "one look-up for all days";
  EXPECT_THAT(note("a.example", report_day - std::chrono::days(7)), HasSubstr("late"));
  EXPECT_THAT(note("a.example", report_day - std::chrono::days(8)), HasSubstr("late"));
  EXPECT_EQ(close().closed, 0U);
}

TEST_F(FlushClose, OneBadThingStopsNothingElse) {
  count({report_fact("a.example", Outcome::success, 1),
         report_fact("broken.example", Outcome::success, 1),
         report_fact("c.example", Outcome::success, 1),
         report_fact("not a name", Outcome::success, 1)});
  count("odd.example");
  // An outcome that no version of ours has written.
  damage(
      "UPDATE fact SET outcome = 99 WHERE domain = "
      "(SELECT id FROM text WHERE value = 'odd.example')");
  for (const char* domain : {"a.example", "c.example", "odd.example"}) {
    publish(domain, std::string("mailto:x@") + domain);
  }
  dns_.world().txt["_smtp._tls.broken.example"] =
      testing_support::dns_found("v=TLSRPTv1; rua=gopher://x");
  EXPECT_EQ(close().closed, 2U);
  EXPECT_NE(note("broken.example"), "");
  EXPECT_THAT(note("odd.example"), HasSubstr("set aside by"));
  EXPECT_THAT(log_.str(), HasSubstr("odd.example: set aside"));
  dns_.forget();
  EXPECT_EQ(close().closed, 0U);
  EXPECT_TRUE(dns_.asked().empty()) << "not tried again by this version";
  EXPECT_EQ(close({std::nullopt, "odd.example"}).closed, 0U);
  EXPECT_EQ(dns_.asked().size(), 1U) << "unless named";
}

TEST_F(FlushClose, ADamagedDayIsToldAndTheOthersAreClosed) {
  for (const char* domain : {"a.example", "b.example", "c.example"}) {
    count(domain);
    publish(domain, std::string("mailto:x@") + domain);
  }
  damage(
      "UPDATE domain_day SET last_revision = -7 WHERE domain = "
      "(SELECT id FROM text WHERE value = 'b.example')");
  EXPECT_EQ(close().closed, 2U);
  EXPECT_THAT(log_.str(), HasSubstr("b.example): damaged row: last_revision -7 is out of range"));
  EXPECT_EQ(close().closed, 0U);
}

TEST_F(FlushClose, WhatCannotBeWrittenSpoilsNoOther) {
  for (const char* domain : {"a.example", "b.example", "c.example"}) {
    count(domain);
    publish(domain, std::string("mailto:x@") + domain);
  }
  // A report that the day knows nothing of: there cannot be two of a revision.
  damage(
      "INSERT INTO report (day, domain, revision, report_id, file_name, boundary, created_at, "
      "by_seen_record, json_gz) SELECT day, domain, 1, 'x', 'x', 'x', 0, 0, x'' FROM domain_day "
      "WHERE domain = "
      "(SELECT id FROM text WHERE value = 'b.example')");
  EXPECT_EQ(close().closed, 2U);
  EXPECT_THAT(note("b.example"), AllOf(HasSubstr("set aside by"), HasSubstr("UNIQUE")));
  EXPECT_THAT(log_.str(), HasSubstr("b.example: set aside"));
  EXPECT_EQ(close().closed, 0U);
}

TEST_F(FlushClose, ADamagedCollectorKeepsNobodyWaiting) {
  count("a.example");
  map("* discard\n");
  damage("UPDATE collector SET read_until = 9223372036854775807");
  EXPECT_EQ(close().closed, 1U);
  EXPECT_THAT(log_.str(), HasSubstr("collectors: damaged row: read_until"));
}

TEST_F(FlushClose, AnotherVersionTriesWhatWasSetAside) {
  count("a.example");
  publish("a.example", "mailto:x@a.example");
  ASSERT_TRUE(
      store_->note_lookup(report_day, "a.example", {"set aside by 0.0.1: why", {}, false}).ok());
  EXPECT_EQ(close().closed, 1U);
}

TEST_F(FlushClose, AFilterLeavesTheOthersAlone) {
  auto other_day = report_fact("a.example", Outcome::success, 1);
  other_day.day -= std::chrono::days(1);
  count({report_fact("a.example", Outcome::success, 1),
         report_fact("b.example", Outcome::success, 1), other_day});
  map("* discard\n");
  EXPECT_EQ(close({report_day, "a.example"}).closed, 1U);
  EXPECT_EQ(close({report_day, std::nullopt}).closed, 1U);
  EXPECT_EQ(close().closed, 1U);
}

TEST_F(FlushClose, ThousandsAreClosedInBatches) {
  std::vector<policy::Fact> facts;
  for (int i = 0; i < 1000; ++i) {
    facts.push_back(report_fact("d" + std::to_string(i) + ".example", Outcome::success, 1));
  }
  count(facts);
  map("* discard\n");
  EXPECT_EQ(close().closed, 1000U);
  EXPECT_EQ(store_->list_reports(std::nullopt)->size(), 1000U);
}

// Somebody else does something when all look-ups are answered.
class Meddler : public testing_support::FakeResolver {
 public:
  using FakeResolver::FakeResolver;
  std::function<void()> meddle;
  void run() override {
    FakeResolver::run();
    if (meddle) std::exchange(meddle, nullptr)();
  }
};

TEST_F(FlushClose, WhatACollectorCommitsMeanwhileIsReportedOnce) {
  // The clock is asked before the facts of each domain are read.
  class MeddlingClock : public testing_support::FakeClock {
   public:
    using FakeClock::FakeClock;
    mutable int until_meddling = -1;
    std::function<void()> meddle;
    policy::UtcSeconds now() const override {
      if (until_meddling >= 0 && until_meddling-- == 0) meddle();
      return FakeClock::now();
    }
  };
  count("a.example", 3);
  count("b.example");
  map("* discard\n");
  MeddlingClock wall(clock_.now());
  Meddler resolver;
  // After the facts of a.example are read, before those of b.example are, and before the closing.
  resolver.meddle = [&wall] { wall.until_meddling = 1; };
  wall.meddle = [this] { count("a.example", 4); };
  FlushLog log(log_, false, true);
  const FlushClock clock(wall, std::nullopt);
  const auto done = close_days(*store_, settings_, records_, resolver, clock, {}, log);
  ASSERT_TRUE(done.ok()) << done.error().message();
  EXPECT_EQ(wall.until_meddling, -1) << "somebody has meddled";
  EXPECT_EQ(done->closed, 1U) << "b.example; a.example is another than it was";
  EXPECT_EQ(close().closed, 1U);
  ASSERT_EQ(reports().size(), 2U);
  std::uint64_t sessions = 0;
  const auto facts = store_->facts(report_day, "a.example", 1);
  for (const auto& fact : *facts) sessions += fact.sessions;
  EXPECT_EQ(sessions, 7U);
  EXPECT_TRUE(store_->facts(report_day, "a.example", 0)->empty());
}

TEST_F(FlushClose, TwoFlushesAtOnceMakeOneReport) {
  count("a.example");
  publish("a.example", "mailto:x@a.example");
  auto second = open_store(settings_.store, StoreAccess::reporter, {});
  ASSERT_TRUE(second.ok());
  // The second flush closes the day after the first has read its facts: in the look-up.
  Meddler resolver(dns_.world());
  FlushLog log(log_, false, true);
  const FlushClock clock(clock_, std::nullopt);
  resolver.meddle = [&] {
    const auto done = close_days(**second, settings_, records_, dns_, clock, {}, log);
    EXPECT_EQ(done->closed, 1U);
  };
  const auto done = close_days(*store_, settings_, records_, resolver, clock, {}, log);
  ASSERT_TRUE(done.ok()) << done.error().message();
  EXPECT_EQ(done->closed, 0U);
  EXPECT_EQ(reports().size(), 1U);
}

TEST_F(FlushClose, WhatCannotEvenBeNotedIsToldOnceADay) {
  count("a.example");
  count("b.example");
  publish("a.example", "mailto:x@a.example");
  publish("b.example", "mailto:x@b.example");
  damage(
      "UPDATE fact SET outcome = 99 WHERE domain = (SELECT id FROM text WHERE value = "
      "'a.example'); CREATE TRIGGER no_note BEFORE INSERT ON lookup_note "
      "BEGIN SELECT RAISE(ABORT, 'no note'); END");
  const auto told = [this] {
    log_.str("");
    close();
    return log_.str().find("a.example: set aside by") != std::string::npos;
  };
  EXPECT_TRUE(told());
  EXPECT_EQ(reports().size(), 1U) << "the other one goes on";
  EXPECT_FALSE(told());
  clock_.advance(std::chrono::hours(24));
  EXPECT_TRUE(told());
}

}  // namespace
}  // namespace tlsrpt::reporter
