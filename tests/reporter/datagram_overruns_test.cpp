#include "reporter/datagram_overruns.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

TEST(DatagramOverruns, AreReadAsTheyWereWritten) {
  const testing_support::TempDir folder;
  const std::string store = "sqlite:" + folder.file("s.sqlite");
  EXPECT_FALSE(read_datagram_overruns(store));
  const auto noon = testing_support::at("2026-11-22T12:00:00Z");
  ASSERT_TRUE(write_datagram_overruns(store, {3, noon}).ok());
  ASSERT_TRUE(write_datagram_overruns(store, {12, noon}).ok());
  const auto overruns = read_datagram_overruns(store);
  ASSERT_TRUE(overruns);
  EXPECT_EQ(overruns->count, 12U);
  EXPECT_EQ(overruns->last, noon);
}

TEST(DatagramOverruns, AnythingElseInTheFileIsNone) {
  const testing_support::TempDir folder;
  for (const char* text : {"", "\n", "12", "12 ", "x 2026-11-22T12:00:00Z", "12 yesterday"}) {
    folder.write("s.sqlite.datagrams-overruns", text);
    EXPECT_FALSE(read_datagram_overruns("sqlite:" + folder.file("s.sqlite"))) << text;
  }
}

TEST(DatagramOverruns, NowhereToWriteIsAnError) {
  EXPECT_FALSE(write_datagram_overruns("sqlite:/nowhere/s.sqlite", {}).ok());
}

}  // namespace
}  // namespace tlsrpt::reporter
