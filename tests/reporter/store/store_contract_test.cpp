// What a collector writes and everybody reads, for every engine.

#include "tests/support/store_contract.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tlsrpt::testing_support {
namespace {

using policy::DatagramLoss;
using policy::Errc;
using policy::Fact;
using policy::Ignored;
using policy::Outcome;
using reporter::Batch;
using reporter::StoreAccess;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

INSTANTIATE_TEST_SUITE_P(Store, StoreContract, ::testing::Values(sqlite_engine()), engine_name);

TEST_P(StoreContract, ReadOnlyAccessNeverCreatesAStore) {
  const auto store = reporter::open_store(location(), StoreAccess::read_only, {});
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.error().code(), Errc::not_found);
  EXPECT_TRUE(std::filesystem::is_empty(folder().path()));
}

TEST_P(StoreContract, KeepsEveryColumnOfAFact) {
  Fact fact = failed(sample_fact("a.example"), Outcome::certificate_expired, "resumed-session");
  fact.source = policy::Source::both;
  fact.helo = "h\u00e9lo.example";
  fact.policy.type = policy::PolicyType::sts;
  fact.policy.policy_string = {"version: STSv1", "", "mx: 3:a,b"};
  fact.policy.mx_host = {"*.a.example", "mx.a.example"};
  fact.epoch = 4000000000U;
  fact.sessions = 3;
  fact.messages = 7;
  const auto store = open(StoreAccess::collector);
  ASSERT_EQ(message_of(store->commit(batch_of({fact}))), "ok");
  EXPECT_THAT(facts(*store, "a.example"), ElementsAre(describe(fact)));

  const auto reader = open(StoreAccess::read_only);
  const auto found = reader->facts(fact.day, "a.example", 0);
  ASSERT_EQ(message_of(found), "ok");
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->front().policy, fact.policy);
  EXPECT_EQ(found->front().day, fact.day);
  EXPECT_EQ(found->front().domain, "a.example");
}

TEST_P(StoreContract, EqualFactsAreOneRowWithACount) {
  const auto store = open(StoreAccess::collector);
  Fact fact = sample_fact("a.example");
  ASSERT_TRUE(store->commit(batch_of({fact, fact})).ok());
  fact.sessions = 5;
  fact.messages = 0;
  ASSERT_TRUE(store->commit(batch_of({fact})).ok());
  fact.sessions = 7;
  fact.messages = 2;
  EXPECT_THAT(facts(*store, "a.example"), ElementsAre(describe(fact)));
}

TEST_P(StoreContract, FactsThatDifferInOneColumnAreTwoRows) {
  const Fact base = sample_fact("a.example");
  std::vector<Fact> variants(13, base);
  variants[1].relay = "relay2.example";
  variants[2].service = "postfix/relay/smtp";
  variants[3].source = policy::Source::datagram;
  variants[4].mx_host = "mx2.a.example";
  variants[5].mx_ip = "192.0.2.26";
  variants[6].sending_ip = "198.51.100.2";
  variants[7].helo = "x.example";
  variants[8].outcome = Outcome::tlsa_invalid;
  variants[9].reason = "some";
  variants[10].policy.policy_string = {"v"};
  variants[11].epoch = 1;
  variants[12].outcome = Outcome::no_tls_seen;
  variants[12].minute = 0;
  const auto store = open(StoreAccess::collector);
  ASSERT_EQ(message_of(store->commit(batch_of(variants))), "ok");
  EXPECT_EQ(facts(*store, "a.example").size(), variants.size());
}

TEST_P(StoreContract, FactsOfOtherDaysAndDomainsStayApart) {
  const auto store = open(StoreAccess::collector);
  Fact later = sample_fact("a.example");
  later.day += std::chrono::days(1);
  ASSERT_TRUE(
      store->commit(batch_of({sample_fact("b.example"), sample_fact("a.example"), later})).ok());
  EXPECT_THAT(*store->domains(day("2026-11-22")), ElementsAre("a.example", "b.example"));
  EXPECT_THAT(*store->domains(day("2026-11-23")), ElementsAre("a.example"));
  EXPECT_THAT(*store->domains(day("2026-11-24")), IsEmpty());
  EXPECT_THAT(*store->days(), ElementsAre(day("2026-11-22"), day("2026-11-23")));
  EXPECT_THAT(facts(*store, "never.example"), IsEmpty());
  EXPECT_THAT(facts(*store, "a.example", 1), IsEmpty());
}

