#include "reporter/command/command_json.h"

#include <gtest/gtest.h>

namespace tlsrpt::reporter {
namespace {

TEST(JsonWriter, WritesCompactJsonInTheOrderOfTheCalls) {
  JsonWriter writer;
  writer.begin_object();
  writer.text_field("z", "text");
  writer.number_field("a", 18'446'744'073'709'551'615U);
  writer.key("list");
  writer.begin_array();
  writer.begin_object();
  writer.end_object();
  writer.begin_array();
  writer.end_array();
  writer.text("one");
  writer.number(2);
  writer.boolean(true);
  writer.null();
  writer.end_array();
  writer.boolean_field("b", false);
  writer.null_field("n");
  writer.end_object();
  EXPECT_EQ(writer.take(),
            R"({"z":"text","a":18446744073709551615,"list":[{},[],"one",2,true,null],)"
            R"("b":false,"n":null})");
}

TEST(JsonWriter, EscapesWhatJsonWantsEscaped) {
  JsonWriter writer;
  writer.begin_object();
  writer.text_field("quote \" key",
                    "\" \\ \n \x01 b\xC3\xBC"
                    "cher");
  writer.end_object();
  EXPECT_EQ(writer.take(),
            "{\"quote \\\" key\":\"\\\" \\\\ \\n \\u0001 b\xC3\xBC"
            "cher\"}");
}

TEST(JsonWriter, ReplacesWhatIsNoUtf8) {
  JsonWriter writer;
  writer.text("a\xFFz");
  EXPECT_EQ(writer.take(), "\"a\xEF\xBF\xBDz\"");
}

}  // namespace
}  // namespace tlsrpt::reporter
