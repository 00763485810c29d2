#include "reporter/check/check_command.h"

#include <gtest/gtest.h>

#include <string>

namespace tlsrpt::reporter {
namespace {

const CheckFindings findings{
    {CheckFinding::Level::fault, "store", "cannot be\x1b used", {"chown \x1b x"}}};

TEST(CheckCommand, TableNamesEachCheckAndTheCommandThatMends) {
  const std::string text = check_text(CheckFacts(), findings, Format::table);
  EXPECT_NE(text.find("fault    store: cannot be\\u{1b} used\n         # chown \\u{1b} x\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("ok       clock: "), std::string::npos);
  EXPECT_NE(text.find("skipped  tls-logging: "), std::string::npos);
}

TEST(CheckCommand, JsonHasTheSame) {
  const std::string text = check_text(CheckFacts(), findings, Format::json);
  EXPECT_NE(text.find("{\"check\":\"store\",\"state\":\"fault\",\"title\":\"the store can be "
                      "written\",\"findings\":[{\"level\":\"fault\",\"text\":\"cannot be\\u001b "
                      "used\",\"commands\":[\"chown \\u001b x\"]}]}"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("{\"check\":\"clock\",\"state\":\"ok\","), std::string::npos);
  EXPECT_NE(text.find("{\"check\":\"milter\",\"state\":\"skipped\","), std::string::npos);
}

}  // namespace
}  // namespace tlsrpt::reporter
