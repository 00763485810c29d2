#include "reporter/postfix/postconf.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

TEST(Postconf, FixedArgumentsReachTheFirstProgramThatExists) {
  const testing_support::TempDir dir;
  const std::string program =
      dir.write("postconf", "#!/bin/sh\nfor each; do echo \"<$each>\"; done\n");
  std::filesystem::permissions(program, std::filesystem::perms(0755));
  const auto output = run_postconf("/a b; c", {"-x", "$(name)"}, {dir.file("absent"), program});
  ASSERT_TRUE(output.ok()) << output.error().message();
  EXPECT_EQ(*output, "<-c>\n</a b; c>\n<-x>\n<$(name)>\n");
  EXPECT_EQ(*run_postconf("", {"-M"}, {program}), "<-M>\n");
  EXPECT_EQ(run_postconf("", {}, {dir.file("absent")}).error().code(), policy::Errc::not_found);
}

TEST(Postconf, ValuesAreWhatFollowsTheFirstEqualsSign) {
  const PostfixValues values =
      parse_postfix_values("a = 1\nempty =\nmaps = inline:{x=y}\nno value here\n\nlast=z");
  EXPECT_EQ(values.size(), 4U);
  EXPECT_EQ(value_of(values, "a"), "1");
  EXPECT_EQ(value_of(values, "empty"), "");
  EXPECT_EQ(value_of(values, "maps"), "inline:{x=y}");
  EXPECT_EQ(value_of(values, "last"), "z");
  EXPECT_EQ(value_of(values, "absent"), "");
  EXPECT_TRUE(parse_postfix_values("").empty());
}

}  // namespace
}  // namespace tlsrpt::reporter
