#include "reporter/store/sqlite_fact_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reporter/store/sqlite_facts.h"
#include "reporter/store/sqlite_open.h"
#include "tests/support/store_contract.h"

namespace tlsrpt::reporter {
namespace {

using policy::Fact;
using policy::Ignored;
using ::testing::ElementsAre;
using ::testing::Pair;
using testing_support::day;
using testing_support::describe;
using testing_support::message_of;
using testing_support::sample_fact;

// The bounds themselves are tested for every engine in store_contract_bounds_test.cpp.
class SqliteFactWriterTest : public ::testing::Test {
 protected:
  SqliteFactWriterTest()
      : database_(*open_sqlite(folder_.file("s"), StoreAccess::collector,
                               std::chrono::milliseconds(1000))),
        texts_(database_),
        writer_(database_, texts_, limits_) {}

  std::int64_t count(std::string_view sql) { return *database_.integer(sql); }

  testing_support::TempDir folder_;
  StoreLimits limits_;
  SqliteDatabase database_;
  SqliteTexts texts_;
  SqliteFactWriter writer_;
  SqliteFactWriter::IgnoredCounts refused_;
};

TEST_F(SqliteFactWriterTest, CountsTheDomainsOfADayWhenItFinishes) {
  ASSERT_TRUE(writer_.add(sample_fact("a.example"), refused_).ok());
  ASSERT_TRUE(writer_.add(sample_fact("b.example"), refused_).ok());
  ASSERT_TRUE(writer_.add(sample_fact("a.example"), refused_).ok());
  ASSERT_TRUE(writer_.mention(day("2026-11-23")).ok());
  EXPECT_EQ(count("SELECT count(*) AS before FROM day"), 0);
  ASSERT_TRUE(writer_.finish().ok());
  EXPECT_EQ(count("SELECT sum(domains) FROM day"), 2);
  EXPECT_EQ(count("SELECT count(*) AS after FROM day"), 2);
  EXPECT_TRUE(refused_.empty());
}

TEST_F(SqliteFactWriterTest, ForgetsWhatWasRolledBack) {
  {
    auto transaction = SqliteTransaction::begin(database_);
    ASSERT_TRUE(writer_.add(sample_fact("a.example"), refused_).ok());
    ASSERT_TRUE(writer_.finish().ok());
  }
  writer_.forget();
  texts_.forget();
  // Without forgetting, "b" would get the number that "a" is remembered by.
  ASSERT_TRUE(writer_.add(sample_fact("b.example"), refused_).ok());
  ASSERT_TRUE(writer_.add(sample_fact("a.example"), refused_).ok());
  ASSERT_TRUE(writer_.finish().ok());
  EXPECT_THAT(*read_domains(database_, day("2026-11-22")), ElementsAre("a.example", "b.example"));
  EXPECT_EQ(count("SELECT domains FROM day"), 2);
}

TEST_F(SqliteFactWriterTest, RefusedAndFoldedFactsLeaveNoTextsBehind) {
  limits_.max_domains = 1;
  limits_.max_facts = 1;
  ASSERT_TRUE(writer_.add(sample_fact("a.example"), refused_).ok());
  Fact folded = sample_fact("a.example");
  folded.mx_host = folded.mx_ip = "";
  ASSERT_TRUE(writer_.add(folded, refused_).ok());
  const std::int64_t texts = count("SELECT count(*) FROM text");
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(writer_.add(sample_fact("attack" + std::to_string(i) + ".example"), refused_).ok());
    Fact fact = sample_fact("a.example");
    fact.helo = "h" + std::to_string(i);
    fact.mx_host = "m" + std::to_string(i);
    ASSERT_TRUE(writer_.add(fact, refused_).ok());
  }
  EXPECT_EQ(count("SELECT count(*) AS again FROM text"), texts);
  EXPECT_THAT(refused_, ElementsAre(Pair(Pair(day("2026-11-22"), Ignored::over_limit), 50)));
  folded.sessions = folded.messages = 51;
  const auto facts = read_facts(database_, day("2026-11-22"), "a.example", 0);
  ASSERT_EQ(message_of(facts), "ok");
  EXPECT_EQ(describe(facts->at(0)), describe(folded));
}

TEST_F(SqliteFactWriterTest, MinutesOfFoldedPlaintextGoToTheirHour) {
  limits_.max_facts = 1;
  Fact fact = sample_fact("a.example");
  fact.outcome = policy::Outcome::no_tls_seen;
  for (std::int16_t minute = 0; minute < 1440; ++minute) {
    fact.minute = minute;
    ASSERT_TRUE(writer_.add(fact, refused_).ok());
  }
  EXPECT_EQ(count("SELECT count(*) FROM fact"), 25);
  EXPECT_EQ(count("SELECT sum(sessions) FROM fact"), 1440);
}

TEST_F(SqliteFactWriterTest, DamagedNumbersAreErrors) {
  ASSERT_TRUE(writer_.add(sample_fact("a.example"), refused_).ok());
  ASSERT_TRUE(writer_.finish().ok());
  ASSERT_TRUE(database_.execute("UPDATE domain_day SET open = 7").ok());
  writer_.forget();
  EXPECT_EQ(message_of(writer_.add(sample_fact("a.example"), refused_)),
            "domain_day: damaged row: open 7 is out of range");
  ASSERT_TRUE(database_.execute("UPDATE domain_day SET open = 1").ok());
  ASSERT_TRUE(database_.execute("UPDATE day SET domains = -1").ok());
  EXPECT_EQ(message_of(writer_.add(sample_fact("b.example"), refused_)),
            "day: damaged row: domains -1 is out of range");
}

}  // namespace
}  // namespace tlsrpt::reporter
