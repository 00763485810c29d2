#include "reporter/store/sqlite_reports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reporter/store/sqlite_sql.h"
#include "tests/support/damaged_store.h"
#include "tests/support/store_contract.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using testing_support::at;
using testing_support::DamagedStore;
using testing_support::day;
using testing_support::message_of;

// A store with one closed report of a.example, one delivery of it and a domain still open.
class SqliteReportsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto store = open_store(damaged_.location(), StoreAccess::reporter, {});
    ASSERT_TRUE(store.ok()) << store.error().message();
    ASSERT_TRUE((*store)
                    ->commit(testing_support::batch_of({testing_support::sample_fact("a.example"),
                                                        testing_support::sample_fact("b.example")}))
                    .ok());
    StoredReport report;
    report.day = day("2026-11-22");
    report.domain = "a.example";
    report.revision = 1;
    report.created_at = at("2026-11-23T00:30:00Z");
    Delivery delivery;
    delivery.destination = "mailto:x@a.example";
    ASSERT_EQ(message_of((*store)->close_day(report, {delivery}, 1, {})), "ok");
    ASSERT_TRUE(
        (*store)->note_lookup(day("2026-11-22"), "b.example", {"busy", std::nullopt, false}).ok());
  }

  // What ASK says after SQL.
  template <class Ask>
  std::string after(const std::string& sql, const Ask& ask) const {
    damaged_.run(sql);
    const auto store = open_store(damaged_.location(), StoreAccess::reporter, {});
    const auto answer = ask(**store);
    EXPECT_TRUE(answer.ok() || answer.error().code() == Errc::syntax);
    return message_of(answer);
  }

  const DamagedStore& damaged() const { return damaged_; }

 private:
  DamagedStore damaged_;
};

TEST_F(SqliteReportsTest, ADamagedReportIsNamed) {
  const auto one = [](Store& store) { return store.report(1); };
  EXPECT_EQ(after("UPDATE report SET revision = 0", one),
            "report 1: damaged row: revision 0 is out of range");
  EXPECT_EQ(after("UPDATE report SET revision = 1, domain = 999", one),
            "report 1: damaged row: domain has the wrong type");
  EXPECT_EQ(after("SELECT 1", [](Store& store) { return store.reports(std::nullopt); }),
            "reports: damaged row: domain has the wrong type");
  const auto store = open_store(damaged().location(), StoreAccess::reporter, {});
  const auto listed = (*store)->list_reports(std::nullopt);
  ASSERT_TRUE(listed.ok());
  ASSERT_EQ(listed->size(), 1U);
  EXPECT_EQ(listed->front().id, 1);
  EXPECT_EQ(listed->front().revision, 0U) << "nothing but its id";
  EXPECT_EQ(after("UPDATE report SET domain = 0, day = 9999999999", one),
            "report 1: damaged row: day 9999999999 is out of range");
}