TEST_P(StoreContract, StateIsReplacedWithTheCounts) {
  const auto store = open(StoreAccess::collector);
  EXPECT_FALSE(store->collector_state("relay1.example", "file:/var/log/mail.log")->has_value());

  Batch batch = batch_of({});
  batch.state.position = std::string("\0\xff binary", 9);
  batch.state.pending = "";
  ASSERT_TRUE(store->commit(batch).ok());
  auto state = store->collector_state("relay1.example", "file:/var/log/mail.log");
  ASSERT_TRUE(state.ok() && state->has_value());
  EXPECT_EQ((*state)->position, batch.state.position);
  EXPECT_EQ((*state)->pending, "");
  EXPECT_FALSE((*state)->read_until.has_value());

  batch.state.pending = std::string(300000, 'p');
  batch.state.read_until = at("2026-11-22T09:59:59Z");
  ASSERT_TRUE(store->commit(batch).ok());
  state = store->collector_state("relay1.example", "file:/var/log/mail.log");
  ASSERT_TRUE(state.ok() && state->has_value());
  EXPECT_EQ((*state)->pending, batch.state.pending);
  EXPECT_EQ((*state)->read_until, batch.state.read_until);
}

TEST_P(StoreContract, CollectorsAreKeptApartByRelayAndSource) {
  const auto store = open(StoreAccess::collector);
  Batch batch = batch_of({});
  ASSERT_TRUE(store->commit(batch).ok());
  batch.source = "file:/srv/caf\xe9.log";  // A file name need not be UTF-8.
  batch.state.position = "second";
  batch.state.read_until = at("2026-11-22T09:00:00Z");
  ASSERT_TRUE(store->commit(batch).ok());
  batch.relay = "a.example";
  ASSERT_TRUE(store->commit(batch).ok());
  const auto collectors = store->collectors();
  ASSERT_EQ(message_of(collectors), "ok");
  ASSERT_EQ(collectors->size(), 3U);
  EXPECT_EQ((*collectors)[0].relay, "a.example");
  EXPECT_EQ((*collectors)[1].source, "file:/srv/caf\xe9.log");
  EXPECT_EQ((*collectors)[1].read_until, at("2026-11-22T09:00:00Z"));
  EXPECT_EQ((*collectors)[2].source, "file:/var/log/mail.log");
  EXPECT_FALSE((*collectors)[2].read_until.has_value());
  EXPECT_EQ((*collectors)[2].committed_at, at("2026-11-22T10:00:00Z"));
  EXPECT_EQ((*store->collector_state("relay1.example", "file:/var/log/mail.log"))->position,
            "position");
}

TEST_P(StoreContract, IgnoredCountsAddUpPerDayAndKind) {
  const auto store = open(StoreAccess::collector);
  Batch batch = batch_of({});
  const policy::UtcDay today = day("2026-11-22");
  batch.ignored = {{{today, Ignored::report_mail}, 2}, {{today, Ignored::late}, 0}};
  ASSERT_TRUE(store->commit(batch).ok());
  batch.ignored = {{{today, Ignored::report_mail}, 1},
                   {{today, Ignored::over_limit}, 4},
                   {{today + std::chrono::days(1), Ignored::relay}, 9}};
  ASSERT_TRUE(store->commit(batch).ok());
  EXPECT_THAT(*store->ignored(today),
              ElementsAre(Pair(Ignored::report_mail, 3), Pair(Ignored::over_limit, 4)));
  // A day is known by its ignored counts alone.
  EXPECT_THAT(*store->days(), ElementsAre(today, today + std::chrono::days(1)));
}

