#include "policy/text.h"

#include <gtest/gtest.h>

namespace tlsrpt::policy {
namespace {

TEST(Text, EscapesWhatCouldDeceiveATerminal) {
  EXPECT_EQ(escape_untrusted("plain \xC3\xBC text\\"), "plain \xC3\xBC text\\");
  EXPECT_EQ(escape_untrusted("\x1B[31m\x07"), "\\u{1b}[31m\\u{7}");
  EXPECT_EQ(escape_untrusted("\xC2\x9B"), "\\u{9b}");  // C1
  EXPECT_EQ(escape_untrusted("a\xE2\x80\xAE"
                             "b"),
            "a\\u{202e}b");                                              // bidi override
  EXPECT_EQ(escape_untrusted("\xFF\xC0\xAF"), "\\u{ff}\\u{c0}\\u{af}");  // not UTF-8
  EXPECT_EQ(escape_untrusted(std::string_view("\0", 1)), "\\u{0}");
}

TEST(Text, KnowsWhatNeedsNoEscape) {
  EXPECT_TRUE(is_printable("a ü 甲\\"));
  for (const char* bad : {"a\tb", "\n", "\x7F", "\xFC", "\u0085", "\u202E"}) {
    EXPECT_FALSE(is_printable(bad));
  }
  EXPECT_TRUE(is_ascii("a\n\x7F"));
  EXPECT_FALSE(is_ascii("aü"));
}

TEST(Text, NumbersMustBeTheWholeText) {
  EXPECT_EQ(parse_number<unsigned>("42"), 42U);
  for (const char* bad : {"", "-1", "+1", " 1", "1 ", "0x1", "99999999999"}) {
    EXPECT_EQ(parse_number<unsigned>(bad), std::nullopt) << bad;
  }
}

TEST(Text, KnowsUtf8) {
  EXPECT_TRUE(
      is_utf8("b\xC3\xBC"
              "cher"));
  EXPECT_FALSE(is_utf8("\xED\xA0\x80"));  // surrogate
  EXPECT_FALSE(is_utf8("\xE2\x82"));      // truncated
}

TEST(Text, SplitsAndTrims) {
  EXPECT_EQ(split_words("  a\tb  c "), (std::vector<std::string_view>{"a", "b", "c"}));
  EXPECT_EQ(trim(" \t x y\t"), "x y");
  EXPECT_EQ(to_lower("AbC\xC3\x9C"), "abc\xC3\x9C");
}

}  // namespace
}  // namespace tlsrpt::policy
