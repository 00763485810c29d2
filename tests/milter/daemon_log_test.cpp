#include "milter/daemon_log.h"

#include <gtest/gtest.h>

namespace tlsrpt::milter {
namespace {

TEST(DaemonLog, SaysATroubleOnceUntilItIsOver) {
  DaemonLog log("test", false);
  testing::internal::CaptureStderr();
  log.recovered("disk", "never said: there was no trouble");
  log.trouble("disk", "disk is full");
  log.trouble("disk", "disk is full");
  log.trouble("log", "log is gone");
  EXPECT_EQ(log.troubles().at("disk"), "disk is full");
  log.recovered("disk", "disk is well");
  EXPECT_EQ(log.troubles().size(), 1U);
  log.trouble("disk", "disk is full again");
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "test: warning: disk is full\n"
            "test: warning: log is gone\n"
            "test: warning: disk is well\n"
            "test: warning: disk is full again\n");
}

TEST(DaemonLog, EscapesStrangersAndKeepsDetailsForTheVerbose) {
  testing::internal::CaptureStderr();
  DaemonLog quiet("test", false);
  quiet.info("detail");
  quiet.error("\x1B[31m");
  DaemonLog verbose("test", true);
  verbose.info("detail");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "test: error: \\u{1b}[31m\ntest: detail\n");
}

}  // namespace
}  // namespace tlsrpt::milter
