#include "reporter/bounce/bounce_maildir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Result;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class BounceMaildir : public ::testing::Test {
 protected:
  BounceMaildir() {
    for (const char* each : {"new", "cur", "tmp"}) {
      std::filesystem::create_directory(folder_.file(each));
    }
  }
  std::set<std::string> names(const std::string& sub) const {
    std::set<std::string> all;
    for (const auto& each : std::filesystem::directory_iterator(folder_.file(sub))) {
      all.insert(each.path().filename().string());
    }
    return all;
  }
  // Takes all in; "ours" are those that say so.
  Result<MaildirSummary> take() {
    return take_maildir(folder_.path().string(), [this](std::string_view message) -> Result<bool> {
      if (message == "locked") return Error(Errc::temporary, "locked");
      seen_.emplace_back(message);
      return message.starts_with("ours");
    });
  }

  testing_support::TempDir folder_;
  std::vector<std::string> seen_;
};

TEST_F(BounceMaildir, EachMessageIsTakenOnceAndMoved) {
  folder_.write("new/2.b", "theirs");
  folder_.write("new/1.a", "ours 1");
  folder_.write("new/.hidden", "ours");
  folder_.write("cur/0.old:2,", "ours");
  folder_.write("tmp/3.c", "ours");
  const auto summary = take();
  ASSERT_TRUE(summary.ok()) << summary.error().message();
  EXPECT_EQ(summary->taken, 1U);
  EXPECT_EQ(summary->others, 1U);
  EXPECT_THAT(seen_, ElementsAre("ours 1", "theirs"));
  EXPECT_THAT(names("cur"), UnorderedElementsAre("0.old:2,", "1.a:2,S", "2.b:2,"));
  EXPECT_THAT(names("new"), UnorderedElementsAre(".hidden"));
  EXPECT_EQ(folder_.read("cur/1.a:2,S"), "ours 1");
  ASSERT_TRUE(take().ok());
  EXPECT_EQ(seen_.size(), 2U);
}

TEST_F(BounceMaildir, WhatCannotBeRecordedStays) {
  folder_.write("new/1", "ours");
  folder_.write("new/2", "locked");
  folder_.write("new/3", "ours");
  const auto summary = take();
  ASSERT_FALSE(summary.ok());
  EXPECT_EQ(summary.error().code(), Errc::temporary);
  EXPECT_THAT(names("new"), UnorderedElementsAre("2", "3"));
}

TEST_F(BounceMaildir, OneThatCannotBeReadStopsNoOther) {
  folder_.write("secret", "ours");
  std::filesystem::create_symlink(folder_.file("secret"), folder_.file("new/1"));
  std::filesystem::create_directory(folder_.file("new/2"));
  folder_.write("new/3", "ours 3");
  const auto summary = take();
  ASSERT_FALSE(summary.ok());
  EXPECT_EQ(summary.error().code(), Errc::io);
  EXPECT_THAT(seen_, ElementsAre("ours 3"));
  EXPECT_THAT(names("cur"), UnorderedElementsAre("3:2,S"));
}

TEST_F(BounceMaildir, WhatCannotBeMovedIsNotTaken) {
  folder_.write("new/1", "ours");
  std::filesystem::remove(folder_.file("cur"));
  EXPECT_EQ(take().error().code(), Errc::not_found);
  folder_.write("cur", "a file");
  EXPECT_EQ(take().error().code(), Errc::io);
  EXPECT_THAT(names("new"), UnorderedElementsAre("1"));
  EXPECT_THAT(seen_, IsEmpty());
}

TEST_F(BounceMaildir, NothingIsReplaced) {
  folder_.write("new/1", "ours, new");
  folder_.write("cur/1:2,S", "ours, old");
  folder_.write("cur/1.1:2,S", "ours, older");
  ASSERT_TRUE(take().ok());
  EXPECT_THAT(names("new"), IsEmpty());
  EXPECT_THAT(names("cur"), UnorderedElementsAre("1:2,S", "1.1:2,S", "1.2:2,S"));
  EXPECT_EQ(folder_.read("cur/1:2,S"), "ours, old");
  EXPECT_EQ(folder_.read("cur/1.1:2,S"), "ours, older");
  EXPECT_EQ(folder_.read("cur/1.2:2,S"), "ours, new");
}

TEST_F(BounceMaildir, AFolderThatIsAbsentIsNotFound) {
  const auto summary = take_maildir(folder_.file("nothing"), [](std::string_view) { return true; });
  ASSERT_FALSE(summary.ok());
  EXPECT_EQ(summary.error().code(), Errc::not_found);
  EXPECT_THAT(seen_, IsEmpty());
}

}  // namespace
}  // namespace tlsrpt::reporter
