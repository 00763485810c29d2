#include "milter/datagram/json_grammar.h"

#include <gtest/gtest.h>

#include <string>

namespace tlsrpt::milter {
namespace {

TEST(JsonGrammar, WhateverANumberOrATextMeans) {
  for (const std::string_view text :
       {"1", " -0.5e+9999 ", "123456789012345678901234567890", "[]", "{ }", "null", "[true,false]",
        "\"\\ud800 \\\\ \\\"\"", R"({"a":{"b":[1,{"c":[]},"x"]},"a":2})", "[\t1\r,\n2]"})
    EXPECT_TRUE(is_json(text)) << text;
  EXPECT_TRUE(is_json(std::string(30'000, '[') + std::string(30'000, ']')));
}

TEST(JsonGrammar, NumbersWithJunkBehindThem) {
  for (const std::string_view text :
       {"0x1", "[0x1]", "[1 2]", "[1true]", "[1\"a\"]", "[01]", "[1.]", "[.5]", "[+1]", "[1e]",
        "[-]", "[1-2]", "[1_000]", "[0b1]", "{\"d\": 0x1}", "1:", "1]"})
    EXPECT_FALSE(is_json(text)) << text;
}

TEST(JsonGrammar, TextsThatAreNone) {
  for (const std::string_view text :
       {"", " ", "nonsense", "nul", "\"a", "\"a\nb\"", R"("\x")", R"("\u12g4")", R"("\)", "'a'"})
    EXPECT_FALSE(is_json(text)) << text;
}

TEST(JsonGrammar, BracketsAndMarksInTheWrongPlace) {
  for (const std::string_view text : {"[",
                                      "]",
                                      "[}",
                                      "{]",
                                      "[]]",
                                      "[1,]",
                                      "[,1]",
                                      "{,}",
                                      "[1:2]",
                                      "{1:2}",
                                      R"({"a"})",
                                      R"({"a":})",
                                      R"({"a":1,})",
                                      R"({"a" 1})",
                                      R"({"a":1 "b":2})",
                                      R"({"a":1:2})",
                                      R"({[]:1})",
                                      "1,2",
                                      "[] []",
                                      ",",
                                      ":",
                                      R"(["a":1])"})
    EXPECT_FALSE(is_json(text)) << text;
}

}  // namespace
}  // namespace tlsrpt::milter
