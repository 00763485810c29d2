#include "reporter/deliver/directory_sender.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

using testing_support::TempDir;

TEST(DirectorySender, WritesTheMessageUnderItsNameAndNothingElse) {
  const TempDir dir;
  DirectorySender sender(dir.path());
  EXPECT_TRUE(
      sender.send({"one\r\n", "a@b.example", "us!b.example!1!2!001.1.eml", ""}).delivered());
  EXPECT_TRUE(
      sender.send({"two\r\n", "c@b.example", "us!b.example!1!2!001.2.eml", ""}).delivered());
  EXPECT_EQ(dir.names(),
            (std::set<std::string>{"us!b.example!1!2!001.1.eml", "us!b.example!1!2!001.2.eml"}));
  EXPECT_EQ(dir.read("us!b.example!1!2!001.1.eml"), "one\r\n");
}

TEST(DirectorySender, ARepeatedDeliveryReplacesItself) {
  const TempDir dir;
  DirectorySender sender(dir.path());
  EXPECT_TRUE(sender.is_repeatable());
  EXPECT_TRUE(sender.send({"a longer text\r\n", "a@b.example", "x.eml", ""}).delivered());
  EXPECT_TRUE(sender.send({"text\r\n", "a@b.example", "x.eml", ""}).delivered());
  EXPECT_EQ(dir.names(), std::set<std::string>{"x.eml"});
  EXPECT_EQ(dir.read("x.eml"), "text\r\n");
}

TEST(DirectorySender, AMissingDirectoryIsTemporaryAndNamed) {
  const TempDir dir;
  DirectorySender sender(dir.file("not-mounted"));
  const auto outcome = sender.send({"text\r\n", "a@b.example", "x.eml", ""});
  EXPECT_EQ(outcome.kind, OutcomeKind::temporary);
  EXPECT_NE(outcome.text.find("not-mounted"), std::string::npos) << outcome.text;
}

}  // namespace
}  // namespace tlsrpt::reporter
