#include "reporter/deliver/outcome.h"

#include <gtest/gtest.h>

#include "policy/text.h"

namespace tlsrpt::reporter {
namespace {

TEST(Outcome, TextIsOneLineEscapedAndCut) {
  EXPECT_EQ(outcome_text("550-first\r\n550  second \t\r\n"), "550-first 550 second");
  EXPECT_EQ(outcome_text("\x1b[2Jgone"), "\\u{1b}[2Jgone");
  EXPECT_EQ(outcome_text(""), "");
  const std::string just(max_outcome_text, 'x');
  EXPECT_EQ(outcome_text(just), just);
  EXPECT_EQ(outcome_text(just + "y"), just + "...");
}

TEST(Outcome, CutTextIsStillUtf8) {
  std::string umlauts;
  for (int i = 0; i < 400; ++i) umlauts += "\xC3\xBC";
  for (const std::string& prefix : {std::string(), std::string("a"), std::string("\x01")}) {
    const std::string text = outcome_text(prefix + umlauts);
    EXPECT_TRUE(policy::is_utf8(text)) << text;
    EXPECT_LE(text.size(), max_outcome_text + 3);
  }
}

}  // namespace
}  // namespace tlsrpt::reporter
