#include "reporter/command/reporter_command.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

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

}  // namespace
}  // namespace tlsrpt::reporter
