#include "reporter/secret_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class SecretFile : public ::testing::Test {
 protected:
  // "" where the file is read, else the error.
  std::string load(mode_t mode) {
    EXPECT_EQ(::chmod(path_.c_str(), mode), 0);
    const auto text = read_secret_file(path_, reader_, 10);
    if (text.ok()) {
      EXPECT_EQ(*text, "secret");
    }
    return text.ok() ? "" : text.error().message();
  }

  testing_support::TempDir folder_;
  std::string path_ = folder_.write("secret", "secret");
  SecretReader reader_{::geteuid(), ::getegid()};
};

TEST_F(SecretFile, IsForTheReporterAlone) {
  EXPECT_EQ(load(0600), "");
  EXPECT_EQ(load(0400), "");
  EXPECT_EQ(load(0640), "") << "our group";
  EXPECT_THAT(load(0644), StartsWith(path_ + ": can be read or written by every user"));
  EXPECT_THAT(load(0602), HasSubstr("every user"));
  EXPECT_THAT(load(0660), HasSubstr("written by its group"));
  reader_.gid = ::getegid() + 1;
  if (::getegid() != 0) {
    EXPECT_THAT(load(0640), HasSubstr("a group that is not the reporter's"));
  }
}

TEST_F(SecretFile, MustBeReadableForTheReporter) {
  if (::geteuid() != 0) GTEST_SKIP() << "asks as root for another user";
  reader_ = {12345, 12345};
  EXPECT_THAT(load(0600), HasSubstr("cannot be read by the reporter's user"));
  ASSERT_EQ(::chown(path_.c_str(), 0, 12345), 0);
  EXPECT_EQ(load(0640), "");
  ASSERT_EQ(::chown(path_.c_str(), 12345, 12345), 0);
  EXPECT_EQ(load(0600), "");
  ASSERT_EQ(::chown(path_.c_str(), 23456, 12345), 0);
  EXPECT_THAT(load(0640), HasSubstr("belongs to another user"));
  ASSERT_EQ(::chown(path_.c_str(), 12345, 23456), 0);
  EXPECT_THAT(load(0640), HasSubstr("a group that is not the reporter's"));
}

TEST_F(SecretFile, IsNamedWhereItCannotBeRead) {
  ASSERT_EQ(load(0600), "");
  EXPECT_EQ(read_secret_file(path_, reader_, 5).error().code(), Errc::limit);
  const auto directory = read_secret_file(folder_.path().string(), reader_, 10);
  ASSERT_FALSE(directory.ok());
  EXPECT_EQ(directory.error().message(), folder_.path().string() + ": is no regular file");
  const auto absent = read_secret_file(folder_.file("absent"), reader_, 10);
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().code(), Errc::not_found);
}

}  // namespace
}  // namespace tlsrpt::reporter
