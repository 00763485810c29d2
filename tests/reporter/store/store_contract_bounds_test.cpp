// The bounds of rows, policies and domains, for every engine: counts stay exact, and what is folded
// does not depend on where batches end.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "reporter/store/fact_folding.h"
#include "tests/support/store_contract.h"

namespace tlsrpt::testing_support {
namespace {

using policy::Fact;
using policy::Ignored;
using policy::Outcome;
using policy::PolicyType;
using reporter::Store;
using reporter::StoreAccess;
using reporter::StoreLimits;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class StoreContractBounds : public StoreContract {
 protected:
  // Facts of few domains that go beyond every bound, in an order of their own, some twice.
  static std::vector<Fact> random_facts(unsigned seed, std::size_t count) {
    std::mt19937 random(seed);
    const auto pick = [&random](unsigned choices) {
      return std::uniform_int_distribution<unsigned>(0, choices - 1)(random);
    };
    std::vector<Fact> facts;
    for (std::size_t i = 0; i < count; ++i) {
      if (!facts.empty() && pick(4) == 0) {
        facts.push_back(facts[pick(static_cast<unsigned>(facts.size()))]);
        continue;
      }
      Fact fact = sample_fact("d" + std::to_string(pick(6)) + ".example");
      fact.mx_host = "mx" + std::to_string(pick(4));
      fact.mx_ip = "192.0.2." + std::to_string(pick(3));
      if (pick(2) == 0) fact.helo = "helo" + std::to_string(pick(5));
      if (pick(3) == 0) fact.reason = "reason" + std::to_string(pick(3));
      fact.outcome = static_cast<Outcome>(pick(3));
      if (pick(6) == 0) {
        fact.outcome = Outcome::no_tls_seen;
        fact.minute = static_cast<std::int16_t>(pick(1440));
      }
      fact.policy.type = pick(2) == 0 ? PolicyType::tlsa : PolicyType::sts;
      fact.policy.policy_domain = fact.mx_host;
      if (pick(2) == 0) fact.policy.policy_string = {"s" + std::to_string(pick(12))};
      fact.sessions = pick(3);
      fact.messages = pick(5);
      facts.push_back(fact);
    }
    return facts;
  }

  // Commits FACTS in batches of at most SIZE; within a batch equal facts come folded into the
  // first of them, as collectors do it.
  static void commit_in_batches(Store& store, const std::vector<Fact>& facts, std::size_t size) {
    for (std::size_t begin = 0; begin < facts.size(); begin += size) {
      std::vector<Fact> batch;
      std::map<std::string, std::size_t> seen;
      for (std::size_t i = begin; i < std::min(begin + size, facts.size()); ++i) {
        Fact uncounted = facts[i];
        uncounted.sessions = uncounted.messages = 0;
        const auto [same, is_new] =
            seen.emplace(uncounted.domain + describe(uncounted), batch.size());
        if (is_new) {
          batch.push_back(facts[i]);
        } else {
          batch[same->second].sessions += facts[i].sessions;
          batch[same->second].messages += facts[i].messages;
        }
      }
      ASSERT_EQ(message_of(store.commit(batch_of(batch))), "ok");
    }
  }

  static std::vector<std::string> everything(Store& store) {
    std::vector<std::string> texts;
    const auto domains = store.domains(day("2026-11-22"));
    for (const std::string& domain : *domains) {
      for (const std::string& text : facts(store, domain)) texts.push_back(domain + " " + text);
    }
    const auto ignored = store.ignored(day("2026-11-22"));
    for (const auto& [kind, sessions] : *ignored) {
      texts.push_back(std::string(policy::to_text(kind)) + " " + std::to_string(sessions));
    }
    return texts;
  }
};

INSTANTIATE_TEST_SUITE_P(Store, StoreContractBounds, ::testing::Values(sqlite_engine()),
                         engine_name);

TEST_P(StoreContractBounds, TooManyRowsAreFoldedIntoOnesThatExistFromHeloOn) {
  StoreLimits limits;
  limits.max_facts = 2;
  const auto store = open(StoreAccess::collector, limits);
  const auto with = [](const std::string& helo, const std::string& reason) {
    Fact fact = failed(sample_fact("a.example"), Outcome::validation_failure, reason);
    fact.helo = helo;
    return fact;
  };
  ASSERT_TRUE(store->commit(batch_of({with("", "r"), with("", "")})).ok());
  ASSERT_TRUE(store->commit(batch_of({with("h1", "r"), with("h2", "other")})).ok());
  Fact first = with("", "r");
  Fact second = with("", "");
  first.sessions = first.messages = second.sessions = second.messages = 2;
  EXPECT_THAT(facts(*store, "a.example"), ElementsAre(describe(second), describe(first)));
  // An outcome of its own always has a row, without anything that strangers choose.
  Fact other = failed(with("h", "r"), Outcome::tlsa_invalid, "x");
  ASSERT_TRUE(store->commit(batch_of({other})).ok());
  other.helo = other.reason = other.mx_host = other.mx_ip = "";
  EXPECT_THAT(facts(*store, "a.example"),
              ElementsAre(describe(second), describe(first), describe(other)));
}

TEST_P(StoreContractBounds, AFoldedMinuteIsTheFirstOfItsHour) {
  StoreLimits limits;
  limits.max_facts = 1;
  const auto store = open(StoreAccess::collector, limits);
  std::vector<Fact> plaintext(4, failed(sample_fact("a.example"), Outcome::no_tls_seen, ""));
  plaintext[0].minute = 600;
  plaintext[1].minute = 615;
  plaintext[2].minute = 659;
  plaintext[3].minute = 660;
  ASSERT_TRUE(store->commit(batch_of(plaintext)).ok());
  Fact folded = reporter::folded(plaintext[1], reporter::Folding::minute);
  EXPECT_EQ(folded.minute, 600);
  folded.sessions = folded.messages = 2;
  Fact next_hour = reporter::folded(plaintext[3], reporter::Folding::minute);
  EXPECT_THAT(facts(*store, "a.example"),
              ElementsAre(describe(folded), describe(next_hour), describe(plaintext[0])));
}

TEST_P(StoreContractBounds, TheNinthPolicyLosesItsStringsAndLaterItsDomain) {
  const auto store = open(StoreAccess::collector);
  const auto with = [](PolicyType type, const std::string& domain, const std::string& line) {
    Fact fact = sample_fact("a.example");
    fact.policy.type = type;
    fact.policy.policy_domain = domain;
    if (!line.empty()) fact.policy.policy_string = {line};
    return fact;
  };
  std::vector<Fact> batch;
  for (int i = 0; i < 7; ++i) batch.push_back(with(PolicyType::tlsa, "mx", std::to_string(i)));
  batch.push_back(with(PolicyType::tlsa, "mx", ""));
  ASSERT_TRUE(store->commit(batch_of(batch)).ok());
  ASSERT_EQ(facts(*store, "a.example").size(), 8U);
  ASSERT_TRUE(
      store
          ->commit(batch_of(
              {with(PolicyType::tlsa, "mx", "new"), with(PolicyType::tlsa, "other", "new"),
               with(PolicyType::sts, "a.example", "new"), with(PolicyType::tlsa, "third", "new")}))
          .ok());
  const auto rows = facts(*store, "a.example");
  ASSERT_EQ(rows.size(), 10U);
  Fact without_strings = with(PolicyType::tlsa, "mx", "");
  Fact of_type = with(PolicyType::tlsa, "a.example", "");
  without_strings.sessions = without_strings.messages = 2;
  of_type.sessions = of_type.messages = 2;
  EXPECT_THAT(rows, ::testing::Contains(describe(without_strings)));
  EXPECT_THAT(rows, ::testing::Contains(describe(of_type)));
  EXPECT_THAT(rows, ::testing::Contains(describe(with(PolicyType::sts, "a.example", ""))));
}

TEST_P(StoreContractBounds, SessionsOfTooManyDomainsAreCountedOnly) {
  StoreLimits limits;
  limits.max_domains = 2;
  const auto store = open(StoreAccess::collector, limits);
  Fact third = sample_fact("c.example");
  third.sessions = 5;
  Fact other_day = sample_fact("c.example");
  other_day.day += std::chrono::days(1);
  ASSERT_TRUE(store->commit(batch_of({sample_fact("a.example"), sample_fact("b.example")})).ok());
  ASSERT_TRUE(store->commit(batch_of({third, sample_fact("a.example"), other_day})).ok());
  EXPECT_THAT(*store->domains(day("2026-11-22")), ElementsAre("a.example", "b.example"));
  EXPECT_THAT(*store->domains(day("2026-11-23")), ElementsAre("c.example"));
  EXPECT_THAT(*store->ignored(day("2026-11-22")), ElementsAre(Pair(Ignored::over_limit, 5)));
  EXPECT_THAT(*store->ignored(day("2026-11-23")), IsEmpty());
  // Another connection goes on counting where this one stopped.
  const auto second = open(StoreAccess::collector, limits);
  ASSERT_TRUE(second->commit(batch_of({third})).ok());
  EXPECT_THAT(*second->ignored(day("2026-11-22")), ElementsAre(Pair(Ignored::over_limit, 10)));
}

TEST_P(StoreContractBounds, WhatWasFoldedIsTakenBackFromWhereItWent) {
  StoreLimits limits;
  limits.max_facts = 40;
  limits.max_domains = 5;
  const auto some_facts = [](unsigned seed, std::size_t count) {
    std::vector<Fact> facts = random_facts(seed, count);
    std::erase_if(facts, [](const Fact& fact) { return fact.minute >= 0 || fact.sessions == 0; });
    for (Fact& fact : facts) fact.messages = 0;
    return facts;
  };
  const std::vector<Fact> facts = some_facts(3, 900);
  const auto store = open(StoreAccess::collector, limits);
  commit_in_batches(*store, facts, 100);
  const std::vector<std::string> before = everything(*store);
  reporter::Batch more = batch_of(some_facts(4, 50));
  more.taken_back.facts = more.facts;
  ASSERT_EQ(message_of(store->commit(more)), "ok");
  EXPECT_EQ(everything(*store), before);
  reporter::Batch all = batch_of({});
  all.taken_back.facts = facts;
  ASSERT_EQ(message_of(store->commit(all)), "ok");
  EXPECT_THAT(everything(*store), ElementsAre("over-limit 0"));
}

TEST_P(StoreContractBounds, RowsDoNotDependOnBatchBordersAndCountsAreExact) {
  StoreLimits limits;
  limits.max_facts = 40;
  limits.max_domains = 5;
  for (const unsigned seed : {1U, 2U}) {
    const std::vector<Fact> facts = random_facts(seed, 900);
    std::uint64_t sessions = 0;
    for (const Fact& fact : facts) sessions += fact.sessions;
    std::vector<std::string> expected;
    for (const std::size_t size :
         {std::size_t{900}, std::size_t{15}, std::size_t{1}, std::size_t{7}}) {
      const TempDir folder;
      auto store =
          reporter::open_store(GetParam().location(folder), StoreAccess::collector, limits);
      ASSERT_EQ(message_of(store), "ok");
      if (size == 7) {
        // A restart in the middle: nothing of what was remembered is left.
        commit_in_batches(**store, {facts.begin(), facts.begin() + 400}, size);
        store = reporter::open_store(GetParam().location(folder), StoreAccess::collector, limits);
        commit_in_batches(**store, {facts.begin() + 400, facts.end()}, size);
      } else {
        commit_in_batches(**store, facts, size);
      }
      if (expected.empty()) expected = everything(**store);
      EXPECT_EQ(everything(**store), expected) << "seed " << seed << ", batches of " << size;

      std::uint64_t kept = (*(*store)->ignored(day("2026-11-22")))[Ignored::over_limit];
      const auto domains = (*store)->domains(day("2026-11-22"));
      for (const std::string& domain : *domains) {
        const auto rows = (*store)->facts(day("2026-11-22"), domain, 0);
        ASSERT_EQ(message_of(rows), "ok");
        // 40, and the fully folded ones: 4 outcomes, 10 policies, 24 hours.
        EXPECT_GE(rows->size(), 40U);
        EXPECT_LE(rows->size(), 40U + 3 * 10 + 24 * 10);
        for (const Fact& fact : *rows) kept += fact.sessions;
      }
      EXPECT_EQ(kept, sessions);
    }
  }
}

TEST_P(StoreContractBounds, ADayThatWasClosedHasRoomAgain) {
  StoreLimits limits;
  limits.max_facts = 1;
  const auto store = open(StoreAccess::reporter, limits);
  Fact fact = sample_fact("a.example");
  fact.helo = "first";
  ASSERT_TRUE(store->commit(batch_of({fact})).ok());
  reporter::StoredReport report;
  report.day = fact.day;
  report.domain = fact.domain;
  report.revision = 1;
  ASSERT_EQ(message_of(store->close_day(report, {}, 1, {})), "ok");
  fact.helo = "second";
  ASSERT_TRUE(store->commit(batch_of({fact})).ok());
  EXPECT_THAT(facts(*store, "a.example", 0), ElementsAre(describe(fact)));
}

}  // namespace
}  // namespace tlsrpt::testing_support
