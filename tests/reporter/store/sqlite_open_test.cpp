#include "reporter/store/sqlite_open.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <vector>

#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Result;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing_support::TempDir;

constexpr std::chrono::milliseconds patience{2000};

Result<SqliteDatabase> open(const std::string& path, StoreAccess access) {
  return open_sqlite(path, access, patience);
}

unsigned mode_of(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 0777U : 0U;
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

// The exit status of a child that runs WORK without root's rights.
int as_nobody(const std::function<int()>& work) {
  constexpr uid_t nobody = 65534;
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && ::setresuid(nobody, nobody, nobody) != 0) ::_exit(99);
    ::_exit(work());
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return 98;
  return WEXITSTATUS(status);
}

TEST(SqliteOpen, MakesAStoreInWalModeWithItsRights) {
  const TempDir folder;
  const std::string path = folder.file("s");
  for (const mode_t mask : {mode_t{0}, mode_t{0077}}) {
    std::filesystem::remove(path);
    const mode_t before = ::umask(mask);
    auto database = open(path, StoreAccess::collector);
    ::umask(before);
    ASSERT_TRUE(database.ok()) << database.error().message();
    EXPECT_EQ(mode_of(path), 0640U);
    EXPECT_EQ(mode_of(path + "-wal"), 0640U);
    auto mode = database->prepare("PRAGMA journal_mode");
    ASSERT_TRUE(*mode->step());
    SqliteRow row(*mode);
    EXPECT_EQ(row.text("mode"), "wal");
  }
}

TEST(SqliteOpen, SettingsFollowTheAccess) {
  const TempDir folder;
  const std::string path = folder.file("s");
  constexpr std::int64_t normal = 1;
  constexpr std::int64_t full = 2;
  auto collector = open(path, StoreAccess::collector);
  auto reporter = open(path, StoreAccess::reporter);
  auto reader = open(path, StoreAccess::read_only);
  ASSERT_TRUE(collector.ok() && reporter.ok() && reader.ok());
  EXPECT_EQ(*collector->integer("PRAGMA synchronous"), normal);
  EXPECT_EQ(*reporter->integer("PRAGMA synchronous"), full);
  EXPECT_EQ(*collector->integer("PRAGMA trusted_schema"), 0);
  EXPECT_EQ(*reader->integer("PRAGMA query_only"), 1);
  EXPECT_EQ(reader->execute("DELETE FROM fact").error().code(), Errc::io);
}

TEST(SqliteOpen, ReadingNeverMakesAFile) {
  const TempDir folder;
  for (const std::string& path : {folder.file("s"), folder.file("no/s")}) {
    const auto database = open(path, StoreAccess::read_only);
    ASSERT_FALSE(database.ok());
    EXPECT_EQ(database.error().code(), Errc::not_found);
    EXPECT_EQ(database.error().message(), path + ": no store there yet");
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  // An empty file is no store yet, either; a writer makes one of it.
  write_file(folder.file("s"), "");
  EXPECT_EQ(open(folder.file("s"), StoreAccess::read_only).error().code(), Errc::not_found);
  EXPECT_TRUE(open(folder.file("s"), StoreAccess::reporter).ok());
  EXPECT_TRUE(open(folder.file("s"), StoreAccess::read_only).ok());
}

TEST(SqliteOpen, AMissingFolderIsNamed) {
  const TempDir folder;
  const auto database = open(folder.file("no/s"), StoreAccess::collector);
  ASSERT_FALSE(database.ok());
  EXPECT_EQ(database.error().code(), Errc::io);
  EXPECT_EQ(database.error().message(), folder.file("no/s") + ": directory " + folder.file("no") +
                                            " does not exist; create it first");
}

TEST(SqliteOpen, WhatIsNoStoreIsRefusedAndLeftAlone) {
  const TempDir folder;
  const std::string text(5000, 'x');
  write_file(folder.file("text"), text);
  std::filesystem::create_directory(folder.file("folder"));
  {
    auto other =
        SqliteDatabase::open(folder.file("other"), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    ASSERT_TRUE(other->execute("CREATE TABLE theirs (x)").ok());
  }
  for (const StoreAccess access :
       {StoreAccess::read_only, StoreAccess::collector, StoreAccess::reporter}) {
    for (const char* name : {"text", "folder", "other"}) {
      const auto database = open(folder.file(name), access);
      ASSERT_FALSE(database.ok()) << name;
      EXPECT_EQ(database.error().code(), Errc::syntax) << database.error().message();
      EXPECT_THAT(database.error().message(), StartsWith(folder.file(name) + ": "));
    }
  }
  std::ifstream file(folder.file("text"));
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), text);
  auto other = SqliteDatabase::open(folder.file("other"), SQLITE_OPEN_READONLY);
  auto mode = other->prepare("PRAGMA journal_mode");
  ASSERT_TRUE(*mode->step());
  SqliteRow row(*mode);
  EXPECT_EQ(row.text("mode"), "delete");
}

