#include "reporter/command/guarded_main.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace tlsrpt::reporter {
namespace {

TEST(GuardedMain, PassesTheStatusOn) {
  EXPECT_EQ(guarded_main(Program::reporter, [] { return 75; }), 75);
}

TEST(GuardedMain, AnExceptionIsABugOfOurs) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(guarded_main(Program::milter, []() -> int { throw std::logic_error("oh"); }), 70);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "tlsrpt-milter: internal error: oh\n");
  testing::internal::CaptureStderr();
  EXPECT_EQ(guarded_main(Program::reporter, []() -> int { throw 1; }), 70);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "tlsrpt-reporter: internal error: unknown exception\n");
}

}  // namespace
}  // namespace tlsrpt::reporter
