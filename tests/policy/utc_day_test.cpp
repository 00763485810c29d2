#include "policy/utc_day.h"

#include <gtest/gtest.h>

namespace tlsrpt::policy {
namespace {

TEST(UtcDay, TextsAreThoseOfRfc3339) {
  const UtcSeconds instant = from_unix_seconds(1732233600);
  EXPECT_EQ(to_text(instant), "2024-11-22T00:00:00Z");
  EXPECT_EQ(to_text(day_of(instant)), "2024-11-22");
  EXPECT_EQ(day_of(instant - std::chrono::seconds(1)), *parse_day("2024-11-21"));
}

TEST(UtcDay, ParsesOnlyRealDays) {
  EXPECT_EQ(to_text(*parse_day("2024-02-29")), "2024-02-29");
  for (const char* bad : {"", "2023-02-29", "2024-2-01", "2024-13-01", "2024-01-01 ", "24-01-01"}) {
    EXPECT_FALSE(parse_day(bad)) << bad;
  }
}

TEST(UtcDay, ParsesInstants) {
  EXPECT_EQ(unix_seconds(*parse_instant("2024-11-22T00:00:01Z")), 1732233601);
  for (const char* bad : {"2024-11-22T24:00:00Z", "2024-11-22 00:00:00Z", "2024-11-22T00:00:00"}) {
    EXPECT_FALSE(parse_instant(bad)) << bad;
  }
}

}  // namespace
}  // namespace tlsrpt::policy
