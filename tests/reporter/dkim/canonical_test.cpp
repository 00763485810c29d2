#include "reporter/dkim/canonical.h"

#include <gtest/gtest.h>

namespace tlsrpt::reporter {
namespace {

TEST(Canonical, AMessageIsItsFieldsAndItsBody) {
  const MessageParts parts = split_message("A: 1\r\nB: 2\r\n  3\r\n\tx\r\n\r\nbody\r\n\r\nmore");
  ASSERT_EQ(parts.fields.size(), 2U);
  EXPECT_EQ(parts.fields[0], "A: 1\r\n");
  EXPECT_EQ(parts.fields[1], "B: 2\r\n  3\r\n\tx\r\n");
  EXPECT_EQ(parts.body, "body\r\n\r\nmore");
  EXPECT_TRUE(split_message("").fields.empty());
  EXPECT_EQ(split_message("\r\nbody").body, "body");
  EXPECT_EQ(split_message("A: 1").fields.size(), 1U) << "cut in the middle";
  EXPECT_EQ(split_message("A: 1\r\n ").fields.size(), 1U);
  EXPECT_EQ(split_message("A: 1\r\n").body, "");
}

// RFC 6376, 3.4.5.
TEST(Canonical, TheExamplesOfTheRfc) {
  EXPECT_EQ(relaxed_field("A: X\r\n"), "a:X");
  EXPECT_EQ(relaxed_field("B : Y\t\r\n\tZ  \r\n"), "b:Y Z");
  EXPECT_EQ(relaxed_body(" C \r\nD \t E\r\n\r\n\r\n"), " C\r\nD E\r\n");
}

TEST(Canonical, ABodyEndsWithOneLineEnd) {
  EXPECT_EQ(relaxed_body(""), "");
  EXPECT_EQ(relaxed_body("\r\n\r\n"), "");
  EXPECT_EQ(relaxed_body(" \t \r\n"), "") << "a line of blanks is empty";
  EXPECT_EQ(relaxed_body("x"), "x\r\n");
  EXPECT_EQ(relaxed_body("x\r\n\r\ny\r\n"), "x\r\n\r\ny\r\n");
}

TEST(Canonical, ANameThatStandsTwiceTakesTheLastFieldFirst) {
  const MessageParts parts = split_message("X: 1\r\nY: 2\r\nX: 3\r\n\r\n");
  EXPECT_EQ(signed_text(parts.fields, {"x", "X", "X", "z"}, "DKIM-Signature: b="),
            "x:3\r\nx:1\r\ndkim-signature:b=");
  EXPECT_EQ(signed_text({}, {"x"}, ""), "");
}

}  // namespace
}  // namespace tlsrpt::reporter
