#include "reporter/clock.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

using policy::from_unix_seconds;

class ClockFile : public testing::Test {
 protected:
  void write(std::string_view text) const { std::ofstream(path_) << text; }
  testing_support::TempDir directory_;
  std::string path_ = directory_.file("clock");
};

TEST(Clock, StandsStillAtAGivenSecond) {
  std::string warning;
  const auto clock = make_clock("@1795348800", false, &warning);
  ASSERT_TRUE(clock.ok());
  EXPECT_EQ((*clock)->now(), from_unix_seconds(1795348800));
  EXPECT_EQ(warning, "the clock is replaced by TLSRPT_CLOCK=@1795348800");
}

TEST(Clock, IsNotReplacedInPrivilegedPrograms) {
  std::string warning;
  const auto clock = make_clock("@1", true, &warning);
  ASSERT_TRUE(clock.ok());
  EXPECT_GT((*clock)->now(), from_unix_seconds(1600000000));
  EXPECT_EQ(warning, "TLSRPT_CLOCK is ignored: real and effective user or group differ");
}

TEST(Clock, RefusesWhatIsNoInstant) {
  for (const char* text : {"1795348800", "@", "@x", "@-1", "@253402300800", "@1 2",
                           "file:", "file:/nonexistent/clock", "tomorrow"}) {
    std::string warning;
    EXPECT_FALSE(make_clock(text, false, &warning).ok()) << text;
  }
}

TEST_F(ClockFile, IsReadAgainAtEachCall) {
  write("@1000\n");
  std::string warning;
  const auto clock = make_clock("file:" + path_, false, &warning);
  ASSERT_TRUE(clock.ok());
  EXPECT_EQ((*clock)->now(), from_unix_seconds(1000));
  write("2000\nanything\n");
  EXPECT_EQ((*clock)->now(), from_unix_seconds(2000));
}

TEST_F(ClockFile, StandsWhileItCannotBeRead) {
  write("@1000\n");
  std::string warning;
  const auto clock = make_clock("file:" + path_, false, &warning);
  ASSERT_TRUE(clock.ok());
  write("");
  EXPECT_EQ((*clock)->now(), from_unix_seconds(1000));
  std::filesystem::remove(path_);
  EXPECT_EQ((*clock)->now(), from_unix_seconds(1000));
}

}  // namespace
}  // namespace tlsrpt::reporter
