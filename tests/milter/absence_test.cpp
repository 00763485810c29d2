#include "milter/absence.h"

#include <gtest/gtest.h>

namespace tlsrpt::milter {
namespace {

TEST(Absence, OnlyALongOneIsTooLong) {
  Absence absence;
  Absence::Instant now(std::chrono::hours(1));
  EXPECT_FALSE(absence.is_too_long(true, now));
  EXPECT_FALSE(absence.is_too_long(false, now));
  now += Absence::patience - std::chrono::seconds(1);
  EXPECT_FALSE(absence.is_too_long(false, now));
  now += std::chrono::seconds(1);
  EXPECT_TRUE(absence.is_too_long(false, now));
  EXPECT_FALSE(absence.is_too_long(true, now));
  EXPECT_FALSE(absence.is_too_long(false, now));
}

}  // namespace
}  // namespace tlsrpt::milter
