#include "reporter/report/report_text.h"

#include <gtest/gtest.h>

#include "policy/text.h"

namespace tlsrpt::reporter {
namespace {

TEST(ReportText, GoodTextStaysAsItIs) {
  EXPECT_EQ(clean_text("self-signed certificate", 200), "self-signed certificate");
  EXPECT_EQ(clean_text("b\xC3\xBC"
                       "cher \xE2\x82\xAC \xF0\x9F\x93\xA7",
                       200),
            "b\xC3\xBC"
            "cher \xE2\x82\xAC \xF0\x9F\x93\xA7");
}

TEST(ReportText, InvalidUtf8IsReplaced) {
  EXPECT_EQ(clean_text("a\xFFz", 200), "a\xEF\xBF\xBDz");
  EXPECT_EQ(clean_text("a\xC3", 200), "a\xEF\xBF\xBD");
  EXPECT_EQ(clean_text("\xED\xA0\x80", 200), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // Surrogate.
  EXPECT_EQ(clean_text("\xC0\xAF", 200), "\xEF\xBF\xBD\xEF\xBF\xBD");                  // Overlong.
}

TEST(ReportText, ControlsAndNoncharactersAreLeftOut) {
  EXPECT_EQ(clean_text("a\r\nb\x1b[31m\x7f", 200), "ab[31m");
  EXPECT_EQ(clean_text(std::string_view("a\0b", 3), 200), "ab");
  EXPECT_EQ(clean_text("a\xC2\x85"
                       "b\xEF\xBF\xBE"
                       "c\xEF\xB7\x90"
                       "d",
                       200),
            "abcd");
  EXPECT_EQ(clean_text("mx:\tmail.example", 200), "mx: mail.example");
}

TEST(ReportText, WhatDeceivesAReaderIsLeftOut) {
  for (const std::string mark : {"\u202E", "\u2066", "\u200B", "\u00AD", "\u2028", "\uFEFF"}) {
    EXPECT_EQ(clean_text("a" + mark + "b", 200), "ab");
    EXPECT_EQ(clean_text(mark + " a " + mark, 200), "a");
  }
}

TEST(ReportText, BlanksAtTheEndsAreLeftOut) {
  EXPECT_EQ(clean_text(" \t a b \r\n", 200), "a b");
  EXPECT_EQ(clean_text("   ", 200), "");
}

TEST(ReportText, NeverCutInsideACharacter) {
  EXPECT_EQ(clean_text("abc", 2), "ab");
  EXPECT_EQ(clean_text("a\xE2\x82\xAC", 3), "a");
  EXPECT_EQ(clean_text("a\xE2\x82\xAC", 4), "a\xE2\x82\xAC");
  EXPECT_EQ(clean_text("a b", 2), "a");
}

TEST(ReportText, AnyBytesGiveShortUtf8WithoutControls) {
  std::uint32_t state = 7;
  for (int round = 0; round < 2000; ++round) {
    std::string bytes;
    for (int i = 0; i < 24; ++i) {
      state = state * 1664525U + 1013904223U;
      bytes += static_cast<char>(static_cast<unsigned char>(state >> 24U));
    }
    const std::string cleaned = clean_text(bytes, 20);
    EXPECT_LE(cleaned.size(), 20U);
    EXPECT_TRUE(policy::is_utf8(cleaned));
    EXPECT_EQ(clean_text(cleaned, 20), cleaned);
  }
}

TEST(ReportText, HostsAreLowerCaseWithoutTrailingDot) {
  EXPECT_EQ(clean_host("MX.Example.ORG."), "mx.example.org");
  EXPECT_EQ(clean_host("."), "");
}

// What is left of such a text would be the name of another host.
TEST(ReportText, WhatIsNotPrintableIsNoHost) {
  for (const char* text : {"mx\nevil.example", "mx\x1b", "\u202Emx", "mx\xFF"}) {
    EXPECT_EQ(clean_host(text), "");
    EXPECT_EQ(clean_host_text(text), "");
  }
  EXPECT_EQ(clean_host_text(" MX.Example. "), "MX.Example.");
}

}  // namespace
}  // namespace tlsrpt::reporter
