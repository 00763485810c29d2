#include "reporter/store/sqlite_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/damaged_store.h"
#include "tests/support/store_contract.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using ::testing::StartsWith;
using testing_support::DamagedStore;
using testing_support::day;
using testing_support::message_of;

// What reading the one fact of a.example says after SQL has changed it.
std::string message_after(const std::string& sql, bool any_type = false) {
  const DamagedStore damaged;
  {
    const auto store = open_store(damaged.location(), StoreAccess::collector, {});
    auto fact = testing_support::sample_fact("a.example");
    fact.policy.policy_string = {"one"};
    if (!store.ok() || !(*store)->commit(testing_support::batch_of({fact})).ok()) return "no store";
  }
  if (any_type) damaged.allow_any_type();
  damaged.run(sql);
  const auto store = open_store(damaged.location(), StoreAccess::read_only, {});
  if (!store.ok()) return store.error().message();
  const auto domains = (*store)->domains(day("2026-11-22"));
  if (!domains.ok()) return message_of(domains);
  const auto facts = (*store)->facts(day("2026-11-22"), "a.example", std::nullopt);
  EXPECT_TRUE(facts.ok() || facts.error().code() == Errc::syntax);
  return message_of(facts);
}

TEST(SqliteFacts, AnUndamagedRowIsRead) { EXPECT_EQ(message_after("SELECT 1"), "ok"); }

TEST(SqliteFacts, ADamagedColumnIsNamedWithDomainAndDay) {
  const std::string place = "facts of a.example on 2026-11-22: damaged row: ";
  const std::vector<std::pair<std::string, std::string>> table{
      {"UPDATE fact SET outcome = 12", "outcome 12 is unknown"},
      {"UPDATE fact SET outcome = -1", "outcome -1 is unknown"},
      {"UPDATE fact SET outcome = 276", "outcome 276 is unknown"},
      {"UPDATE fact SET source = 0", "source 0 is out of range"},
      {"UPDATE fact SET source = 4", "source 4 is out of range"},
      {"UPDATE fact SET sessions = -1", "sessions -1 is out of range"},
      {"UPDATE fact SET messages = -1", "messages -1 is out of range"},
      {"UPDATE fact SET minute = 1440", "minute 1440 is out of range"},
      {"UPDATE fact SET minute = -2", "minute -2 is out of range"},
      {"UPDATE fact SET revision = -1", "revision -1 is out of range"},
      {"UPDATE fact SET revision = 4294967296", "revision 4294967296 is out of range"},
      {"UPDATE fact SET epoch = -1", "epoch -1 is out of range"},
      {"UPDATE fact SET helo = 999", "helo has the wrong type"},
      {"UPDATE fact SET policy = 999", "policy type has the wrong type"},
      {"UPDATE policy SET type = 3", "policy type is unknown"},
      {"UPDATE policy SET type = 265", "policy type 265 is out of range"},
      {"UPDATE policy SET policy_domain = 999", "policy_domain has the wrong type"},
      {"UPDATE text SET value = '9:one,' WHERE value = '3:one,'", "policy_string is no list"},
      {"UPDATE text SET value = CAST(x'ff' AS TEXT) WHERE value = 'mx.a.example'",
       "mx_host is not UTF-8"}};
  for (const auto& [sql, message] : table) EXPECT_EQ(message_after(sql), place + message) << sql;
}

TEST(SqliteFacts, AColumnOfAnotherTypeIsNoNumber) {
  const std::string place = "facts of a.example on 2026-11-22: damaged row: ";
  EXPECT_EQ(message_after("UPDATE fact SET sessions = 'many'", true),
            place + "sessions has the wrong type");
  EXPECT_EQ(message_after("UPDATE fact SET outcome = 1.5", true),
            place + "outcome has the wrong type");
  EXPECT_EQ(message_after("UPDATE text SET value = x'00' WHERE value = 'postfix/smtp'", true),
            place + "service has the wrong type");
}

TEST(SqliteFacts, ADomainWithoutTextIsDamage) {
  EXPECT_THAT(message_after("UPDATE domain_day SET domain = 999"),
              StartsWith("domains of 2026-11-22: damaged row: domain has the wrong type"));
}

}  // namespace
}  // namespace tlsrpt::reporter
