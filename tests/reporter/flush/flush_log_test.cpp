#include "reporter/flush/flush_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace tlsrpt::reporter {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

TEST(FlushLog, FromCronOnlyWarningsAreHeard) {
  std::ostringstream err;
  FlushLog log(err, false, false);
  log.detail("a step");
  log.show();
  log.show(true);
  EXPECT_EQ(err.str(), "");
  log.warn("trouble");
  EXPECT_EQ(err.str(), "tlsrpt-reporter: trouble\n");
}

TEST(FlushLog, ATerminalHasOneLineThatIsWrittenOver) {
  std::ostringstream err;
  {
    FlushLog log(err, true, false);
    log.counts().looked_up = 5;
    log.counts().to_look_up = 10;
    log.show();
    log.show();  // Too soon.
    EXPECT_EQ(err.str().find('\n'), std::string::npos);
    EXPECT_THAT(err.str(), HasSubstr("domains looked up 5/10"));
    log.warn("trouble");
    EXPECT_THAT(err.str(), EndsWith("\ntlsrpt-reporter: trouble\n"));
    log.begin_stage(FlushStage::deliver);
    log.counts().delivered = 3;
    log.counts().failed = 1;
    log.counts().due = 9;
    log.show(true);
    EXPECT_THAT(err.str(), HasSubstr("deliveries done 4/9 (1 failed)"));
  }
  EXPECT_THAT(err.str(), EndsWith("\n"));
}

TEST(FlushLog, RateAndTimeLeft) {
  using std::chrono::milliseconds;
  EXPECT_EQ(pace_text(10, 90, milliseconds(999)), "");
  EXPECT_EQ(pace_text(0, 90, milliseconds(5000)), "");
  EXPECT_EQ(pace_text(1000, 9000, milliseconds(2000)), ", 500/s, 18 s left");
  EXPECT_EQ(pace_text(1000, 99'000, milliseconds(2000)), ", 500/s, 3 min 18 s left");
  EXPECT_EQ(pace_text(1, 2, milliseconds(30'500)), ", 1/min, 1 min 1 s left");
  EXPECT_EQ(pace_text(1000, 0, milliseconds(2000)), ", 500/s");
}

TEST(FlushLog, VerboseTellsStepsInsteadOfProgress) {
  std::ostringstream err;
  FlushLog log(err, true, true);
  log.show(true);
  log.detail("a step");
  EXPECT_EQ(err.str(), "tlsrpt-reporter: a step\n");
}

}  // namespace
}  // namespace tlsrpt::reporter
