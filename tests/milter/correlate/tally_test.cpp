#include "milter/correlate/tally.h"

#include <gtest/gtest.h>

#include <memory>

#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {
namespace {

using policy::Outcome;

const policy::UtcSeconds noon = *policy::parse_instant("2026-11-22T12:00:00Z");

class TallyTest : public testing::Test {
 protected:
  TallyTest()
      : store_(*reporter::open_store("sqlite:" + folder_.file("s.sqlite"),
                                     reporter::StoreAccess::collector, {})) {}

  Tally make_tally(std::string relay_name = "") {
    return Tally({std::move(relay_name)}, *store_,
                 [](std::string_view mx_ip) { return "for-" + std::string(mx_ip); });
  }
  static Session session(Outcome outcome) {
    Session session;
    session.at = noon;
    session.log_host = "relay1";
    session.service = "postfix/smtp";
    session.domain = "a.example";
    session.mx_host = "mx.a.example";
    session.mx_ip = "198.51.100.1";
    session.outcome = outcome;
    return session;
  }
  static Session plaintext() {
    Session plain = session(Outcome::no_tls_seen);
    plain.starttls_not_offered = true;
    return plain;
  }

  testing_support::TempDir folder_;
  std::unique_ptr<reporter::Store> store_;
};

TEST_F(TallyTest, TellsHowMuchTextItHas) {
  Tally tally = make_tally();
  Session told = session(Outcome::success);
  told.source = policy::Source::datagram;
  const policy::AppliedPolicy applied{
      policy::PolicyType::sts, "a.example", {std::string(50000, 'x')}, {}};
  told.applied = &applied;
  told.applied_number = 7;
  for (int i = 0; i < 3; ++i) tally.count(told);
  EXPECT_GT(tally.octets(), 50000U);
  EXPECT_LT(tally.octets(), 51000U);
  tally.clear();
  EXPECT_EQ(tally.octets(), 0U);
}

TEST_F(TallyTest, WhatIsTakenBackIsTheSameRow) {
  Tally tally = make_tally();
  Session told = session(Outcome::success);
  told.source = policy::Source::datagram;
  const policy::AppliedPolicy applied{policy::PolicyType::sts, "a.example", {"mode: enforce"}, {}};
  told.applied = &applied;
  told.applied_number = 7;
  told.record = "v=TLSRPTv1;";
  tally.count(told);
  const policy::Fact counted = tally.batch().facts.at(0);
  tally.clear();
  tally.take_back(told);
  tally.take_back(told);
  tally.take_back(policy::Ignored::relay, noon);
  EXPECT_EQ(tally.size(), 1U);
  const reporter::Batch batch = tally.batch();
  EXPECT_TRUE(batch.facts.empty() && batch.ignored.empty() && batch.seen_records.empty());
  ASSERT_EQ(batch.taken_back.facts.size(), 1U);
  const policy::Fact& taken = batch.taken_back.facts[0];
  EXPECT_EQ(taken.sessions, 2U);
  EXPECT_EQ(taken.domain + taken.relay + taken.sending_ip,
            counted.domain + counted.relay + counted.sending_ip);
  EXPECT_TRUE(taken.policy == counted.policy && taken.source == counted.source);
  EXPECT_EQ(batch.taken_back.ignored.at({policy::day_of(noon), policy::Ignored::relay}), 1U);
  tally.clear();
  EXPECT_TRUE(tally.batch().taken_back.facts.empty() && tally.batch().taken_back.ignored.empty());
}

TEST_F(TallyTest, EqualFactsAreOneRow) {
  Tally tally = make_tally();
  Session success = session(Outcome::success);
  success.messages = 1;
  tally.count(success);
  tally.count(success);
  success.sessions = 0;
  tally.count(success);
  tally.count(session(Outcome::validation_failure));
  const reporter::Batch batch = tally.batch();
  ASSERT_EQ(batch.facts.size(), 2U);
  EXPECT_EQ(batch.facts[0].sessions, 2U);
  EXPECT_EQ(batch.facts[0].messages, 3U);
  EXPECT_EQ(batch.facts[0].relay, "relay1");
  EXPECT_EQ(batch.facts[0].service, "postfix/smtp");
  EXPECT_EQ(batch.facts[0].sending_ip, "for-198.51.100.1");
  EXPECT_EQ(batch.facts[0].policy.policy_domain, "a.example");
  EXPECT_EQ(batch.facts[0].minute, -1);
  tally.clear();
  EXPECT_EQ(tally.batch().facts.size(), 0U);
}

TEST_F(TallyTest, TheLastRecordThatPostfixSawIsToldOnceADay) {
  Tally tally = make_tally();
  Session seen = session(Outcome::success);
  seen.source = policy::Source::both;
  tally.count(session(Outcome::success));
  for (const std::string_view record : {"first", "first", "second"}) {
    seen.record = record;
    seen.applied_number = record.size();
    tally.count(seen);
  }
  seen.at += std::chrono::hours(24);
  tally.count(seen);
  const auto day = policy::day_of(noon);
  const decltype(reporter::Batch::seen_records) expected{
      {{day, "a.example"}, "second"}, {{day + std::chrono::days(1), "a.example"}, "second"}};
  EXPECT_EQ(tally.batch().seen_records, expected);
  tally.clear();
  EXPECT_TRUE(tally.batch().seen_records.empty());
}

TEST_F(TallyTest, WhatAnotherPolicyJudgedIsAnotherRow) {
  Tally tally = make_tally();
  const policy::AppliedPolicy one{policy::PolicyType::sts, "a.example", {"mode: testing"}, {}};
  const policy::AppliedPolicy other{policy::PolicyType::sts, "a.example", {"mode: enforce"}, {}};
  Session judged = session(Outcome::success);
  judged.source = policy::Source::datagram;
  for (const auto& [applied, number] : {std::pair(&one, 1U), {&other, 2U}, {&one, 1U}}) {
    judged.applied = applied;
    judged.applied_number = number;
    tally.count(judged);
  }
  const reporter::Batch batch = tally.batch();
  ASSERT_EQ(batch.facts.size(), 2U);
  EXPECT_EQ(batch.facts[0].policy, one);
  EXPECT_EQ(batch.facts[0].sessions, 2U);
  EXPECT_EQ(batch.facts[1].policy, other);
}

TEST_F(TallyTest, WhatIsRememberedIsCountedInTheRowOfItsDayAndBatch) {
  Tally tally = make_tally();
  CountedRow counted;
  Session again = session(Outcome::success);
  again.counted = &counted;
  tally.count(session(Outcome::validation_failure));
  for (const int hours : {0, 1, 24, 24, 0}) {
    again.at = noon + std::chrono::hours(hours);
    tally.count(again);
  }
  const reporter::Batch first = tally.batch();
  ASSERT_EQ(first.facts.size(), 3U);
  EXPECT_EQ(first.facts[0].sessions, 1U);
  EXPECT_EQ(first.facts[1].sessions, 3U);
  EXPECT_EQ(first.facts[2].sessions, 2U);
  EXPECT_EQ(first.facts[2].day, policy::day_of(noon) + std::chrono::days(1));
  tally.clear();
  tally.count(again);
  const reporter::Batch second = tally.batch();
  ASSERT_EQ(second.facts.size(), 1U);
  EXPECT_EQ(second.facts[0].domain, "a.example");
  EXPECT_EQ(second.facts[0].sessions, 1U);
}

TEST_F(TallyTest, PolicyDomainOfTlsaIsTheMxHost) {
  Tally tally = make_tally();
  Session tlsa = session(Outcome::success);
  tlsa.policy = policy::PolicyType::tlsa;
  tally.count(tlsa);
  EXPECT_EQ(tally.batch().facts.at(0).policy.policy_domain, "mx.a.example");
}

TEST_F(TallyTest, PlaintextAfterAHandshakeLooksLikeStripping) {
  Tally tally = make_tally();
  tally.count(plaintext());
  Session success = session(Outcome::success);
  success.handshake_completed = true;
  tally.count(success);
  tally.count(plaintext());
  reporter::Batch batch = tally.batch();
  ASSERT_EQ(batch.facts.size(), 3U);
  EXPECT_EQ(batch.facts[0].reason, "starttls-not-offered");
  EXPECT_EQ(batch.facts[2].reason, "starttls-stripped-suspected");
  ASSERT_EQ(batch.mx_handshakes.size(), 1U);
  // A collector that starts later knows it from the store, for 30 days.
  batch.relay = "relay1";
  batch.source = "file:x";
  ASSERT_TRUE(store_->commit(batch).ok());
  for (const int days : {30, 31}) {
    Tally next = make_tally();
    Session late = plaintext();
    late.at = noon + std::chrono::days(days);
    next.count(late);
    EXPECT_EQ(next.batch().facts.at(0).reason,
              days == 30 ? "starttls-stripped-suspected" : "starttls-not-offered");
  }
}

TEST_F(TallyTest, UnprovenPlaintextKeepsItsMinute) {
  Tally tally = make_tally();
  Session unproven = plaintext();
  unproven.is_unproven = true;
  tally.count(unproven);
  unproven.at += std::chrono::seconds(59);
  tally.count(unproven);
  unproven.at += std::chrono::seconds(1);
  tally.count(unproven);
  const reporter::Batch batch = tally.batch();
  ASSERT_EQ(batch.facts.size(), 2U);
  EXPECT_EQ(batch.facts[0].minute, 12 * 60);
  EXPECT_EQ(batch.facts[0].sessions, 2U);
}

TEST_F(TallyTest, HostsUnderOneRelayNameKeepTheirServicesApart) {
  Tally tally = make_tally("cluster");
  tally.count(plaintext());
  tally.tls_logged(noon, "relay1", "postfix/smtp");
  tally.tls_logged(noon + std::chrono::hours(1), "relay1", "postfix/smtp");
  tally.tls_logged(noon + std::chrono::hours(24), "relay1", "postfix/smtp");
  const reporter::Batch batch = tally.batch();
  EXPECT_EQ(batch.facts.at(0).relay, "cluster");
  EXPECT_EQ(batch.facts.at(0).service, "postfix/smtp@relay1");
  ASSERT_EQ(batch.tls_logged.size(), 2U);
  EXPECT_EQ(batch.tls_logged[0].relay, "cluster");
  EXPECT_EQ(batch.tls_logged[0].service, "postfix/smtp@relay1");
  EXPECT_EQ(batch.tls_logged[0].last - batch.tls_logged[0].first, std::chrono::hours(1));
}

TEST_F(TallyTest, CountsWhatIsIgnoredByDayAndKeepsFewLinesOfIt) {
  Tally tally = make_tally();
  for (int line = 0; line < 30; ++line) tally.not_understood(noon, std::string(2000, 'x'));
  const reporter::Batch batch = tally.batch();
  EXPECT_EQ(batch.ignored.at({policy::day_of(noon), policy::Ignored::not_understood}), 30U);
  EXPECT_EQ(batch.not_understood.size(), 20U);
  EXPECT_EQ(batch.not_understood[0].text.size(), 500U);
}

TEST_F(TallyTest, KeepsLinesOfEachDayOfABatch) {
  Tally tally = make_tally();
  for (int line = 0; line < 30; ++line) tally.not_understood(noon, "today");
  for (int line = 0; line < 30; ++line) tally.not_understood(noon + std::chrono::days(1), "next");
  const auto lines = tally.batch().not_understood;
  ASSERT_EQ(lines.size(), 40U);
  EXPECT_EQ(lines.back().day, policy::day_of(noon) + std::chrono::days(1));
}

}  // namespace
}  // namespace tlsrpt::milter
