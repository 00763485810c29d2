#include "reporter/store/collector_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "tests/support/pipe_pair.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using ::testing::HasSubstr;
using testing_support::TempDir;

TEST(CollectorLock, IsHeldOnceForEachSource) {
  const TempDir folder;
  const std::string location = "sqlite:" + folder.file("store");
  auto first = CollectorLock::try_lock(location, "relay1", "file:/var/log/mail.log");
  ASSERT_TRUE(first.ok()) << first.error().message();
  const auto second = CollectorLock::try_lock(location, "relay1", "file:/var/log/mail.log");
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), Errc::temporary);
  EXPECT_THAT(second.error().message(), HasSubstr("another collector holds the lock (process " +
                                                  std::to_string(::getpid()) + ")"));
  EXPECT_TRUE(CollectorLock::try_lock(location, "relay2", "file:/var/log/mail.log").ok());
  EXPECT_TRUE(CollectorLock::try_lock(location, "relay1", "file:/var/log/maillog").ok());
  EXPECT_TRUE(CollectorLock::try_lock(location + "2", "relay1", "file:/var/log/mail.log").ok());
}

TEST(CollectorLock, EndsWithItsOwner) {
  const TempDir folder;
  const std::string location = "sqlite:" + folder.file("store");
  {
    auto lock = CollectorLock::try_lock(location, "relay1", "file:a");
    ASSERT_TRUE(lock.ok());
    const CollectorLock moved = *std::move(lock);
    EXPECT_FALSE(CollectorLock::try_lock(location, "relay1", "file:a").ok());
  }
  EXPECT_TRUE(CollectorLock::try_lock(location, "relay1", "file:a").ok());
}

TEST(CollectorLock, EndsWithAKilledProcess) {
  const TempDir folder;
  const std::string location = "sqlite:" + folder.file("store");
  testing_support::PipePair held;
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto lock = CollectorLock::try_lock(location, "relay1", "file:a");
    if (lock.ok() && held.put()) ::pause();
    ::_exit(1);
  }
  held.close_write_end();
  EXPECT_TRUE(held.get());
  EXPECT_FALSE(CollectorLock::try_lock(location, "relay1", "file:a").ok());
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(CollectorLock::try_lock(location, "relay1", "file:a").ok());
}

TEST(CollectorLock, FileHasItsModeWhateverTheUmask) {
  const TempDir folder;
  const mode_t before = ::umask(0);
  const auto lock = CollectorLock::try_lock("sqlite:" + folder.file("store"), "relay1", "file:a");
  ::umask(before);
  ASSERT_TRUE(lock.ok());
  const std::filesystem::directory_iterator file(folder.path());
  struct stat status {};
  ASSERT_EQ(::stat(file->path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0640U);
}

TEST(CollectorLock, SaysWhatIsWrongWithThePlace) {
  const TempDir folder;
  const auto missing =
      CollectorLock::try_lock("sqlite:" + folder.file("no/store"), "relay1", "file:a");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code(), Errc::io);
  EXPECT_THAT(missing.error().message(), HasSubstr("No such file or directory"));
  for (const char* location : {"sqlite:", "postgresql://x", ""}) {
    const auto other = CollectorLock::try_lock(location, "relay1", "file:a");
    ASSERT_FALSE(other.ok());
    EXPECT_EQ(other.error().code(), Errc::syntax) << location;
  }
}

}  // namespace
}  // namespace tlsrpt::reporter
