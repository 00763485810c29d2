#include "reporter/store/sqlite_deliveries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reporter/store/sqlite_sql.h"
#include "tests/support/claim_due.h"
#include "tests/support/damaged_store.h"
#include "tests/support/store_contract.h"

namespace tlsrpt::reporter {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using testing_support::at;
using testing_support::claim_due;
using testing_support::DamagedStore;
using testing_support::day;
using testing_support::message_of;

// A store with one closed report that has COUNT deliveries.
void fill(const DamagedStore& damaged, std::size_t count) {
  const auto store = open_store(damaged.location(), StoreAccess::reporter, {});
  ASSERT_TRUE(store.ok()) << store.error().message();
  ASSERT_TRUE((*store)
                  ->commit(testing_support::batch_of({testing_support::sample_fact("a.example")}))
                  .ok());
  StoredReport report;
  report.day = day("2026-11-22");
  report.domain = "a.example";
  report.revision = 1;
  ASSERT_EQ(message_of((*store)->close_day(report, std::vector<Delivery>(count), 1, {})), "ok");
}

TEST(SqliteDeliveries, ADamagedDeliveryIsNamedAndHidesNoOther) {
  const DamagedStore damaged;
  fill(damaged, 2);
  damaged.run("UPDATE delivery SET attempts = -1 WHERE id = 2");
  const auto store = open_store(damaged.location(), StoreAccess::reporter, {});
  const auto now = at("2026-11-23T01:00:00Z");
  const auto claimed = (*store)->claim({1, 2}, now, std::chrono::hours(1));
  ASSERT_TRUE(claimed.ok());
  ASSERT_EQ(claimed->deliveries.size(), 1U);
  EXPECT_EQ(claimed->deliveries.front().id, 1);
  EXPECT_THAT(claimed->damaged,
              ElementsAre("delivery 2: damaged row: attempts -1 is out of range"));
  damaged.run("UPDATE delivery SET destination = CAST(x'ff' AS TEXT) WHERE id = 2");
  const auto due = (*store)->due(now, false, {}, 1, {});
  ASSERT_TRUE(due.ok());
  EXPECT_THAT(due->deliveries, IsEmpty());
  EXPECT_THAT(due->damaged, ElementsAre("delivery 2: damaged row: destination is not UTF-8"));
  EXPECT_EQ(due->end.id, 2);
  damaged.run("UPDATE delivery SET attempts = 0, state = 5");
  for (const auto& list : {(*store)->deliveries(1), (*store)->pending_deliveries({}, 0, 9)}) {
    ASSERT_TRUE(list.ok());
    if (list->empty()) continue;  // Neither is pending.
    ASSERT_EQ(list->size(), 2U) << "each keeps its place";
    EXPECT_EQ(list->back().id, 2);
    EXPECT_EQ(list->back().destination, "");
    EXPECT_EQ(list->front().last_error, "delivery 1: damaged row: state 5 is out of range");
  }
  damaged.run("UPDATE delivery SET state = 1 WHERE id = 2");
  const auto pending = (*store)->pending_deliveries({}, 0, 9);
  ASSERT_TRUE(pending.ok() && pending->size() == 1U);
  EXPECT_EQ(pending->front().last_error, "delivery 2: damaged row: destination is not UTF-8");
  EXPECT_EQ(message_of((*store)->delivery_counts()),
            "deliveries: damaged row: state 5 is out of range");
}

TEST(SqliteDeliveries, AnAbsurdInstantEndsNoPageAtTheBeginning) {
  const DamagedStore damaged;
  fill(damaged, 3);
  damaged.run("UPDATE delivery SET not_before = -(1 << 41) WHERE id = 1");
  damaged.run("UPDATE delivery SET first_attempt = 9223372036854775807 WHERE id = 2");
  const auto store = open_store(damaged.location(), StoreAccess::reporter, {});
  const auto page = (*store)->due(at("2026-11-23T01:00:00Z"), false, {}, 9, {});
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->deliveries.size(), 2U);
  EXPECT_EQ(page->end.id, 3);
  const auto claimed = (*store)->claim({2, 3}, at("2026-11-23T01:00:00Z"), std::chrono::hours(1));
  ASSERT_TRUE(claimed.ok());
  EXPECT_EQ(claimed->deliveries.size(), 1U);
  EXPECT_THAT(claimed->damaged, ElementsAre(StartsWith("delivery 2: damaged row: first_attempt")));
}

TEST(SqliteDeliveries, ADamagedTimeOfTheLastFlushIsNone) {
  const DamagedStore damaged;
  const auto store = open_store(damaged.location(), StoreAccess::reporter, {});
  ASSERT_TRUE((*store)->set_flush_time({at("2026-11-23T01:00:00Z"), {}, std::nullopt}).ok());
  EXPECT_TRUE((*store)->flush_time()->has_value());
  damaged.run("UPDATE flush_time SET believed = 9223372036854775807");
  EXPECT_FALSE((*store)->flush_time()->has_value());
}

TEST(SqliteDeliveries, DueOnesAreFoundByTheirIndex) {
  const DamagedStore damaged;
  fill(damaged, 1);
  auto database =
      open_sqlite(damaged.path(), StoreAccess::read_only, std::chrono::milliseconds(1000));
  const std::string explain = "EXPLAIN QUERY PLAN " + std::string(sql::due_deliveries);
  auto plan = database->prepare(explain);
  ASSERT_TRUE(plan.ok() && *plan->step());
  SqliteRow row(*plan);
  row.integer("id");
  row.integer("parent");
  row.integer("unused");
  EXPECT_THAT(row.text("detail"), StartsWith("SEARCH delivery USING INDEX delivery_due ("));
}

TEST(SqliteDeliveries, OnlyAClaimDoesNotWaitForTheDisk) {
  const DamagedStore store;
  fill(store, 2);
  auto database = open_sqlite(store.path(), StoreAccess::reporter, std::chrono::milliseconds(1000));
  ASSERT_TRUE(database.ok());
  SqliteDeliveries deliveries(*database);
  const auto claimed = deliveries.claim({1, 2}, at("2026-11-23T01:00:00Z"), std::chrono::hours(1));
  ASSERT_TRUE(claimed.ok());
  EXPECT_EQ(claimed->deliveries.size(), 2U);
  EXPECT_EQ(*database->integer("PRAGMA synchronous"), 2) << "what comes next is FULL again";
}

}  // namespace
}  // namespace tlsrpt::reporter
