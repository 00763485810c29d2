#include "milter/backoff.h"

#include <gtest/gtest.h>

namespace tlsrpt::milter {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// How often it is tried within TIME by somebody who would try every 20 ms, and never succeeds.
unsigned tries_within(Backoff& backoff, Backoff::Instant& now, seconds time) {
  unsigned tries = 0;
  for (const auto until = now + time; now < until; now += milliseconds(20)) {
    if (!backoff.may_try(now)) continue;
    ++tries;
    backoff.failed(now);
  }
  return tries;
}

TEST(Backoff, TriesSoonAndThenSeldom) {
  Backoff backoff;
  Backoff::Instant now(seconds(1000));
  EXPECT_EQ(tries_within(backoff, now, seconds(1)), 1U);
  // After 1, 3, 7, 15 and 31 seconds, and then twice a minute.
  EXPECT_EQ(tries_within(backoff, now, seconds(31)), 5U);
  EXPECT_EQ(tries_within(backoff, now, seconds(3600)), 120U);
  backoff.succeeded();
  EXPECT_TRUE(backoff.may_try(now));
  EXPECT_EQ(tries_within(backoff, now, seconds(2)), 2U);
}

}  // namespace
}  // namespace tlsrpt::milter
