// The program as a whole, in this process: arguments in, exit status and texts out.
#include "milter/milter_command.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "reporter/command/command.h"
#include "reporter/store/collector_lock.h"
#include "tests/milter/program_fixture.h"

namespace tlsrpt::milter {
namespace {

using MilterCommand = ProgramTest;

TEST_F(MilterCommand, UsageErrorsAndFaultyConfigurations) {
  EXPECT_EQ(run({"--flush"}), reporter::exit_usage);
  EXPECT_NE(err().find("see tlsrpt-milter --help"), std::string::npos);
  EXPECT_EQ(run({"-c", folder().write("bad.conf", "nonsense = 1\n"), "--catch-up"}),
            reporter::exit_config);
  EXPECT_NE(err().find("bad.conf:1: "), std::string::npos);
  EXPECT_EQ(run({"-c", folder().file("absent.conf"), "--catch-up"}), reporter::exit_config);
}

TEST_F(MilterCommand, ExplainTellsWhatALineSays) {
  const std::string log = folder().write(
      "x.log",
      "2026-11-22T10:00:00Z relay1 postfix/smtp[7]: Trusted TLS connection established to "
      "mx.a.example[198.51.100.1]:25: TLSv1.3\n");
  EXPECT_EQ(run({"-c", config(""), "--explain", log}), reporter::exit_ok);
  EXPECT_NE(out().find("  = TLS handshake with mx.a.example[198.51.100.1]:25 completed\n"),
            std::string::npos);
  EXPECT_EQ(run({"-c", config(""), "--explain", folder().file("absent.log")}),
            reporter::exit_no_input);
}

}  // namespace
}  // namespace tlsrpt::milter
