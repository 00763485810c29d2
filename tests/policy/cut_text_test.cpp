#include "policy/cut_text.h"

#include <gtest/gtest.h>

namespace tlsrpt::policy {
namespace {

TEST(CutText, EndsWhereACharacterEnds) {
  EXPECT_EQ(cut_text("abc", 3), "abc");
  EXPECT_EQ(cut_text("abc", 2), "ab");
  EXPECT_EQ(cut_text("a\xE2\x82\xAC", 4), "a\xE2\x82\xAC");
  EXPECT_EQ(cut_text("a\xE2\x82\xAC", 3), "a");
  EXPECT_EQ(cut_text("a\xE2\x82\xAC", 2), "a");
  EXPECT_EQ(cut_text("a\xE2\x82\xAC", 1), "a");
  EXPECT_EQ(cut_text("\xE2\x82\xAC", 2), "");
  EXPECT_EQ(cut_text("", 2), "");
}

}  // namespace
}  // namespace tlsrpt::policy