TEST(SqliteOpen, DamageIsToldFromWhatPassesAndFromStoresOfOthers) {
  const TempDir folder;
  ASSERT_TRUE(open(folder.file("cut"), StoreAccess::collector).ok());
  std::filesystem::resize_file(folder.file("cut"), 5000);
  write_file(folder.file("garbage"), std::string(4096, 'x'));
  ASSERT_TRUE(SqliteDatabase::open(folder.file("other"), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)
                  ->execute("CREATE TABLE a(b)")
                  .ok());
  for (const StoreAccess access : {StoreAccess::read_only, StoreAccess::collector}) {
    for (const char* name : {"cut", "garbage", "other", "absent/file"}) {
      const auto database = open(folder.file(name), access);
      ASSERT_FALSE(database.ok()) << name;
      const bool is_damaged =
          std::string_view(name) == "cut" || std::string_view(name) == "garbage";
      EXPECT_EQ(tells_of_damage(database.error()), is_damaged) << database.error().message();
    }
  }
}

TEST(SqliteOpen, OddNamesAreFileNames) {
  const TempDir folder;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  for (const char* name : {":memory:", "file:x?mode=memory", "a%20b#c?d", "caf\xc3\xa9"}) {
    EXPECT_TRUE(open(name, StoreAccess::reporter).ok()) << name;
    EXPECT_TRUE(std::filesystem::exists(folder.path() / name)) << name;
    EXPECT_TRUE(open(name, StoreAccess::read_only).ok()) << name;
  }
  std::filesystem::current_path(before);
}

TEST(SqliteOpen, AReaderMayBeUnableToWriteBesideTheFile) {
  const TempDir folder;
  const std::string place = folder.file("dir");
  std::filesystem::create_directory(place);
  const std::string path = place + "/a?b";  // What a URI would take for its parameters.
  ASSERT_TRUE(open(path, StoreAccess::collector).ok());
  std::filesystem::remove(path + "-wal");
  std::filesystem::remove(path + "-shm");
  ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0444), 0);
  ASSERT_EQ(::chmod(place.c_str(), 0555), 0);
  const auto read = [&] {
    auto database = open(path, StoreAccess::read_only);
    if (!database.ok()) return 1;
    const auto texts = database->integer("SELECT count(*) FROM text");
    return texts.ok() && *texts == 1 ? 0 : 2;
  };
  EXPECT_EQ(as_nobody(read), 0);
  EXPECT_FALSE(std::filesystem::exists(path + "-shm"));

  // With something in the log the file alone is not the store: an error, and no old data.
  ASSERT_EQ(::chmod(place.c_str(), 0755), 0);
  write_file(path + "-wal", std::string(100, 'w'));
  ASSERT_EQ(::chmod(place.c_str(), 0555), 0);
  EXPECT_EQ(as_nobody(read), 1);
  ASSERT_EQ(::chmod(place.c_str(), 0755), 0);
}

TEST(SqliteOpen, AReaderWithoutRightsToWriteFollowsALiveCollector) {
  const TempDir folder;
  const std::string path = folder.file("s");
  auto collector = open(path, StoreAccess::collector);
  ASSERT_TRUE(collector.ok());
  ASSERT_TRUE(collector->execute("INSERT INTO text (value) VALUES ('new')").ok());
  for (const char* suffix : {"", "-wal", "-shm"}) {
    ASSERT_EQ(::chmod((path + suffix).c_str(), 0444), 0);
  }
  ASSERT_EQ(::chmod(folder.path().c_str(), 0555), 0);
  EXPECT_EQ(as_nobody([&] {
              auto database = open(path, StoreAccess::read_only);
              if (!database.ok()) return 1;
              // What the collector wrote stands in its log only.
              const auto texts = database->integer("SELECT count(*) FROM text");
              return texts.ok() && *texts == 2 ? 0 : 2;
            }),
            0);
  ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
}

TEST(SqliteOpen, AWriterWithoutRightsIsTold) {
  const TempDir folder;
  ASSERT_EQ(::chmod(folder.path().c_str(), 0555), 0);
  EXPECT_EQ(as_nobody([&] {
              const auto database = open(folder.file("s"), StoreAccess::collector);
              if (database.ok() || database.error().code() != Errc::io) return 1;
              return database.error().message() ==
                             folder.file("s") + ": cannot create: Permission denied"
                         ? 0
                         : 2;
            }),
            0);
  ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
}

TEST(SqliteOpen, ManyMayMakeTheStoreAtOnce) {
  const TempDir folder;
  constexpr std::size_t processes = 6;
  std::vector<pid_t> children;
  for (std::size_t i = 0; i < processes; ++i) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const auto database = open_sqlite(folder.file("s"), StoreAccess::reporter, patience * 10);
      ::_exit(database.ok() ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  EXPECT_TRUE(open(folder.file("s"), StoreAccess::read_only).ok());
}

}  // namespace
}  // namespace tlsrpt::reporter
