#include "reporter/flush/flush_clock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace tlsrpt::reporter {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using ::testing::HasSubstr;
using testing_support::at;
using testing_support::FakeClock;

constexpr const char* start = "2026-11-23T00:15:00Z";

class FlushClockTest : public ::testing::Test {
 protected:
  // A flush at NOW; it leaves what the next one gets.
  FlushClock flush(policy::UtcSeconds now) {
    clock_.set(now);
    FlushClock it(clock_, last_);
    last_ = it.kept();
    return it;
  }
  FakeClock clock_{start};
  std::optional<FlushTime> last_;
};

TEST_F(FlushClockTest, AClockThatGoesOnIsBelieved) {
  auto now = at(start);
  for (int i = 0; i < 100; ++i, now += minutes(15)) {
    const FlushClock clock = flush(now);
    EXPECT_EQ(clock.believed(), now);
    EXPECT_EQ(clock.warning(), "");
    EXPECT_FALSE(clock.went_back());
  }
}

TEST_F(FlushClockTest, ALeapIsBelievedMostOfADayLater) {
  flush(at(start));
  const auto leapt = at(start) + hours(24 * 30);
  const FlushClock first = flush(leapt);
  EXPECT_EQ(first.now(), leapt);
  EXPECT_EQ(first.believed(), at(start));
  EXPECT_EQ(first.last_seen(), at(start));
  EXPECT_THAT(first.warning(), HasSubstr("the last flush was at 2026-11-23T00:15:00Z"));
  const FlushClock second = flush(leapt + minutes(15));
  EXPECT_EQ(second.believed(), at(start));
  EXPECT_EQ(second.warning(), "") << "only once";
  EXPECT_EQ(flush(leapt + doubt_lasts - minutes(1)).believed(), at(start));
  EXPECT_EQ(flush(leapt + doubt_lasts).believed(), leapt + doubt_lasts);
  EXPECT_EQ(flush(leapt + doubt_lasts + hours(1)).believed(), leapt + doubt_lasts + hours(1));
}

TEST_F(FlushClockTest, ALeapThatIsTakenBackLeavesNothing) {
  flush(at(start));
  flush(at(start) + hours(24 * 30));
  const FlushClock back = flush(at(start) + minutes(15));
  EXPECT_TRUE(back.went_back());
  EXPECT_EQ(back.believed(), at(start) + minutes(15));
  EXPECT_THAT(back.warning(), HasSubstr("the clock was set back"));
  EXPECT_FALSE(flush(at(start) + minutes(30)).went_back());
}

TEST_F(FlushClockTest, AClockThatWasBehindIsFollowed) {
  flush(at(start));
  const FlushClock behind = flush(at("1970-01-01T00:10:00Z"));
  EXPECT_TRUE(behind.went_back());
  EXPECT_EQ(behind.believed(), at("1970-01-01T00:10:00Z"));
  const FlushClock right = flush(at(start) + hours(1));
  EXPECT_EQ(right.believed(), at("1970-01-01T00:10:00Z"));
  EXPECT_EQ(flush(at(start) + hours(22)).believed(), at(start) + hours(22));
}

TEST_F(FlushClockTest, OnceADayOrOnceAWeekIsOftenEnough) {
  for (const auto step : {hours(24), hours(24 * 7)}) {
    last_.reset();
    auto now = at(start);
    auto latest = now;
    for (int i = 0; i < 10; ++i, now += step) {
      const FlushClock clock = flush(now);
      if (clock.believed() == now) latest = now;
      EXPECT_GE(latest, now - step);
      EXPECT_EQ(clock.warning().empty(), step == hours(24) || clock.believed() == now);
    }
  }
}

TEST_F(FlushClockTest, ClocksOfTwoHostsMayDiffer) {
  flush(at(start));
  const FlushClock other = flush(at(start) - minutes(50));
  EXPECT_FALSE(other.went_back());
  EXPECT_EQ(other.warning(), "");
}

TEST_F(FlushClockTest, ALeapWhileWeRunIsNotBelieved) {
  const FlushClock clock = flush(at(start));
  clock_.advance(hours(24 * 30));
  EXPECT_EQ(clock.now(), at(start) + hours(24 * 30));
  EXPECT_LE(clock.believed(), at(start) + hours(3));
}

}  // namespace
}  // namespace tlsrpt::reporter