TEST_P(StoreContract, WhatIsTakenBackIsGoneWithItsRowAndItsDay) {
  const auto store = open(StoreAccess::reporter);
  const policy::UtcDay today = day("2026-11-22");
  Fact three = sample_fact("a.example");
  three.sessions = 3;
  three.messages = 0;
  Fact other = failed(three, Outcome::validation_failure, "");
  Batch counted = batch_of({three, other});
  counted.ignored = {{{today, Ignored::relay}, 2}};
  ASSERT_TRUE(store->commit(counted).ok());
  const auto take_back = [&](const Fact& fact, std::uint64_t sessions) {
    Batch batch = batch_of({});
    batch.taken_back.facts = {fact};
    batch.taken_back.facts[0].sessions = sessions;
    batch.taken_back.ignored = {{{today, Ignored::relay}, sessions}};
    ASSERT_EQ(message_of(store->commit(batch)), "ok");
  };
  take_back(three, 1);
  EXPECT_EQ((*store->facts(today, "a.example", std::nullopt)).at(0).sessions, 2U);
  EXPECT_THAT(*store->ignored(today), ElementsAre(Pair(Ignored::relay, 1)));
  // No more than there are.
  take_back(three, 5);
  const auto left = *store->facts(today, "a.example", std::nullopt);
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].sessions, 3U);
  EXPECT_THAT(*store->ignored(today), ElementsAre(Pair(Ignored::relay, 0)));
  const auto tomorrow = today + std::chrono::days(1);
  EXPECT_EQ(*store->open_domains(tomorrow), 1U);
  take_back(other, 3);
  EXPECT_THAT(facts(*store, "a.example"), IsEmpty());
  EXPECT_EQ(*store->open_domains(tomorrow), 0U);
  take_back(other, 3);
  take_back(sample_fact("never.example"), 3);
  // What comes of one batch is added first.
  Batch both = batch_of({three});
  both.taken_back.facts = {three};
  both.taken_back.facts[0].sessions = 1;
  ASSERT_TRUE(store->commit(both).ok());
  EXPECT_EQ((*store->facts(today, "a.example", std::nullopt)).at(0).sessions, 2U);
  EXPECT_EQ(*store->open_domains(tomorrow), 1U);
}

TEST_P(StoreContract, LostDatagramsAddUpPerDayAndReason) {
  const auto store = open(StoreAccess::collector);
  const policy::UtcDay today = day("2026-11-22");
  const auto noon = at("2026-11-22T12:00:00Z");
  Batch batch = batch_of({});
  batch.lost_datagrams = {{{today, DatagramLoss::too_deep}, {2, noon}},
                          {{today, DatagramLoss::queue_full}, {1, noon}}};
  ASSERT_TRUE(store->commit(batch).ok());
  batch.lost_datagrams = {{{today, DatagramLoss::queue_full}, {4, noon - std::chrono::hours(1)}}};
  ASSERT_TRUE(store->commit(batch).ok());
  const auto lost = store->lost_datagrams(today);
  ASSERT_EQ(message_of(lost), "ok");
  ASSERT_EQ(lost->size(), 2U);
  EXPECT_EQ(lost->at(DatagramLoss::too_deep).count, 2U);
  EXPECT_EQ(lost->at(DatagramLoss::queue_full).count, 5U);
  EXPECT_EQ(lost->at(DatagramLoss::queue_full).last, noon);
  EXPECT_THAT(*store->days(), ElementsAre(today));
  ASSERT_EQ(message_of(open()->prune(today + std::chrono::days(1))), "ok");
  EXPECT_THAT(*store->lost_datagrams(today), IsEmpty());
}

TEST_P(StoreContract, ForgottenQueueIdsAddUpPerDay) {
  const auto store = open(StoreAccess::collector);
  const policy::UtcDay today = day("2026-11-22");
  const auto noon = at("2026-11-22T12:00:00Z");
  EXPECT_FALSE(store->forgotten_queue_ids(today)->last);
  Batch batch = batch_of({});
  batch.forgotten_queue_ids = {{today, {2, 5, noon}}};
  ASSERT_TRUE(store->commit(batch).ok());
  batch.forgotten_queue_ids = {{today, {1, 0, noon - std::chrono::hours(1)}}};
  ASSERT_TRUE(store->commit(batch).ok());
  const auto forgotten = store->forgotten_queue_ids(today);
  ASSERT_EQ(message_of(forgotten), "ok");
  EXPECT_EQ(forgotten->ours, 3U);
  EXPECT_EQ(forgotten->doubtful, 5U);
  EXPECT_EQ(forgotten->last, noon);
  EXPECT_THAT(*store->days(), ElementsAre(today));
  ASSERT_EQ(message_of(open()->prune(today + std::chrono::days(1))), "ok");
  EXPECT_FALSE(store->forgotten_queue_ids(today)->last);
}

