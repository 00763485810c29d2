#include "milter/log/log_siblings.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/milter/log_world.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {
namespace {

class LogSiblingsTest : public testing::Test {
 protected:
  LogSiblings list() const {
    auto listed = list_siblings(log, *StampParser::make("UTC"));
    EXPECT_TRUE(listed.ok());
    return listed.ok() ? std::move(*listed) : LogSiblings();
  }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const LogSibling& sibling : list().files) {
      names.push_back(sibling.path.substr(dir.file("").size()));
    }
    return names;
  }

  testing_support::TempDir dir;
  std::string log = dir.file("mail.log");
};

TEST_F(LogSiblingsTest, AreOrderedByTheirFirstStampsWhateverTheyAreCalled) {
  append_to(log, "2026-11-24T09:00:00Z relay live\n");
  append_to(log + ".1", "2026-11-24T01:00:00Z relay a\n");
  append_to(log + ".2.gz", gzipped("2026-11-24T03:00:00Z relay b\n"));
  append_to(log + "-20261124", "garbage\n2026-11-24T02:00:00Z relay c\n");
  append_to(dir.file("mail.login"), "2026-11-24T02:00:00Z relay no sibling\n");
  append_to(dir.file("xmail.log.1"), "2026-11-24T02:00:00Z relay no sibling\n");
  EXPECT_EQ(names(),
            (std::vector<std::string>{"mail.log.1", "mail.log-20261124", "mail.log.2.gz"}));
}

TEST_F(LogSiblingsTest, StampsWithoutYearAreReadFromTheTimeOfTheLastChange) {
  append_to(log + ".1", "Jan  1 00:10:00 relay a\n");
  append_to(log + ".2", "Dec 31 00:10:00 relay b\n");
  const auto set_change = [](const std::string& path, std::int64_t seconds) {
    const timespec time{seconds, 0};
    const timespec times[2] = {time, time};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  };
  set_change(log + ".1", 1'767'300'000);  // 2026-01-01
  set_change(log + ".2", 1'767'200'000);  // 2025-12-31
  EXPECT_EQ(names(), (std::vector<std::string>{"mail.log.2", "mail.log.1"}));
}

TEST_F(LogSiblingsTest, EqualAgesAreOrderedByName) {
  const std::string path_of[] = {log + ".10", log + ".9", log + ".1", log + "-20261122",
                                 log + "-20261123"};
  for (const std::string& path : path_of) append_to(path, "no stamp\n");
  for (const std::string& path : path_of) copy_times(log + ".10", path);
  EXPECT_EQ(names(), (std::vector<std::string>{"mail.log.10", "mail.log.9", "mail.log.1",
                                               "mail.log-20261122", "mail.log-20261123"}));
}

TEST_F(LogSiblingsTest, UnfinishedGzipAndEmptyFilesAreLeftOut) {
  append_to(log + ".1", "2026-11-24T01:00:00Z relay a\n");
  append_to(log + ".1.gz", gzipped("2026-11-24T01:00:00Z relay a\n").substr(0, 12));
  append_to(log + ".2", "");
  append_to(log + ".3.gz", "");
  EXPECT_EQ(names(), (std::vector<std::string>{"mail.log.1"}));
  EXPECT_TRUE(list().unreadable.empty());
}

TEST_F(LogSiblingsTest, UnreadableOnesAreNamed) {
  std::filesystem::create_directory(log + ".d");
  append_to(log + ".1.bz2", "BZh91AY&SY");
  const LogSiblings listed = list();
  EXPECT_TRUE(listed.files.empty());
  ASSERT_EQ(listed.unreadable.size(), 1U);
  EXPECT_EQ(listed.unreadable[0].reason,
            log + ".1.bz2: is compressed with bzip2; only gzip can be read");
  EXPECT_GT(listed.unreadable[0].changed_ns, 0);
}

TEST_F(LogSiblingsTest, AbsentFolderIsNotFound) {
  const auto listed = list_siblings(dir.file("absent/mail.log"), *StampParser::make("UTC"));
  ASSERT_FALSE(listed.ok());
  EXPECT_EQ(listed.error().code(), policy::Errc::not_found);
}

TEST(LogSiblings, RotationSuffixesAreNumbersDatesAndOld) {
  for (const char* good : {"1", "12", "20261123", "2026-11-23", "20261123-174500", "1795000000",
                           "2026-11-23T17:45:00+01:00", "old", "prev"}) {
    EXPECT_TRUE(is_rotation_suffix(good)) << good;
  }
  for (const char* bad :
       {"", "err", "info", "warn", "d", "gz", "1.tmp", "swp", "-", "statistics", "1~", "T"}) {
    EXPECT_FALSE(is_rotation_suffix(bad)) << bad;
  }
}

TEST(LogSiblings, SameLogIsOneBeginningWithTheOther) {
  EXPECT_TRUE(is_same_log("one\ntwo\n", "one\ntwo\nthree\n"));
  EXPECT_TRUE(is_same_log("one\ntwo\nthree\n", "one\ntwo\n"));
  EXPECT_FALSE(is_same_log("one\ntwo\n", "one\nthree\n"));
  EXPECT_FALSE(is_same_log("", "one\n"));
  EXPECT_FALSE(is_same_log("2026-11-2", "2026-11-24T01:00:00Z relay\n"));  // half a line
  const std::string kilobyte(fingerprint_bytes, 'x');
  EXPECT_TRUE(is_same_log(kilobyte, kilobyte));
}

}  // namespace
}  // namespace tlsrpt::milter
