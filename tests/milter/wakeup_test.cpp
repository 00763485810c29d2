#include "milter/wakeup.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <thread>

namespace tlsrpt::milter {
namespace {

constexpr int long_wait_ms = 20'000;

bool is_rung(const Wakeup& wakeup, int timeout_ms) {
  pollfd watched{wakeup.fd(), POLLIN, 0};
  return ::poll(&watched, 1, timeout_ms) == 1;
}

TEST(Wakeup, EndsAWaitOnceForSeveralRings) {
  const auto wakeup = Wakeup::make();
  ASSERT_TRUE(wakeup.ok());
  wakeup->take();  // Returns at once where nobody rang.
  EXPECT_FALSE(is_rung(*wakeup, 0));
  for (int i = 0; i < 1000; ++i) wakeup->ring();
  EXPECT_TRUE(is_rung(*wakeup, 0));
  wakeup->take();
  EXPECT_FALSE(is_rung(*wakeup, 0));
}

TEST(Wakeup, AnyThreadMayRing) {
  const auto wakeup = Wakeup::make();
  ASSERT_TRUE(wakeup.ok());
  const std::jthread other([&wakeup] { wakeup->ring(); });
  EXPECT_TRUE(is_rung(*wakeup, long_wait_ms));
}

}  // namespace
}  // namespace tlsrpt::milter
