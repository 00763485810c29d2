#include "reporter/flush/flush_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/flush_world.h"

namespace tlsrpt::reporter {
namespace {

using policy::Outcome;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing_support::report_day;
using testing_support::report_fact;

class FlushPlan : public testing_support::FlushWorld {
 protected:
  std::vector<Plan> plan(const DeliveryFilter& filter = {}) {
    const FlushClock clock(clock_, std::nullopt);
    FlushPlanner planner(*store_, settings_, records_, dns_, clock);
    auto plans = planner.select(filter);
    EXPECT_TRUE(plans.ok());
    look_ups_ = planner.look_up(*plans);
    for (Plan& each : *plans) EXPECT_TRUE(planner.decide(each).ok());
    return *std::move(plans);
  }
  FlushPlanner::LookUps look_ups_;
};

TEST_F(FlushPlan, SaysWhatBecomesOfEachDomain) {
  count({report_fact("a.example", Outcome::success, 1),
         report_fact("b.example", Outcome::success, 1),
         report_fact("c.example", Outcome::success, 1)});
  publish("a.example", "mailto:x@a.example");
  dns_.world().txt["_smtp._tls.c.example"] = testing_support::dns_temporary("timeout");
  const auto plans = plan();
  ASSERT_EQ(plans.size(), 3U);
  EXPECT_EQ(plans[0].action, PlanAction::close);
  EXPECT_EQ(plans[0].made.deliveries.size(), 1U);
  EXPECT_EQ(plans[1].action, PlanAction::note);
  EXPECT_TRUE(plans[1].note.settled);
  EXPECT_EQ(plans[2].action, PlanAction::note);
  EXPECT_FALSE(plans[2].note.settled);
  EXPECT_EQ(plans[2].note.first_failure, clock_.now());
  EXPECT_EQ(look_ups_.asked, 3U);
  EXPECT_EQ(look_ups_.unanswered, 1U);
  EXPECT_TRUE(reports().empty()) << "a plan changes nothing";
  EXPECT_EQ(note("b.example"), "");
}

TEST_F(FlushPlan, TheRecordThatPostfixSawCountsOnlyWhereDnsHasFailedFor24Hours) {
  const std::string seen = "v=TLSRPTv1; rua=mailto:seen@a.example";
  count_seen("broken.example", "v=TLSRPTv1; rua=nonsense");
  for (const char* domain : {"changed.example", "none.example", "silent.example"})
    count_seen(domain, seen);
  publish("changed.example", "mailto:fresh@a.example");
  for (const char* domain : {"broken.example", "silent.example"})
    dns_.world().txt["_smtp._tls." + std::string(domain)] = testing_support::dns_temporary("none");
  const auto texts = [this] {
    std::vector<std::string> told;
    for (const Plan& plan : plan()) {
      const bool closes = plan.action == PlanAction::close;
      told.push_back(closes ? plan.made.deliveries.at(0).destination : plan.reason);
      EXPECT_EQ(closes && plan.made.report.by_seen_record, told.back() == "mailto:seen@a.example");
    }
    return told;
  };
  EXPECT_THAT(texts(),
              ElementsAre("temporary: none", "mailto:fresh@a.example", "no record",
                          "temporary: none; after 24 h the record that Postfix saw counts"));
  close();
  clock_.advance(std::chrono::hours(23));
  EXPECT_THAT(texts().back(), HasSubstr("temporary"));
  clock_.advance(std::chrono::hours(1));
  EXPECT_THAT(texts(),
              ElementsAre("no record: DNS failed for 24 h: none", "mailto:seen@a.example"));
}

// The clock of a cron job once a day is believed a day later only; with evidence of the day itself
// nothing waits for that.
TEST_F(FlushPlan, TheRecordThatPostfixSawDoesNotWaitForAClockThatLeapt) {
  for (const char* domain : {"a.example", "b.example"}) {
    dns_.world().txt["_smtp._tls." + std::string(domain)] = testing_support::dns_temporary("none");
  }
  count_seen("a.example", "v=TLSRPTv1; rua=mailto:seen@a.example");
  count("b.example");
  const FlushClock first(clock_, std::nullopt);
  close();
  clock_.advance(std::chrono::hours(24));
  const FlushClock second(clock_, first.kept());
  ASSERT_LT(second.believed(), clock_.now());
  FlushPlanner planner(*store_, settings_, records_, dns_, second);
  auto plans = *planner.select({});
  planner.look_up(plans);
  for (Plan& each : plans) EXPECT_TRUE(planner.decide(each).ok());
  ASSERT_EQ(plans.size(), 2U);
  EXPECT_EQ(plans[0].action, PlanAction::close);
  EXPECT_TRUE(plans[0].made.report.by_seen_record);
  EXPECT_EQ(plans[1].action, PlanAction::note);
  EXPECT_FALSE(plans[1].note.settled) << "that would be given up";
}

TEST_F(FlushPlan, AnAnswerThatOurReadingThrowsAtSetsItsDomainAside) {
  count("a.example");
  count("b.example");
  publish("b.example", "mailto:x@b.example");
  auto& answer = dns_.world().txt["_smtp._tls.a.example"];
  answer = testing_support::dns_temporary("internal error: vector::at");
  answer.our_fault = true;
  const auto plans = plan();
  EXPECT_EQ(plans.at(0).action, PlanAction::set_aside);
  EXPECT_THAT(plans.at(0).reason, HasSubstr("internal error: vector::at"));
  EXPECT_EQ(plans.at(1).action, PlanAction::close);
}

TEST_F(FlushPlan, TooFewSessionsSettleUnlessMoreMayBeProven) {
  settings_.min_sessions = 2;
  auto unseen = report_fact("b.example", Outcome::no_tls_seen, 1);
  unseen.minute = 600;
  count({report_fact("a.example", Outcome::success, 1), unseen,
         report_fact("b.example", Outcome::success, 1),
         report_fact("c.example", Outcome::success, 2)});
  for (const char* each : {"a.example", "b.example", "c.example"}) {
    publish(each, "mailto:x@a.example");
  }
  const auto plans = plan();
  ASSERT_EQ(plans.size(), 3U);
  EXPECT_EQ(plans[0].action, PlanAction::note);
  EXPECT_TRUE(plans[0].note.settled);
  EXPECT_EQ(plans[0].note.text, "fewer sessions than min_sessions (2)");
  EXPECT_EQ(plans[1].action, PlanAction::wait);
  EXPECT_THAT(plans[1].reason, HasSubstr("may still be proven"));
  EXPECT_EQ(plans[2].action, PlanAction::close);
}

TEST_F(FlushPlan, ExcludedDomainsAreNotLookedUp) {
  settings_.exclude_domains = {*policy::DomainName::parse("a.example")};
  count("a.example");
  const auto plans = plan();
  EXPECT_EQ(plans.at(0).action, PlanAction::note);
  EXPECT_TRUE(plans.at(0).note.settled);
  EXPECT_EQ(plans.at(0).reason, "excluded by exclude_domains");
  EXPECT_EQ(look_ups_.asked, 0U);
}

TEST_F(FlushPlan, ManyDomainsComeInParts) {
  for (const char* domain : {"e.example", "d.example", "c.example", "b.example", "a.example"}) {
    count(domain);
  }
  const FlushClock clock(clock_, std::nullopt);
  FlushPlanner planner(*store_, settings_, records_, dns_, clock, 2);
  std::vector<std::size_t> sizes;
  for (bool more = true; more;) {
    const auto plans = planner.select({});
    ASSERT_TRUE(plans.ok());
    more = !plans->empty();
    sizes.push_back(plans->size());
  }
  EXPECT_THAT(sizes, ElementsAre(2, 2, 1, 0));
  FlushPlanner by_name(*store_, settings_, records_, dns_, clock, 2);
  const DeliveryFilter filter{std::nullopt, "a.example"};
  EXPECT_EQ(by_name.select(filter)->size(), 1U) << "though it is on the last page";
  EXPECT_TRUE(by_name.select(filter)->empty());
}

TEST_F(FlushPlan, TodayIsNoConcernOfAFlush) {
  auto today = report_fact("a.example", Outcome::success, 1);
  today.day = policy::day_of(clock_.now());
  count({today});
  EXPECT_TRUE(plan().empty());
}

TEST_F(FlushPlan, PlaintextWithoutProofIsWaitedForThenLeft) {
  auto fact = report_fact("a.example", Outcome::no_tls_seen, 1);
  fact.minute = 1439;
  count({fact});
  publish("a.example", "mailto:x@a.example");
  EXPECT_EQ(plan().at(0).action, PlanAction::wait);
  clock_.set("2026-11-24T05:59:00Z");
  EXPECT_EQ(plan().at(0).action, PlanAction::wait);
  clock_.set("2026-11-24T06:00:00Z");
  const auto settled = plan();
  EXPECT_EQ(settled.at(0).action, PlanAction::note);
  EXPECT_TRUE(settled.at(0).note.settled);
}

TEST_F(FlushPlan, WhatIsLeftOfAClosedDayCostsNoLookUp) {
  auto undecided = report_fact("a.example", Outcome::no_tls_seen, 1);
  undecided.minute = 600;
  count({report_fact("a.example", Outcome::success, 1), undecided});
  publish("a.example", "mailto:x@a.example");
  EXPECT_EQ(close().closed, 1U);
  clock_.advance(std::chrono::hours(7));
  dns_.forget();
  const auto plans = plan();
  ASSERT_EQ(plans.size(), 1U);
  EXPECT_EQ(plans[0].action, PlanAction::wait);
  EXPECT_TRUE(dns_.asked().empty());
}

TEST_F(FlushPlan, WaitingHasAReason) {
  count({report_fact("a.example", Outcome::success, 1)}, "2026-11-22T20:00:00Z");
  const auto plans = plan();
  ASSERT_EQ(plans.size(), 1U);
  EXPECT_EQ(plans[0].action, PlanAction::wait);
  EXPECT_THAT(plans[0].reason, HasSubstr("2026-11-22T20:00:00Z"));
}

TEST_F(FlushPlan, OneDomainOnSeveralDaysIsLookedUpOnce) {
  std::vector<policy::Fact> facts;
  for (int back = 0; back < 3; ++back) {
    for (const char* domain : {"a.example", "b.example"}) {
      facts.push_back(report_fact(domain, Outcome::success, 1));
      facts.back().day = report_day - std::chrono::days(back);
    }
  }
  count(facts);
  publish("b.example", "mailto:x@b.example");
  const auto plans = plan();
  ASSERT_EQ(plans.size(), 6U);
  EXPECT_EQ(look_ups_.asked, 2U);
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(plans[i].open.domain, i < 3 ? "a.example" : "b.example");
    EXPECT_EQ(plans[i].action, i < 3 ? PlanAction::note : PlanAction::close);
  }
}

}  // namespace
}  // namespace tlsrpt::reporter
