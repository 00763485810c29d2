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

TEST(Outcome, WhatSaysThatAMessageIsTooLarge) {
  for (const char* reply : {"552", "552 over limit", "552-over\n552 limit", "552 5.3.4 too big",
                            "554-5.2.3 too\n554 big", "552 5.2.20 other", "552 5.3.4"}) {
    EXPECT_TRUE(is_too_large_reply(reply)) << reply;
  }
  for (const char* reply :
       {"", "55", "550", "554 no", "552 5.2.2 mailbox full", "552-5.2.2 mailbox\n", "552 5.2.2",
        "452 4.3.4 later", "550 5.3.40 other", "message 552"}) {
    EXPECT_FALSE(is_too_large_reply(reply)) << reply;
  }
}

}  // namespace
}  // namespace tlsrpt::reporter
