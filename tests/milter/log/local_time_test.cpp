#include "milter/log/local_time.h"

#include <gtest/gtest.h>

#include <string>

namespace tlsrpt::milter {
namespace {

using std::chrono::hours;
using std::chrono::local_days;
using std::chrono::local_seconds;
using std::chrono::minutes;
using std::chrono::month;
using std::chrono::seconds;
using std::chrono::year;
using std::chrono::year_month_day;

LocalTime zone(const std::string& name) {
  auto made = LocalTime::of_zone(name);
  EXPECT_TRUE(made.ok()) << name;
  return *made;
}

local_seconds at(int y, unsigned m, unsigned d, seconds time) {
  return local_days(year_month_day{year(y), month(m), std::chrono::day(d)}) + time;
}

std::string utc(LocalTime* zone, local_seconds reading) {
  return policy::to_text(zone->read(reading).instant);
}

TEST(LocalTime, KnowsSummerAndWinter) {
  LocalTime berlin = zone("Europe/Berlin");
  EXPECT_EQ(utc(&berlin, at(2026, 7, 1, hours(12))), "2026-07-01T10:00:00Z");
  EXPECT_EQ(utc(&berlin, at(2026, 12, 1, hours(12))), "2026-12-01T11:00:00Z");
  LocalTime sydney = zone("Australia/Sydney");
  EXPECT_EQ(utc(&sydney, at(2026, 7, 1, hours(12))), "2026-07-01T02:00:00Z");
  EXPECT_EQ(utc(&sydney, at(2026, 12, 1, hours(12))), "2026-12-01T01:00:00Z");
  // Far beyond the transitions that the database lists, where only its rule is left.
  EXPECT_EQ(utc(&berlin, at(2060, 7, 1, hours(12))), "2060-07-01T10:00:00Z");
}

TEST(LocalTime, EverySecondAroundAChangeAgreesWithAFreshLookUp) {
  LocalTime warm = zone("Europe/Berlin");
  for (const local_seconds middle : {at(2026, 3, 29, hours(2)), at(2026, 10, 25, hours(3))}) {
    for (seconds step = -hours(5); step < hours(5); step += seconds(600)) {
      LocalTime cold = zone("Europe/Berlin");
      EXPECT_EQ(warm.peek(middle + step).instant, cold.peek(middle + step).instant);
      EXPECT_EQ(warm.peek(middle + step).repeated, cold.peek(middle + step).repeated);
    }
  }
}

TEST(LocalTime, RepeatedHourIsTheFirstPassUntilItGoesBackByMoreThanHalfAnHour) {
  LocalTime berlin = zone("Europe/Berlin");
  EXPECT_EQ(utc(&berlin, at(2026, 10, 25, hours(1) + minutes(59))), "2026-10-24T23:59:00Z");
  EXPECT_EQ(utc(&berlin, at(2026, 10, 25, hours(2) + minutes(10))), "2026-10-25T00:10:00Z");
  EXPECT_EQ(utc(&berlin, at(2026, 10, 25, hours(2) + minutes(50))), "2026-10-25T00:50:00Z");
  EXPECT_EQ(utc(&berlin, at(2026, 10, 25, hours(2) + minutes(20))), "2026-10-25T00:20:00Z");
  EXPECT_EQ(utc(&berlin, at(2026, 10, 25, hours(2) + minutes(59))), "2026-10-25T00:59:00Z");
  EXPECT_EQ(utc(&berlin, at(2026, 10, 25, hours(2) + minutes(1))), "2026-10-25T01:01:00Z");
  EXPECT_EQ(utc(&berlin, at(2026, 10, 25, hours(2) + minutes(58))), "2026-10-25T01:58:00Z");
  EXPECT_EQ(utc(&berlin, at(2026, 10, 25, hours(3))), "2026-10-25T02:00:00Z");
}

TEST(LocalTime, TheNextYearsRepeatedHourBeginsWithItsFirstPass) {
  LocalTime berlin = zone("Europe/Berlin");
  berlin.read(at(2026, 10, 25, hours(2) + minutes(50)));
  EXPECT_EQ(utc(&berlin, at(2026, 10, 25, hours(2) + minutes(5))), "2026-10-25T01:05:00Z");
  EXPECT_EQ(utc(&berlin, at(2027, 10, 31, hours(2) + minutes(5))), "2027-10-31T00:05:00Z");
}

TEST(LocalTime, SkippedHourIsAClockNotYetMoved) {
  LocalTime berlin = zone("Europe/Berlin");
  EXPECT_EQ(utc(&berlin, at(2026, 3, 29, hours(2) + minutes(30))), "2026-03-29T01:30:00Z");
}

TEST(LocalTime, PeekRemembersNothing) {
  LocalTime berlin = zone("Europe/Berlin");
  berlin.peek(at(2026, 10, 25, hours(2) + minutes(59)));
  EXPECT_EQ(utc(&berlin, at(2026, 10, 25, hours(2) + minutes(1))), "2026-10-25T00:01:00Z");
}

TEST(LocalTime, GoesOnFromItsState) {
  LocalTime before = zone("Europe/Berlin");
  EXPECT_EQ(before.state(), "");
  before.read(at(2026, 10, 25, hours(2) + minutes(50)));
  LocalTime between = zone("Europe/Berlin");
  between.restore(before.state());
  EXPECT_EQ(utc(&between, at(2026, 10, 25, hours(2) + minutes(1))), "2026-10-25T01:01:00Z");
  LocalTime after = zone("Europe/Berlin");
  after.restore(between.state());
  EXPECT_EQ(utc(&after, at(2026, 10, 25, hours(2) + minutes(2))), "2026-10-25T01:02:00Z");
}

TEST(LocalTime, AnyOtherStateIsFresh) {
  for (const char* bad : {"", "1:", "3:100", "1:-5", "1:99999999999999999999", "2:1 ", "x", "2"}) {
    LocalTime berlin = zone("Europe/Berlin");
    berlin.read(at(2026, 10, 25, hours(2) + minutes(50)));
    berlin.restore(bad);
    EXPECT_EQ(berlin.state(), "") << bad;
  }
}

TEST(LocalTime, UnknownZoneIsAnError) {
  const auto made = LocalTime::of_zone("Europe/Atlantis");
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code(), policy::Errc::not_found);
  EXPECT_FALSE(LocalTime::of_zone("../../../etc/passwd").ok());
  EXPECT_TRUE(LocalTime::of_zone("").ok());
}

}  // namespace
}  // namespace tlsrpt::milter
