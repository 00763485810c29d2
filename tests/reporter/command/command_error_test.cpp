#include "reporter/command/command_error.h"

#include <gtest/gtest.h>

#include <sstream>

#include "tests/support/fake_clock.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;

TEST(CommandError, EveryKindOfErrorHasItsExitStatus) {
  EXPECT_EQ(exit_status_of(Error(Errc::temporary, "")), 75);
  EXPECT_EQ(exit_status_of(Error(Errc::not_found, "")), 66);
  EXPECT_EQ(exit_status_of(Error(Errc::io, "")), 66);
  EXPECT_EQ(exit_status_of(Error(Errc::syntax, "")), 65);
  EXPECT_EQ(exit_status_of(Error(Errc::limit, "")), 65);
  EXPECT_EQ(exit_status_of(Error(Errc::internal, "")), 70);
  // A damaged store is there, and is bad data.
  EXPECT_EQ(exit_status_of(Error(Errc::io, "/s: SQLite: malformed (11)")), 65);
  EXPECT_EQ(exit_status_of(Error(Errc::io, "/s: SQLite: disk I/O error (266)")), 66);
}

TEST(CommandError, TheMessageIsEscapedOnStandardError) {
  const CommandLine line;
  const Settings settings;
  const testing_support::FakeClock clock("2026-11-22T00:00:00Z");
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(fail_command({line, settings, clock, out, err}, Error(Errc::syntax, "bad\x1b")), 65);
  EXPECT_EQ(err.str(), "tlsrpt-reporter: bad\\u{1b}\n");
  EXPECT_EQ(out.str(), "");
}

}  // namespace
}  // namespace tlsrpt::reporter
