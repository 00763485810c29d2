#include "reporter/store/sqlite_values.h"

#include <gtest/gtest.h>

namespace tlsrpt::reporter {
namespace {

TEST(SqliteValues, DaysAndInstantsComeBack) {
  const policy::UtcDay day = *policy::parse_day("2026-11-22");
  EXPECT_EQ(to_day(number_of(day)), day);
  EXPECT_EQ(number_of(*policy::parse_day("1969-12-31")), -1);
  const policy::UtcSeconds instant = *policy::parse_instant("2026-11-22T10:00:00Z");
  EXPECT_EQ(to_seconds(instant), policy::unix_seconds(instant));
  EXPECT_FALSE(to_seconds(std::nullopt).has_value());
}

TEST(SqliteValues, ANoteIsCutBetweenCharacters) {
  EXPECT_EQ(to_note("short"), "short");
  EXPECT_EQ(to_note(std::string(max_note, 'x')).size(), max_note);
  EXPECT_EQ(to_note(std::string(max_note + 1, 'x')).size(), max_note);
  EXPECT_EQ(to_note(std::string(max_note - 1, 'x') + "\u20ac"), std::string(max_note - 1, 'x'));
  EXPECT_EQ(to_note(std::string(max_note - 2, 'x') + "\u20ac"), std::string(max_note - 2, 'x'));
  EXPECT_EQ(to_note(std::string(max_note - 3, 'x') + "\u20ac!").size(), max_note);
}

TEST(SqliteValues, ANoteIsAlwaysUtf8) {
  EXPECT_EQ(to_note("a\xff"), "a\\u{ff}");
  EXPECT_EQ(to_note(std::string(max_note, '\xff')).size(), max_note);
}

}  // namespace
}  // namespace tlsrpt::reporter
