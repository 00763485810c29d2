#include "milter/log/log_watcher.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>

#include "tests/milter/log_world.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {
namespace {

using std::chrono::milliseconds;
namespace fs = std::filesystem;

// Long enough for a busy machine; a change ends the wait long before.
constexpr milliseconds long_wait{20'000};
constexpr milliseconds short_wait{150};

bool is_polling(const LogWatcher& watcher) { return watcher.fd() < 0; }

// Whether WATCHER tells within TIMEOUT that a log may have changed.
bool wait(LogWatcher& watcher, milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    pollfd watched{watcher.fd(), POLLIN, 0};
    const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
    const int ready =
        ::poll(&watched, 1, static_cast<int>(std::max(left, milliseconds(0)).count()));
    if (ready <= 0 && watcher.fd() >= 0) return false;
    if (watcher.take_events()) return true;
  }
}

class LogWatcherTest : public testing::Test {
 protected:
  testing_support::TempDir dir;
  std::string log = dir.file("mail.log");
};

TEST_F(LogWatcherTest, WakesForEachKindOfChangeAndForNothingElse) {
  append_to(log, "one\n");
  LogWatcher watcher({log});
  EXPECT_FALSE(is_polling(watcher));
  EXPECT_FALSE(wait(watcher, short_wait));
  append_to(log, "two\n");
  EXPECT_TRUE(wait(watcher, long_wait));
  EXPECT_FALSE(wait(watcher, short_wait));
  append_to(dir.file("syslog"), "of somebody else\n");
  append_to(dir.file("mail.err"), "of somebody else\n");
  EXPECT_FALSE(wait(watcher, short_wait));
  fs::resize_file(log, 0);
  EXPECT_TRUE(wait(watcher, long_wait));
  fs::permissions(log, fs::perms(0600));
  EXPECT_TRUE(wait(watcher, long_wait));
  EXPECT_FALSE(is_polling(watcher));
}

TEST_F(LogWatcherTest, FollowsARotation) {
  append_to(log, "one\n");
  LogWatcher watcher({log});
  fs::rename(log, log + ".1");
  EXPECT_TRUE(wait(watcher, long_wait));
  append_to(log + ".1", "the writer has not noticed\n");
  EXPECT_TRUE(wait(watcher, long_wait));
  append_to(log, "");
  EXPECT_TRUE(wait(watcher, long_wait));
  append_to(log + ".1", "still not\n");
  EXPECT_TRUE(wait(watcher, long_wait));
  append_to(log, "now\n");
  EXPECT_TRUE(wait(watcher, long_wait));
  fs::rename(log + ".1", log + ".2");
  fs::rename(log, log + ".1");
  append_to(log, "again\n");
  EXPECT_TRUE(wait(watcher, long_wait));
  append_to(log, "and again\n");
  EXPECT_TRUE(wait(watcher, long_wait));
  EXPECT_FALSE(is_polling(watcher));
}

TEST_F(LogWatcherTest, NoticesALogThatComes) {
  LogWatcher watcher({log});
  EXPECT_FALSE(is_polling(watcher));
  EXPECT_FALSE(wait(watcher, short_wait));
  append_to(log, "one\n");
  EXPECT_TRUE(wait(watcher, long_wait));
  append_to(log, "two\n");
  EXPECT_TRUE(wait(watcher, long_wait));
}

TEST_F(LogWatcherTest, WatchesSeveralLogsOfOneFolder) {
  append_to(log, "");
  append_to(dir.file("other.log"), "");
  LogWatcher watcher({log, dir.file("other.log")});
  for (const std::string& path : {log, dir.file("other.log"), log}) {
    append_to(path, "one\n");
    EXPECT_TRUE(wait(watcher, long_wait)) << path;
    EXPECT_FALSE(wait(watcher, short_wait)) << path;
  }
}

TEST_F(LogWatcherTest, LooksOnceASecondWhereTheFolderIsAbsentAndStopsWhenItComes) {
  const std::string folder = dir.file("absent");
  LogWatcher watcher({folder + "/mail.log"});
  EXPECT_TRUE(is_polling(watcher));
  EXPECT_TRUE(wait(watcher, short_wait));  // Nobody knows.
  fs::create_directory(folder);
  EXPECT_TRUE(wait(watcher, short_wait));
  EXPECT_FALSE(is_polling(watcher));
  EXPECT_FALSE(wait(watcher, short_wait));
  fs::remove(folder);
  EXPECT_TRUE(wait(watcher, long_wait));
  EXPECT_TRUE(is_polling(watcher));
}

TEST_F(LogWatcherTest, LooksOnceASecondWithoutInotify) {
  append_to(log, "");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  LogWatcher watcher({log});
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(is_polling(watcher));
  EXPECT_TRUE(wait(watcher, short_wait));
  EXPECT_FALSE(is_polling(watcher));  // It can be had by now.
}

}  // namespace
}  // namespace tlsrpt::milter
