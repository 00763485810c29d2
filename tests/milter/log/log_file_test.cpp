#include "milter/log/log_file.h"

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "tests/milter/log_world.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {
namespace {

using policy::Errc;

std::string read_all(LogFile* file, std::uint64_t offset, std::size_t at_once) {
  std::string text;
  std::vector<char> buffer(at_once);
  while (true) {
    const auto got = file->read(offset, buffer);
    if (!got.ok()) return text + "<" + std::to_string(static_cast<int>(got.error().code())) + ">";
    if (*got == 0) return text;
    text.append(buffer.data(), *got);
    offset += *got;
  }
}

std::string sample_text() {
  std::mt19937 random(8460);
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += std::to_string(random()) + "\n";
  return text;
}

TEST(LogFile, ReadsPlainAndCompressedTextAlikeFromAnyOffset) {
  const testing_support::TempDir dir;
  const std::string text = sample_text();
  append_to(dir.file("plain"), text);
  append_to(dir.file("gzip"), gzipped(text));
  // gzip(1) appends members: cat a.gz b.gz is a gzip file.
  append_to(dir.file("members"), gzipped(text.substr(0, 777)) + gzipped(text.substr(777)));
  for (const char* name : {"plain", "gzip", "members"}) {
    auto file = LogFile::open(dir.file(name));
    ASSERT_TRUE(file.ok()) << name;
    EXPECT_EQ(file->is_compressed(), std::string(name) != "plain");
    for (const std::size_t offset : {std::size_t{0}, std::size_t{100'000}, std::size_t{776}}) {
      EXPECT_TRUE(read_all(&*file, offset, 4096) == text.substr(offset)) << name << offset;
    }
    EXPECT_EQ(read_all(&*file, text.size() + 5, 10), "") << name;
    EXPECT_EQ(*file->head(10), text.substr(0, 10)) << name;
    EXPECT_EQ(file->head(1'000'000)->size(), text.size()) << name;
  }
}

TEST(LogFile, SaysWhereCompressedDataEndTooEarlyOrAreDamaged) {
  const testing_support::TempDir dir;
  const std::string text = sample_text();
  const std::string whole = gzipped(text);
  append_to(dir.file("short"), whole.substr(0, whole.size() / 2));
  std::string damaged = whole;
  damaged.replace(damaged.size() / 2, 50, 50, 'x');
  append_to(dir.file("damaged"), damaged);
  const std::string syntax = "<" + std::to_string(static_cast<int>(Errc::syntax)) + ">";
  for (const char* name : {"short", "damaged"}) {
    auto file = LogFile::open(dir.file(name));
    ASSERT_TRUE(file.ok()) << name;
    const std::string read = read_all(&*file, 0, 4096);
    EXPECT_TRUE(read.ends_with(syntax)) << name;
    EXPECT_GT(read.size(), text.size() / 4) << name;
    EXPECT_TRUE(file->head(100).ok()) << name;
  }
}

TEST(LogFile, RefusesWhatItCannotRead) {
  const testing_support::TempDir dir;
  const auto bad = [&dir](const std::string& name, Errc code, const std::string& message) {
    const auto file = LogFile::open(dir.file(name));
    ASSERT_FALSE(file.ok()) << name;
    EXPECT_EQ(file.error().code(), code) << name;
    EXPECT_EQ(file.error().message(), dir.file(name) + ": " + message) << name;
  };
  bad("absent", Errc::not_found, "No such file or directory");
  append_to(dir.file("x.zst"), "\x28\xB5\x2F\xFD more");
  bad("x.zst", Errc::io, "is compressed with zstd; only gzip can be read");
  append_to(dir.file("x.bz2"), "BZh91AY&SY");
  bad("x.bz2", Errc::io, "is compressed with bzip2; only gzip can be read");
  std::filesystem::create_directory(dir.file("folder"));
  bad("folder", Errc::io, "is a directory, only a plain file can be read as a log");
  const auto device = LogFile::open("/dev/null");
  ASSERT_FALSE(device.ok());
  EXPECT_EQ(device.error().message(),
            "/dev/null: is a device, only a plain file can be read as a log");
}

TEST(LogFile, StatusFollowsTheOpenFileNotItsName) {
  const testing_support::TempDir dir;
  append_to(dir.file("log"), "four");
  const auto file = LogFile::open(dir.file("log"));
  ASSERT_TRUE(file.ok());
  const auto before = file_status(dir.file("log"));
  ASSERT_TRUE(before.ok());
  std::filesystem::rename(dir.file("log"), dir.file("log.1"));
  append_to(dir.file("log"), "other");
  append_to(dir.file("log.1"), "!");
  const auto status = file->status();
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(status->id, before->id);
  EXPECT_EQ(status->size, 5U);
  EXPECT_EQ(file_status(dir.file("absent")).error().code(), Errc::not_found);
}

}  // namespace
}  // namespace tlsrpt::milter