TEST_P(StoreContract, KeepsTheFirstTwentyLinesOfADayThatFitNothing) {
  const auto store = open(StoreAccess::collector);
  const policy::UtcDay today = day("2026-11-22");
  for (int i = 0; i < 25; ++i) {
    Batch batch = batch_of({});
    batch.not_understood = {{today, "line " + std::to_string(i) + "\xff\n"},
                            {today + std::chrono::days(1), std::string(5000, 'x')}};
    if (i > 1) batch.not_understood.pop_back();
    ASSERT_TRUE(store->commit(batch).ok());
  }
  const auto samples = store->not_understood(today);
  ASSERT_EQ(message_of(samples), "ok");
  ASSERT_EQ(samples->size(), 20U);
  EXPECT_EQ(samples->front().text, "line 0\xff\n");
  EXPECT_EQ(samples->back().text, "line 19\xff\n");
  const auto next = store->not_understood(today + std::chrono::days(1));
  ASSERT_EQ(next->size(), 2U);
  EXPECT_EQ(next->front().text.size(), 2000U);
}

TEST_P(StoreContract, TlsLinesCountWithinADayBeforeAndAfter) {
  const auto store = open(StoreAccess::collector);
  Batch batch = batch_of({});
  batch.tls_logged = {
      {"relay1", "postfix/smtp", at("2026-11-22T10:00:00Z"), at("2026-11-22T11:00:00Z")}};
  ASSERT_TRUE(store->commit(batch).ok());
  batch.tls_logged = {
      {"relay1", "postfix/smtp", at("2026-11-22T10:30:00Z"), at("2026-11-22T12:00:00Z")}};
  ASSERT_TRUE(store->commit(batch).ok());

  const auto logged = [&](std::string_view instant) {
    return *store->tls_logged("relay1", "postfix/smtp", at(instant));
  };
  EXPECT_FALSE(logged("2026-11-21T09:59:59Z"));
  EXPECT_TRUE(logged("2026-11-21T10:00:00Z"));
  EXPECT_TRUE(logged("2026-11-22T00:00:00Z"));
  EXPECT_TRUE(logged("2026-11-23T12:00:00Z"));
  EXPECT_FALSE(logged("2026-11-23T12:00:01Z"));
  EXPECT_FALSE(*store->tls_logged("relay2", "postfix/smtp", at("2026-11-22T10:00:00Z")));
  EXPECT_FALSE(*store->tls_logged("relay1", "postfix/lmtp", at("2026-11-22T10:00:00Z")));
}

TEST_P(StoreContract, RemembersTheLastDayOfAHandshake) {
  const auto store = open(StoreAccess::collector);
  EXPECT_FALSE(store->last_handshake("mx.a.example", "192.0.2.25")->has_value());
  for (const std::string_view seen : {"2026-11-20", "2026-11-22", "2026-11-21"}) {
    Batch batch = batch_of({});
    batch.mx_handshakes = {{"mx.a.example", "192.0.2.25", day(seen)}};
    ASSERT_TRUE(store->commit(batch).ok());
  }
  EXPECT_EQ(*store->last_handshake("mx.a.example", "192.0.2.25"), day("2026-11-22"));
  EXPECT_FALSE(store->last_handshake("mx.a.example", "192.0.2.26")->has_value());
  EXPECT_FALSE(store->last_handshake("mx.b.example", "192.0.2.25")->has_value());
}

TEST_P(StoreContract, KeepsTheLastRecordThatPostfixSawOfWhatHasFacts) {
  const auto store = open(StoreAccess::collector);
  const auto today = day("2026-11-22");
  EXPECT_EQ(*store->seen_record(today, "a.example"), "");
  Batch batch = batch_of({sample_fact("a.example")});
  batch.seen_records = {{{today, "a.example"}, "v=TLSRPTv1; rua=mailto:first@a.example"},
                        {{today, "unknown.example"}, "v=TLSRPTv1; rua=mailto:x@x.example"},
                        {{day("2026-11-23"), "a.example"}, "v=TLSRPTv1; rua=mailto:x@x.example"}};
  ASSERT_EQ(message_of(store->commit(batch)), "ok");
  EXPECT_EQ(*store->seen_record(today, "a.example"), "v=TLSRPTv1; rua=mailto:first@a.example");
  EXPECT_EQ(*store->seen_record(today, "unknown.example"), "");
  EXPECT_EQ(*store->seen_record(day("2026-11-23"), "a.example"), "");
  // Longer than any other text may be.
  const std::string longest = "v=TLSRPTv1; rua=mailto:" + std::string(4000, 'x') + "@a.example";
  for (const std::string& record : {std::string("v=TLSRPTv1; rua=mailto:y@a.example"), longest}) {
    batch.seen_records = {{{today, "a.example"}, record}};
    ASSERT_EQ(message_of(open(StoreAccess::collector)->commit(batch)), "ok");
    EXPECT_EQ(*store->seen_record(today, "a.example"), record);
  }
  // A batch without one leaves it.
  ASSERT_EQ(message_of(store->commit(batch_of({sample_fact("a.example")}))), "ok");
  EXPECT_EQ(*store->seen_record(today, "a.example"), longest);
}

