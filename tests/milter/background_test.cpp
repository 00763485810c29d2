#include "milter/background.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

namespace tlsrpt::milter {
namespace {

// The process that starts it is one of its own, as the test shall go on.
TEST(Background, WhoStartsItEndsWellOnceItIsReady) {
  EXPECT_EXIT(
      {
        auto background = Background::enter();
        const bool is_ready = background.ok() && background->leave_terminal().ok();
        // How it ends later is nobody's concern.
        ::_exit(is_ready && ::getsid(0) == ::getpid() ? 7 : 8);
      },
      testing::ExitedWithCode(0), "");
}

TEST(Background, WhoStartsItEndsAsItDoesBeforeItIsReady) {
  EXPECT_EXIT(
      {
        const auto background = Background::enter();
        ::_exit(background.ok() ? 75 : 1);
      },
      testing::ExitedWithCode(75), "");
  EXPECT_EXIT(
      {
        const auto background = Background::enter();
        ::raise(SIGKILL);
      },
      testing::ExitedWithCode(70), "");
}

}  // namespace
}  // namespace tlsrpt::milter
