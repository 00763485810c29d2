#include "reporter/store/sqlite_bounces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/flush_world.h"

namespace tlsrpt::reporter {
namespace {

using std::chrono::hours;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SqliteBouncesTest : public testing_support::FlushWorld {
 protected:
  void SetUp() override {
    count("a.example");
    publish("a.example", "mailto:x@a.example,https://a.example/r");
    close();
    id_ = deliveries().at(0).id;
  }
  Suppression suppression() const {
    return {"mailto:x@a.example", "reason", clock_.now(), clock_.now() + hours(2)};
  }
  std::int64_t id_ = 0;
};

TEST_F(SqliteBouncesTest, FindsDeliveriesByNumberAndMessage) {
  const Delivery mail = deliveries().at(0);
  EXPECT_EQ((*store_->delivery(id_))->destination, "mailto:x@a.example");
  EXPECT_FALSE(store_->delivery(id_ + 100)->has_value());
  EXPECT_THAT(*store_->deliveries_of_message(mail.message_id), SizeIs(1));
  EXPECT_THAT(*store_->deliveries_of_message(""), IsEmpty()) << "that of every https delivery";
  EXPECT_THAT(*store_->deliveries_of_message("<x@y>"), IsEmpty());
}

TEST_F(SqliteBouncesTest, DamagedDeliveriesAreErrorsOrLeftOut) {
  const std::string message_id = deliveries().at(0).message_id;
  damage("UPDATE delivery SET is_smallest = 7 WHERE id = " + std::to_string(id_));
  EXPECT_EQ(store_->delivery(id_).error().code(), policy::Errc::syntax);
  EXPECT_THAT(*store_->deliveries_of_message(message_id), IsEmpty());
}

TEST_F(SqliteBouncesTest, ABounceIsRecordedOnce) {
  EXPECT_TRUE(*store_->record_bounce(id_, "reason", suppression()));
  EXPECT_EQ(deliveries().at(0).state, DeliveryState::failed);
  EXPECT_EQ(deliveries().at(0).last_error, "reason");
  auto longer = suppression();
  longer.until += hours(5);
  EXPECT_FALSE(*store_->record_bounce(id_, "other", longer));
  EXPECT_EQ(deliveries().at(0).last_error, "reason");
  EXPECT_EQ(store_->suppressions(clock_.now())->at(0).until, suppression().until);
  EXPECT_FALSE(*store_->record_bounce(id_ + 100, "none", longer));
}

TEST_F(SqliteBouncesTest, ASuppressionHoldsForItsTime) {
  ASSERT_TRUE(*store_->record_bounce(id_, "reason", suppression()));
  EXPECT_THAT(*store_->suppressions(clock_.now() + hours(2) - std::chrono::seconds(1)), SizeIs(1));
  EXPECT_THAT(*store_->suppressions(clock_.now() + hours(2)), IsEmpty());
  EXPECT_THAT(*store_->suppressions(clock_.now() - hours(2)), IsEmpty()) << "of a clock ahead";
  EXPECT_TRUE(*store_->lift_suppression("mailto:x@a.example"));
  EXPECT_FALSE(*store_->lift_suppression("mailto:x@a.example"));
  EXPECT_THAT(*store_->suppressions(clock_.now()), IsEmpty());
}

TEST_F(SqliteBouncesTest, OnlyWhatWasSentGoesOutInItsSmallestForm) {
  EXPECT_FALSE(*store_->send_smallest(id_, "too large", clock_.now()));
  damage("UPDATE delivery SET state = 2, attempts = 3, first_attempt = 5 WHERE id = " +
         std::to_string(id_));
  EXPECT_TRUE(*store_->send_smallest(id_, "too large", clock_.now()));
  const Delivery again = deliveries().at(0);
  EXPECT_EQ(again.state, DeliveryState::pending);
  EXPECT_EQ(again.attempts, 0U);
  EXPECT_EQ(again.first_attempt, std::nullopt);
  EXPECT_TRUE(again.is_smallest);
  damage("UPDATE delivery SET state = 2 WHERE id = " + std::to_string(id_));
  EXPECT_FALSE(*store_->send_smallest(id_, "too large", clock_.now())) << "once";
}

TEST_F(SqliteBouncesTest, OldSuppressionsArePruned) {
  ASSERT_TRUE(*store_->record_bounce(id_, "reason", suppression()));
  ASSERT_TRUE(store_->prune(testing_support::report_day).ok());
  EXPECT_THAT(*store_->suppressions(clock_.now()), SizeIs(1));
  ASSERT_TRUE(store_->prune(testing_support::report_day + std::chrono::days(3)).ok());
  EXPECT_THAT(*store_->suppressions(clock_.now()), IsEmpty());
}

}  // namespace
}  // namespace tlsrpt::reporter
