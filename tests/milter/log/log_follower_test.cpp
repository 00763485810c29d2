#include "milter/log/log_follower.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "tests/milter/log_world.h"
#include "tests/support/as_nobody.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {
namespace {

using policy::Errc;
namespace fs = std::filesystem;

class LogFollowerTest : public testing::Test {
 protected:
  std::unique_ptr<LogFollower> follow(const std::string& position = "",
                                      LogFollowerLimits limits = {}) {
    auto follower = std::make_unique<LogFollower>(log, *StampParser::make("UTC"), clock, limits);
    EXPECT_TRUE(follower->restore(position).ok()) << position;
    return follower;
  }
  // All that FOLLOWER finds.
  static std::string all(LogFollower* follower) {
    std::string text;
    while (true) {
      const auto block = follower->next();
      if (!block.ok()) return text + "<" + block.error().message() + ">";
      if (block->text.empty()) return text;
      text += block->text;
    }
  }
  static std::string line(int hour, int minute, const std::string& text = "x") {
    const auto two = [](int n) { return (n < 10 ? "0" : "") + std::to_string(n); };
    return "2026-11-24T" + two(hour) + ":" + two(minute) + ":00Z relay postfix/smtp[1]: " + text +
           "\n";
  }

  testing_support::TempDir dir;
  std::string log = dir.file("mail.log");
  testing_support::FakeClock clock{"2026-11-24T12:00:00Z"};
};

TEST_F(LogFollowerTest, FirstStartReadsTheFileFromItsBeginningAndNoPredecessor) {
  append_to(log + ".1", line(1, 0));
  append_to(log, line(2, 0) + line(2, 1));
  const auto follower = follow();
  EXPECT_EQ(follower->position(), "");
  EXPECT_EQ(all(follower.get()), line(2, 0) + line(2, 1));
  EXPECT_EQ(all(follower.get()), "");
  append_to(log, line(2, 2));
  EXPECT_EQ(all(follower.get()), line(2, 2));
  EXPECT_TRUE(follower->take_notices().empty());
}

TEST_F(LogFollowerTest, BeginsWithTheFileThatHasWhatIsNotKnown) {
  append_to(log + ".3", line(1, 0));
  append_to(log + ".2.gz", gzipped(line(2, 0) + line(2, 1)));
  append_to(log + ".1", line(3, 0));
  append_to(log, line(4, 0));
  const std::string two = line(2, 0) + line(2, 1);
  const auto from = [this](const std::string& until) {
    const auto follower = follow();
    follower->begin_behind(*policy::parse_instant("2026-11-24T" + until + ":00Z"));
    return all(follower.get());
  };
  EXPECT_EQ(from("00:30"), line(1, 0) + two + line(3, 0) + line(4, 0));
  EXPECT_EQ(from("02:00"), two + line(3, 0) + line(4, 0));
  EXPECT_EQ(from("02:59"), two + line(3, 0) + line(4, 0));
  EXPECT_EQ(from("04:00"), line(4, 0));
  fs::rename(log, log + ".0");
  EXPECT_EQ(from("03:30"), line(3, 0) + line(4, 0));
}

TEST_F(LogFollowerTest, UnterminatedLineIsLeftForLater) {
  append_to(log, line(1, 0) + "2026-11-24T01:01:00Z rel");
  const auto follower = follow();
  EXPECT_EQ(all(follower.get()), line(1, 0));
  const std::string position = follower->position();
  append_to(log, "ay x\n");
  EXPECT_EQ(all(follower.get()), "2026-11-24T01:01:00Z relay x\n");
  EXPECT_EQ(all(follow(position).get()), "2026-11-24T01:01:00Z relay x\n");
}

TEST_F(LogFollowerTest, UnterminatedLineOfARotatedFileIsPassedOn) {
  append_to(log, line(1, 0) + "2026-11-24T01:01:00Z cut off");
  const auto follower = follow();
  EXPECT_EQ(all(follower.get()), line(1, 0));
  fs::rename(log, log + ".1");
  append_to(log, line(1, 2));
  const auto block = follower->next();
  ASSERT_TRUE(block.ok());
  EXPECT_EQ(block->text, "2026-11-24T01:01:00Z cut off");
  EXPECT_EQ(all(follower.get()), line(1, 2));
}

TEST_F(LogFollowerTest, RenamedFileIsReadToItsEndAndThenTheNewOne) {
  append_to(log, line(1, 0));
  const auto follower = follow();
  EXPECT_EQ(all(follower.get()), line(1, 0));
  fs::rename(log, log + ".1");
  EXPECT_EQ(all(follower.get()), "");
  append_to(log + ".1", line(1, 1));  // The writer has not noticed yet.
  EXPECT_EQ(all(follower.get()), line(1, 1));
  append_to(log, "");
  EXPECT_EQ(all(follower.get()), "");
  append_to(log + ".1", line(1, 2));  // Nor now.
  EXPECT_EQ(all(follower.get()), line(1, 2));
  append_to(log + ".1", line(1, 3));
  append_to(log, line(1, 4));
  EXPECT_EQ(all(follower.get()), line(1, 3) + line(1, 4));
}

TEST_F(LogFollowerTest, SeveralRotationsMissedWhileDownAreMadeUpInOrder) {
  append_to(log, line(1, 0));
  auto follower = follow();
  EXPECT_EQ(all(follower.get()), line(1, 0));
  const std::string position = follower->position();
  follower.reset();
  append_to(log + ".9.gz", gzipped(line(0, 1)));  // Older: was before us.
  append_to(log + ".3.gz", gzipped(line(1, 0) + line(1, 1)));
  append_to(log + ".2.gz", gzipped(line(2, 0)));
  append_to(log + ".1", line(3, 0));
  fs::remove(log);
  append_to(log, line(4, 0));
  follower = follow(position);
  EXPECT_EQ(all(follower.get()), line(1, 1) + line(2, 0) + line(3, 0) + line(4, 0));
  EXPECT_TRUE(follower->take_notices().empty());
}

TEST_F(LogFollowerTest, DateNamedPredecessorsAreFoundToo) {
  append_to(log, line(1, 0));
  const auto first = follow();
  EXPECT_EQ(all(first.get()), line(1, 0));
  append_to(log + "-20261122.gz", gzipped(line(0, 1)));
  fs::rename(log, log + "-20261123");
  append_to(log + ".20261124-174500.gz", gzipped(line(2, 0)));  // As `postfix logrotate` does.
  append_to(log, line(3, 0));
  EXPECT_EQ(all(follow(first->position()).get()), line(2, 0) + line(3, 0));
}

TEST_F(LogFollowerTest, CopiedAndTruncatedFileGoesOnInItsCopy) {
  append_to(log, line(1, 0));
  const auto follower = follow();
  EXPECT_EQ(all(follower.get()), line(1, 0));
  append_to(log, line(1, 1));
  fs::copy_file(log, log + ".1");
  fs::resize_file(log, 0);
  EXPECT_EQ(all(follower.get()), line(1, 1));
  append_to(log, line(1, 2) + line(1, 3) + line(1, 4));  // Longer than before.
  EXPECT_EQ(all(follower.get()), line(1, 2) + line(1, 3) + line(1, 4));
  EXPECT_TRUE(follower->take_notices().empty());
}

TEST_F(LogFollowerTest, TruncationIsSeenWhenTheFileHasGrownBeyondTheOffsetAgain) {
  append_to(log, line(1, 0));
  const auto follower = follow();
  EXPECT_EQ(all(follower.get()), line(1, 0));
  fs::resize_file(log, 0);
  append_to(log, line(2, 0) + line(2, 1) + line(2, 2));
  EXPECT_EQ(all(follower.get()), line(2, 0) + line(2, 1) + line(2, 2));
  const auto notices = follower->take_notices();
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_NE(notices[0].find("begun anew in place"), std::string::npos) << notices[0];
  EXPECT_TRUE(follower->take_notices().empty());
}

TEST_F(LogFollowerTest, LostPredecessorIsSaidOnceAndWhatFollowsIsRead) {
  append_to(log, line(1, 0));
  const std::string position = [&] {
    const auto follower = follow();
    all(follower.get());
    return follower->position();
  }();
  fs::remove(log);
  append_to(log + ".2.gz", gzipped(line(0, 30)));  // Before what was lost.
  append_to(log + ".1", line(2, 0));
  append_to(log, line(3, 0));
  const auto follower = follow(position);
  EXPECT_EQ(all(follower.get()), line(2, 0) + line(3, 0));
  const auto notices = follower->take_notices();
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_EQ(notices[0], log + ": the file that was being read is gone; what it held after byte " +
                            std::to_string(line(1, 0).size()) + " is lost, if anything");
}

TEST_F(LogFollowerTest, UnfinishedGzipIsWaitedForWhileTheUncompressedFileIsThere) {
  append_to(log, line(1, 0));
  const auto follower = follow();
  EXPECT_EQ(all(follower.get()), line(1, 0));
  const std::string position = follower->position();
  append_to(log, line(1, 1));
  fs::rename(log, log + ".1");
  append_to(log + ".1.gz", gzipped(content_of(log + ".1")).substr(0, 15));
  append_to(log, line(2, 0));
  EXPECT_EQ(all(follow(position).get()), line(1, 1) + line(2, 0));
}

TEST_F(LogFollowerTest, FileThatIsCompressedAndRemovedWhileItIsReadIsReadToItsEnd) {
  append_to(log, line(1, 0) + line(1, 1));
  LogFollowerLimits small;
  small.line_max = 1100;
  small.buffer_bytes = 1;
  std::string many;
  for (int i = 0; i < 59; ++i) many += line(2, i, std::string(100, 'x'));
  append_to(log, many);
  const auto follower = follow("", small);
  const auto block = follower->next();
  ASSERT_TRUE(block.ok());
  std::string text(block->text);
  append_to(log + ".1.gz", gzipped(content_of(log)));
  fs::remove(log);
  append_to(log, line(3, 0));
  text += all(follower.get());
  EXPECT_EQ(text, line(1, 0) + line(1, 1) + many + line(3, 0));
}

TEST_F(LogFollowerTest, DamagedGzipIsReadAsFarAsItGoesAndSaidOnce) {
  append_to(log, line(1, 0));
  const std::string position = [&] {
    const auto follower = follow();
    all(follower.get());
    return follower->position();
  }();
  std::string random_text;
  for (int i = 0; i < 400; ++i) random_text += line(1, i % 60, std::to_string(i * 7919));
  const std::string whole = gzipped(line(1, 0) + random_text);
  append_to(log + ".1.gz", whole.substr(0, whole.size() / 2));
  fs::remove(log);
  append_to(log, line(5, 0));
  const auto follower = follow(position);
  const std::string text = all(follower.get());
  EXPECT_GT(text.size(), random_text.size() / 10);
  EXPECT_TRUE(text.ends_with(line(5, 0)));
  EXPECT_TRUE(random_text.starts_with(text.substr(0, text.size() / 4)));
  const auto notices = follower->take_notices();
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_NE(notices[0].find("mail.log.1.gz: damaged gzip data"), std::string::npos) << notices[0];
}

TEST_F(LogFollowerTest, PredecessorInAFormatWeCannotReadIsSaid) {
  append_to(log, line(1, 0));
  const std::string position = [&] {
    const auto follower = follow();
    all(follower.get());
    return follower->position();
  }();
  fs::remove(log);
  append_to(log + ".1.xz", std::string_view("\xFD"
                                            "7zXZ\0 more",
                                            11));
  append_to(log, line(2, 0));
  const auto follower = follow(position);
  EXPECT_EQ(all(follower.get()), line(2, 0));
  const auto notices = follower->take_notices();
  ASSERT_EQ(notices.size(), 2U);
  EXPECT_NE(notices[0].find("mail.log.1.xz: is compressed with xz; only gzip can be read"),
            std::string::npos)
      << notices[0];
}

TEST_F(LogFollowerTest, OtherLogsBesideItAreNotRead) {
  log = dir.file("mail");
  append_to(log, line(1, 0));
  const auto follower = follow();
  EXPECT_EQ(all(follower.get()), line(1, 0));
  append_to(dir.file("mail.err"), line(1, 30, "twice"));
  append_to(dir.file("mail.info"), line(1, 31, "twice"));
  append_to(dir.file("mail-statistics"), line(1, 32, "twice"));
  fs::rename(log, log + ".1");
  append_to(log, line(2, 0));
  EXPECT_EQ(all(follower.get()), line(2, 0));
}

TEST_F(LogFollowerTest, BackupCopiesAreNotReadAgain) {
  append_to(log, line(1, 0));
  const auto follower = follow();
  EXPECT_EQ(all(follower.get()), line(1, 0));
  fs::copy_file(log, log + ".old");
  fs::rename(log, log + ".1");
  append_to(log, line(2, 0));
  fs::copy_file(log, log + "-2026");
  EXPECT_EQ(all(follower.get()), line(2, 0));
}

TEST_F(LogFollowerTest, OverlongLineIsCutWhereverReadingStopped) {
  LogFollowerLimits limits;
  limits.line_max = 1500;
  limits.buffer_bytes = 1;  // As little as possible: 1,502.
  const std::string fits(1500, 'f');
  const std::string longer(1501, 'l');
  const std::string huge(100'000, 'h');
  append_to(log, line(1, 0) + fits + "\n" + longer + "\n" + huge + "\n" + line(1, 1) + huge);
  const std::string want = line(1, 0) + fits + "\n" + longer.substr(0, 1500) + "\n" +
                           huge.substr(0, 1500) + "\n" + line(1, 1) + huge.substr(0, 1500) + "\n";
  EXPECT_EQ(all(follow("", limits).get()), want);
  std::string text;
  std::string position;
  for (int i = 0; i < 20; ++i) {
    const auto follower = follow(position, limits);
    const auto block = follower->next();
    ASSERT_TRUE(block.ok());
    text += block->text;
    position = follower->position();
  }
  EXPECT_EQ(text, want);
  append_to(log, "still the same line\n" + line(1, 2));
  EXPECT_EQ(all(follow(position, limits).get()), line(1, 2));
}

TEST_F(LogFollowerTest, YoungFileIsKnownAgainWhenItHasGrownAndMoved) {
  append_to(log, line(1, 0));
  const auto follower = follow();
  EXPECT_EQ(all(follower.get()), line(1, 0));
  std::string more;
  for (int i = 1; i < 60; ++i) more += line(1, i);
  append_to(log, more);
  append_to(log + ".1.gz", gzipped(content_of(log)));
  fs::remove(log);
  append_to(log, line(2, 0));
  EXPECT_EQ(all(follow(follower->position()).get()), more + line(2, 0));
}

TEST_F(LogFollowerTest, LogWrittenToBetweenAnEmptyStartAndItsRotationIsRead) {
  append_to(log + ".1", line(0, 1));
  append_to(log, "");
  const auto follower = follow();
  EXPECT_EQ(all(follower.get()), "");
  append_to(log, line(1, 0));
  fs::rename(log + ".1", log + ".2");
  fs::rename(log, log + ".1");
  append_to(log, line(2, 0));
  EXPECT_EQ(all(follow(follower->position()).get()), line(1, 0) + line(2, 0));
  EXPECT_EQ(all(follower.get()), line(1, 0) + line(2, 0));
}

TEST_F(LogFollowerTest, SeveralFilesInTheRepeatedHourAreOrderedByTheirChanges) {
  const auto berlin = [this](const std::string& position) {
    auto follower = std::make_unique<LogFollower>(log, *StampParser::make("Europe/Berlin"), clock);
    EXPECT_TRUE(follower->restore(position).ok());
    return follower;
  };
  const std::string a = "Oct 25 02:50:00 relay a\n";  // First pass.
  const std::string b = "Oct 25 02:10:00 relay b\n";  // Second pass.
  const std::string c = "Oct 25 02:05:00 relay c\n";  // Second pass, a little out of order.
  append_to(log, a);
  const auto follower = berlin("");
  EXPECT_EQ(all(follower.get()), a);
  fs::rename(log, log + ".2");
  append_to(log + ".1", b);
  append_to(log, c);
  const auto set_change = [](const std::string& path, policy::UtcSeconds when) {
    const timespec time{policy::unix_seconds(when), 0};
    const timespec times[2] = {time, time};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  };
  set_change(log + ".2", testing_support::at("2026-10-25T00:59:00Z"));
  set_change(log + ".1", testing_support::at("2026-10-25T01:20:00Z"));
  set_change(log, testing_support::at("2026-10-25T01:40:00Z"));
  EXPECT_EQ(all(berlin(follower->position()).get()), b + c);
}

TEST_F(LogFollowerTest, ReferenceIsNowForTheLiveFileAndTheLastChangeOfARotatedOne) {
  append_to(log, line(1, 0));
  const auto follower = follow();
  EXPECT_EQ(follower->next()->reference, clock.now());
  append_to(log, line(1, 1));
  fs::rename(log, log + ".1");
  const timespec times[2] = {{1'700'000'000, 0}, {1'700'000'000, 5}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (log + ".1").c_str(), times, 0), 0);
  append_to(log, line(2, 0));
  const auto again = follow(follower->position());
  EXPECT_EQ(again->next()->reference, policy::from_unix_seconds(1'700'000'000));
  EXPECT_EQ(again->next()->reference, clock.now());
}

TEST_F(LogFollowerTest, AbsentLogIsNotFoundAndReadWhenItComes) {
  const auto follower = follow();
  EXPECT_EQ(follower->next().error().code(), Errc::not_found);
  append_to(log, line(1, 0));
  EXPECT_EQ(all(follower.get()), line(1, 0));
}

TEST_F(LogFollowerTest, WhatIsNoPlainFileIsAClearErrorAndNeverBlocks) {
  fs::create_directory(log);
  const auto folder = follow()->next();
  ASSERT_FALSE(folder.ok());
  EXPECT_EQ(folder.error().code(), Errc::io);
  EXPECT_EQ(folder.error().message(),
            log + ": is a directory, only a plain file can be read as a log");
  fs::remove(log);
  ASSERT_EQ(::mkfifo(log.c_str(), 0600), 0);
  const auto fifo = follow()->next();
  ASSERT_FALSE(fifo.ok());
  EXPECT_EQ(fifo.error().message(), log + ": is a FIFO, only a plain file can be read as a log");
}

TEST_F(LogFollowerTest, UnreadableLogIsAClearErrorAndCanBeReadLater) {
  append_to(log, line(1, 0));
  fs::permissions(dir.path(), fs::perms(0755));
  fs::permissions(log, fs::perms::none);
  const auto follower = follow();
  {
    const testing_support::AsNobody nobody;
    const auto block = follower->next();
    ASSERT_FALSE(block.ok());
    EXPECT_EQ(block.error().code(), Errc::io);
    EXPECT_EQ(block.error().message(), log + ": Permission denied");
  }
  fs::permissions(log, fs::perms(0600));
  EXPECT_EQ(all(follower.get()), line(1, 0));
}

TEST_F(LogFollowerTest, UnusablePositionIsAnErrorAndChangesNothing) {
  append_to(log, line(1, 0));
  LogFollower follower(log, *StampParser::make("UTC"), clock);
  const auto restored = follower.restore("nonsense");
  ASSERT_FALSE(restored.ok());
  EXPECT_EQ(restored.error().code(), Errc::syntax);
  EXPECT_EQ(all(&follower), line(1, 0));
}

}  // namespace
}  // namespace tlsrpt::milter
