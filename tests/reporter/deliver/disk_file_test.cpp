#include "reporter/deliver/disk_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <string>

#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using testing_support::TempDir;

TEST(DiskFile, IsWholeAndReadableToTheGroupOnly) {
  const TempDir dir;
  const std::string data(100'000, '\0');
  ASSERT_TRUE(write_file_durably(dir.path(), "file", data).ok());
  EXPECT_EQ(dir.read("file"), data);
  struct stat status {};
  ASSERT_EQ(::stat(dir.file("file").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0640U);
  EXPECT_EQ(status.st_nlink, 1U);
}

TEST(DiskFile, ReplacesWithoutLeavingAnythingBehind) {
  const TempDir dir;
  for (const char* text : {"first", "second", "3rd"}) {
    ASSERT_TRUE(write_file_durably(dir.path(), "file", text).ok());
    EXPECT_EQ(dir.read("file"), text);
  }
  EXPECT_EQ(dir.names(), std::set<std::string>{"file"});
}

// Who was killed before he could tell writes again; a reader of the folder sees no new file.
TEST(DiskFile, LeavesAFileWithTheSameContentAlone) {
  const TempDir dir;
  const auto inode = [&] {
    struct stat status {};
    return ::stat(dir.file("file").c_str(), &status) == 0 ? status.st_ino : 0;
  };
  const std::string data(200'000, 'x');
  ASSERT_TRUE(write_file_durably(dir.path(), "file", data).ok());
  const auto first = inode();
  ASSERT_TRUE(write_file_durably(dir.path(), "file", data).ok());
  EXPECT_EQ(inode(), first);
  std::string other = data;
  other.back() = 'y';
  ASSERT_TRUE(write_file_durably(dir.path(), "file", other).ok());
  EXPECT_EQ(dir.read("file"), other);
  EXPECT_NE(inode(), first);
}

TEST(DiskFile, ReplacesBesideWhatAKilledProcessLeftBehind) {
  const TempDir dir;
  std::set<std::string> names{"file"};
  for (unsigned i = 1; i <= 20; ++i) {
    names.insert(".tlsrpt-" + std::to_string(::getpid()) + "-" + std::to_string(i));
  }
  for (const std::string& name : names) dir.write(name, "old");
  ASSERT_TRUE(write_file_durably(dir.path(), "file", "new").ok());
  EXPECT_EQ(dir.read("file"), "new");
  EXPECT_EQ(dir.names(), names);
}

// overlayfs of older kernels, NFS and others have no unnamed files.
TEST(DiskFile, WorksOnOtherFileSystems) {
  if (!std::filesystem::exists("/dev/shm")) GTEST_SKIP() << "no /dev/shm";
  const std::string name = "tlsrpt-test-" + std::to_string(::getpid());
  for (const char* text : {"first", "second"}) {
    ASSERT_TRUE(write_file_durably("/dev/shm", name, text).ok());
  }
  EXPECT_TRUE(std::filesystem::remove("/dev/shm/" + name));
}

TEST(DiskFile, SaysWhatFails) {
  const TempDir dir;
  const auto missing = write_file_durably(dir.file("nothing"), "file", "x");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code(), Errc::not_found);
  std::filesystem::create_directory(dir.file("folder"));
  const auto folder = write_file_durably(dir.path(), "folder", "x");
  ASSERT_FALSE(folder.ok());
  EXPECT_EQ(folder.error().code(), Errc::io);
  EXPECT_EQ(dir.names(), std::set<std::string>{"folder"}) << "a failure leaves nothing behind";
  EXPECT_FALSE(write_file_durably(dir.path(), std::string(300, 'a'), "x").ok());
}

TEST(DiskFile, MakesADirectoryOnlyWhereThereIsNone) {
  const TempDir dir;
  EXPECT_TRUE(ensure_directory(dir.file("new")).ok());
  EXPECT_TRUE(ensure_directory(dir.file("new")).ok());
  EXPECT_FALSE(ensure_directory(dir.file("no/parent")).ok());
  dir.write("file", "");
  EXPECT_FALSE(ensure_directory(dir.file("file")).ok());
}

}  // namespace
}  // namespace tlsrpt::reporter