TEST_P(StoreContract, ImpossibleFactsAreRefusedWithAllOfTheirBatch) {
  const auto store = open(StoreAccess::collector);
  std::vector<Fact> bad(4, sample_fact("bad.example"));
  bad[0].revision = 1;
  bad[1].minute = 7;  // Not a no_tls_seen session.
  bad[2].outcome = Outcome::no_tls_seen;
  bad[2].minute = 1440;
  bad[3].sessions = 1ULL << 40U;
  for (const Fact& fact : bad) {
    const auto done = store->commit(batch_of({sample_fact("good.example"), fact}));
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().code(), Errc::internal);
  }
  EXPECT_THAT(*store->days(), IsEmpty());
  EXPECT_THAT(*store->collectors(), IsEmpty());
  // What was remembered of the refused batch is not used: its texts were rolled back.
  ASSERT_TRUE(store->commit(batch_of({sample_fact("other.example")})).ok());
  ASSERT_TRUE(store->commit(batch_of({sample_fact("good.example")})).ok());
  EXPECT_THAT(facts(*store, "good.example"), ElementsAre(describe(sample_fact("good.example"))));
}

TEST_P(StoreContract, UnusableTextsAreNotKnownAndUnusableDomainsAreIgnored) {
  const auto store = open(StoreAccess::collector);
  Fact fact = sample_fact("a.example");
  fact.helo = "\xff\xfe";
  fact.reason = std::string(2000, 'r');
  fact.policy.type = policy::PolicyType::tlsa;
  fact.policy.policy_string = {std::string(100000, 's')};
  Fact nowhere = sample_fact("");
  Fact odd = sample_fact("caf\xe9.example");
  odd.sessions = 4;
  ASSERT_EQ(message_of(store->commit(batch_of({fact, nowhere, odd}))), "ok");
  ASSERT_EQ(message_of(store->commit(batch_of({fact}))), "ok");
  fact.helo.clear();
  fact.reason.clear();
  fact.policy.policy_string.clear();
  fact.sessions = fact.messages = 2;
  EXPECT_THAT(facts(*store, "a.example"), ElementsAre(describe(fact)));
  EXPECT_THAT(*store->ignored(day("2026-11-22")), ElementsAre(Pair(Ignored::invalid_domain, 5)));
}

TEST_P(StoreContract, AReaderSeesWhatACollectorCommittedMeanwhile) {
  const auto collector = open(StoreAccess::collector);
  const auto reader = open(StoreAccess::read_only);
  EXPECT_THAT(*reader->days(), IsEmpty());
  ASSERT_TRUE(collector->commit(batch_of({sample_fact("a.example")})).ok());
  EXPECT_THAT(facts(*reader, "a.example").size(), 1U);
  const auto refused = reader->commit(batch_of({sample_fact("b.example")}));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Errc::io);
}

TEST_P(StoreContract, TwoCollectorsShareTextsWithoutMixingThemUp) {
  const auto first = open(StoreAccess::collector);
  const auto second = open(StoreAccess::collector);
  for (int i = 0; i < 20; ++i) {
    Fact fact = sample_fact("d" + std::to_string(i / 2) + ".example");
    fact.helo = "h" + std::to_string(i);
    auto& store = i % 2 == 0 ? first : second;
    ASSERT_EQ(message_of(store->commit(batch_of({fact, sample_fact("both.example")}))), "ok");
  }
  Fact both = sample_fact("both.example");
  both.sessions = both.messages = 20;
  EXPECT_THAT(facts(*first, "both.example"), ElementsAre(describe(both)));
  for (int i = 0; i < 20; i += 2) {
    const auto rows = facts(*second, "d" + std::to_string(i / 2) + ".example");
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_THAT(rows[0], HasSubstr("|h" + std::to_string(i) + "|"));
  }
}

}  // namespace
}  // namespace tlsrpt::testing_support
