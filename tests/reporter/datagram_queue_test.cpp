#include "reporter/datagram_queue.h"

#include <gtest/gtest.h>

#include "tests/support/flush_world.h"

namespace tlsrpt::reporter {
namespace {

class DatagramQueue : public testing_support::FlushWorld {};

TEST_F(DatagramQueue, OverrunsOfAllDaysAreOneNumber) {
  EXPECT_EQ(datagram_overruns(*store_)->count, 0U);
  Batch batch;
  batch.relay = "relay1";
  batch.source = "none";
  const auto noon = testing_support::at("2026-11-22T12:00:00Z");
  batch.lost_datagrams = {
      {{policy::day_of(noon), policy::DatagramLoss::queue_full}, {3, noon}},
      {{policy::day_of(noon), policy::DatagramLoss::not_json}, {50, noon}},
      {{policy::day_of(noon) - std::chrono::days(1), policy::DatagramLoss::queue_full},
       {12, noon - std::chrono::hours(24)}}};
  ASSERT_TRUE(store_->commit(batch).ok());
  const auto overruns = datagram_overruns(*store_);
  ASSERT_TRUE(overruns.ok());
  EXPECT_EQ(overruns->count, 15U);
  EXPECT_EQ(overruns->last, noon);
}

TEST_F(DatagramQueue, OnceIsNoNumberOfTimes) {
  EXPECT_EQ(found_full(1), "found full once");
  EXPECT_EQ(found_full(2), "found full 2 times");
}

}  // namespace
}  // namespace tlsrpt::reporter
