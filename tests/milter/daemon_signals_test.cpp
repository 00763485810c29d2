#include "milter/daemon_signals.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <csignal>

namespace tlsrpt::milter {
namespace {

class DaemonSignalsTest : public testing::Test {
 protected:
  ~DaemonSignalsTest() override {
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGPIPE})
      ::sigaction(number, &action, nullptr);
  }
  bool was_rung() const {
    pollfd waiting{wakeup_->fd(), POLLIN, 0};
    const bool rung = ::poll(&waiting, 1, 0) == 1;
    wakeup_->take();
    return rung;
  }

  policy::Result<Wakeup> wakeup_ = Wakeup::make();
};

TEST_F(DaemonSignalsTest, EachSetsItsFlagAndEndsTheWait) {
  for (const int number : {SIGTERM, SIGINT}) {
    const DaemonSignals signals(*wakeup_);
    EXPECT_FALSE(DaemonSignals::stop_requested());
    ::raise(number);
    EXPECT_TRUE(DaemonSignals::stop_requested());
    EXPECT_FALSE(DaemonSignals::reload_requested());
    EXPECT_TRUE(was_rung());
  }
  const DaemonSignals signals(*wakeup_);
  ::raise(SIGPIPE);
  EXPECT_FALSE(was_rung());
  ::raise(SIGHUP);
  EXPECT_TRUE(DaemonSignals::reload_requested().exchange(false));
  EXPECT_FALSE(DaemonSignals::stop_requested());
  EXPECT_TRUE(was_rung());
  DaemonSignals::request_stop();
  EXPECT_TRUE(DaemonSignals::stop_requested());
}

TEST_F(DaemonSignalsTest, NoneIsBlockedWhileOneIsHandled) {
  const DaemonSignals signals(*wakeup_);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    struct sigaction action {};
    ASSERT_EQ(::sigaction(number, nullptr, &action), 0);
    EXPECT_NE(action.sa_flags & SA_NODEFER, 0);
    for (const int other : {SIGTERM, SIGINT, SIGHUP})
      EXPECT_EQ(sigismember(&action.sa_mask, other), 0);
  }
}

TEST_F(DaemonSignalsTest, OneThatComesTooLateWakesNobody) {
  { const DaemonSignals signals(*wakeup_); }
  ::raise(SIGTERM);
  EXPECT_FALSE(was_rung());
}

}  // namespace
}  // namespace tlsrpt::milter
