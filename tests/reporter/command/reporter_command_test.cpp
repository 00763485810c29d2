#include "reporter/command/reporter_command.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <sstream>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

struct Outcome {
  int status = 0;
  std::string out;
  std::string err;
};

Outcome run(std::vector<std::string> words) {
  words.insert(words.begin(), "tlsrpt-reporter");
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::ostringstream out;
  std::ostringstream err;
  const int status = run_reporter(static_cast<int>(words.size()), argv.data(), out, err);
  return {status, out.str(), err.str()};
}

TEST(ReporterCommand, UsageErrorsGoToStandardError) {
  const Outcome got = run({"--nope"});
  EXPECT_EQ(got.status, 64);
  EXPECT_EQ(got.out, "");
  EXPECT_EQ(
      got.err,
      "tlsrpt-reporter: unknown or ambiguous switch \"--nope\"; see tlsrpt-reporter --help\n");
}

TEST(ReporterCommand, HelpGoesToStandardOutput) {
  const Outcome got = run({"--help"});
  EXPECT_EQ(got.status, 0);
  EXPECT_TRUE(got.out.starts_with("Usage: tlsrpt-reporter "));
  EXPECT_EQ(got.err, "");
}

TEST(ReporterCommand, WhatIsMisconfiguredIsFinalForAllButBounces) {
  const testing_support::TempDir folder;
  folder.write("faulty", "no_such_option = 1\n");
  folder.write("no_user",
               "organization_name = Example\ncontact_info = a@b.example\n"
               "run_as = no-such-user-here\n");
  for (const std::string name : {"absent", "faulty", "no_user"}) {
    if (name == "no_user" && ::geteuid() != 0) continue;  // Others do not become anybody.
    const Outcome bounce = run({"-c", folder.file(name), "--bounce"});
    EXPECT_EQ(bounce.status, 75) << name;
    EXPECT_NE(bounce.err, "");
    EXPECT_EQ(run({"-c", folder.file(name), "--status"}).status, 78) << name;
  }
}

}  // namespace
}  // namespace tlsrpt::reporter