TEST_F(SqliteReportsTest, ADamagedOpenDayIsNamedAndHidesNoOther) {
  {
    const auto store = open_store(damaged().location(), StoreAccess::reporter, {});
    ASSERT_TRUE((*store)
                    ->commit(testing_support::batch_of({testing_support::sample_fact("c.example")}))
                    .ok());
  }
  const auto named_after = [this](const std::string& sql) {
    damaged().run(sql);
    const auto store = open_store(damaged().location(), StoreAccess::reporter, {});
    const auto all = all_open_days(**store, day("2026-11-24"));
    EXPECT_TRUE(all.ok() && all->days.size() == 1U && all->damaged.size() == 1U);
    if (!all.ok() || all->days.size() != 1U || all->damaged.size() != 1U) return std::string();
    EXPECT_EQ(all->days.front().domain, "c.example");
    const bool day_is_good = sql.find("day = -") == std::string::npos;
    EXPECT_EQ(all->damaged.front().day.has_value(), day_is_good) << sql;
    return all->damaged.front().what;
  };
  const std::string where =
      " WHERE domain = (SELECT id FROM text WHERE value = 'b.example') AND open = 1";
  EXPECT_THAT(named_after("UPDATE domain_day SET last_revision = -1" + where),
              MatchesRegex("domain_day \\(day 20779, domain [0-9]+, b.example\\): damaged row: "
                           "last_revision -1 is out of range"));
  EXPECT_THAT(named_after("UPDATE domain_day SET last_revision = 0, day = -9999999999" + where),
              HasSubstr("b.example): damaged row: day is out of range"));
  EXPECT_THAT(named_after("UPDATE domain_day SET day = 20779, domain = 999" + where),
              HasSubstr("domain_day (day 20779, domain 999): damaged row: domain has the wrong"));
  damaged().run(
      "UPDATE domain_day SET domain = (SELECT id FROM text WHERE value = 'b.example') "
      "WHERE domain = 999");
  EXPECT_THAT(named_after("UPDATE lookup_note SET first_failure = 9223372036854775807"),
              HasSubstr("damaged row: first_failure 9223372036854775807 is out of range"));
  EXPECT_THAT(named_after("UPDATE lookup_note SET note = CAST(x'ff' AS TEXT)"),
              HasSubstr("damaged row: note is not UTF-8"));
  EXPECT_EQ(after("SELECT 1", [](Store& store) { return store.lookup_notes(); }),
            "look-ups: damaged row: note is not UTF-8");
  EXPECT_EQ(after("SELECT 1",
                  [](Store& store) { return store.lookup_note(day("2026-11-22"), "b.example"); }),
            "look-up of b.example: damaged row: note is not UTF-8");
}

TEST_F(SqliteReportsTest, ANegativeCountIsNotClosedInto) {
  EXPECT_EQ(after("UPDATE fact SET sessions = -1 WHERE revision = 0",
                  [](Store& store) {
                    StoredReport report;
                    report.day = day("2026-11-22");
                    report.domain = "b.example";
                    report.revision = 1;
                    return store.close_day(report, {}, 1, {});
                  }),
            "b.example on 2026-11-22: facts: damaged row: sessions -1 is out of range");
}

TEST_F(SqliteReportsTest, PruningLeavesNoTextBehind) {
  {
    const auto store = open_store(damaged().location(), StoreAccess::reporter, {});
    auto delivery = (*store)->pending_deliveries({}, 0, 1)->at(0);
    delivery.state = DeliveryState::expired;
    ASSERT_TRUE((*store)->record_attempt(delivery).ok());
    ASSERT_EQ(message_of((*store)->prune(day("2026-11-24"))), "ok");
  }
  auto database =
      open_sqlite(damaged().path(), StoreAccess::read_only, std::chrono::milliseconds(1000));
  for (const char* table :
       {"SELECT count(*) FROM fact", "SELECT count(*) FROM domain_day", "SELECT count(*) FROM day",
        "SELECT count(*) FROM policy", "SELECT count(*) FROM report",
        "SELECT count(*) FROM delivery", "SELECT count(*) FROM lookup_note"}) {
    EXPECT_EQ(*database->integer(table), 0) << table;
  }
  EXPECT_EQ(*database->integer("SELECT count(*) FROM text"), 1);  // The empty one.
}

// --status must not read the facts of every day that has a report.
TEST_F(SqliteReportsTest, WhatNoReportWillHoldIsFoundByItsNotes) {
  auto database =
      open_sqlite(damaged().path(), StoreAccess::read_only, std::chrono::milliseconds(1000));
  auto plan = database->prepare("EXPLAIN QUERY PLAN " + std::string(sql::unreported));
  ASSERT_TRUE(plan.ok()) << plan.error().message();
  std::string steps;
  while (*plan->step()) {
    SqliteRow row(*plan);
    for (const char* column : {"id", "parent", "unused"}) (void)row.integer(column);
    steps += row.text("detail") + "\n";
  }
  EXPECT_THAT(steps, HasSubstr("SCAN n\n"));
  EXPECT_THAT(steps, HasSubstr("SEARCH f USING PRIMARY KEY (day=? AND domain=? AND revision=?)"));
  EXPECT_THAT(steps, HasSubstr("SEARCH d USING PRIMARY KEY (day=? AND domain=?)"));
}

}  // namespace
}  // namespace tlsrpt::reporter
