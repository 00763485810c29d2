#include "milter/mail/socket_file.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <memory>

#include "milter/mail/unix_address.h"
#include "policy/unique_fd.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {
namespace {

using policy::Errc;
using policy::UniqueFd;

UniqueFd listen_at(const std::string& path) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(UnixAddress(path).bind(socket.get()), 0);
  EXPECT_EQ(::listen(socket.get(), 5), 0);
  return socket;
}

bool answers(const std::string& path) {
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return UnixAddress(path).connect(socket.get()) == 0;
}

class SocketFileTest : public testing::Test {
 protected:
  std::string path() const { return folder_.file("m.sock"); }
  std::unique_ptr<SocketFile> make(unsigned mode = 0660, std::string group = "") const {
    return std::make_unique<SocketFile>(
        SocketFileOptions{path(), std::move(group), mode, SOCK_STREAM});
  }
  // Binds and publishes as the milter does.
  static UniqueFd serve(SocketFile& file) {
    EXPECT_TRUE(file.clear_temporary().ok());
    const PrivateUmask nobody_else;
    return listen_at(file.temporary());
  }
  struct stat status() const {
    struct stat found {};
    EXPECT_EQ(::lstat(path().c_str(), &found), 0);
    return found;
  }

  testing_support::TempDir folder_;
};

TEST_F(SocketFileTest, KnowsWhetherItsNameIsTaken) {
  const auto file = make();
  const UniqueFd listener = serve(*file);
  EXPECT_FALSE(file->is_in_place());
  ASSERT_TRUE(file->publish().ok());
  EXPECT_TRUE(file->is_in_place());
  ASSERT_EQ(::unlink(path().c_str()), 0);
  EXPECT_FALSE(file->is_in_place());
  const UniqueFd other = listen_at(path());
  EXPECT_FALSE(file->is_in_place());
}

TEST_F(SocketFileTest, IsTheOwnersAloneUntilItHasItsNameAndItsMode) {
  const auto file = make();
  const UniqueFd listener = serve(*file);
  struct stat before {};
  ASSERT_EQ(::lstat(file->temporary().c_str(), &before), 0);
  EXPECT_EQ(before.st_mode & 0777U, 0600U);
  EXPECT_FALSE(std::filesystem::exists(path()));
  ASSERT_TRUE(file->publish().ok());
  EXPECT_EQ(status().st_mode & 0777U, 0660U);
  EXPECT_TRUE(answers(path()));
  EXPECT_TRUE(answers(file->lasting_path()));
  EXPECT_EQ(folder_.names(), std::set<std::string>{"m.sock"});
}

TEST_F(SocketFileTest, BelongsToTheGroup) {
  const group* own = ::getgrgid(::getegid());
  ASSERT_NE(own, nullptr);
  const auto file = make(0666, own->gr_name);
  const UniqueFd listener = serve(*file);
  ASSERT_TRUE(file->publish().ok());
  EXPECT_EQ(status().st_gid, ::getegid());
  EXPECT_EQ(status().st_mode & 0777U, 0666U);
}

TEST_F(SocketFileTest, UnknownGroupIsToldAndCanBeTriedAgain) {
  const auto file = make(0660, "no-such-group");
  const UniqueFd listener = serve(*file);
  for (int attempt = 0; attempt < 2; ++attempt) {
    const auto status = file->publish();
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code(), Errc::not_found);
  }
  EXPECT_TRUE(answers(file->temporary()));
}

TEST_F(SocketFileTest, StaleSocketIsReplaced) {
  { const UniqueFd dead = listen_at(path()); }
  ASSERT_FALSE(answers(path()));
  const auto file = make();
  const UniqueFd listener = serve(*file);
  ASSERT_TRUE(file->publish().ok());
  EXPECT_TRUE(answers(path()));
  EXPECT_EQ(folder_.names(), std::set<std::string>{"m.sock"});
}

TEST_F(SocketFileTest, SocketOfSomebodyElseIsNeverTouched) {
  const UniqueFd theirs = listen_at(path());
  const ino_t inode = status().st_ino;
  {
    const auto file = make();
    const UniqueFd listener = serve(*file);
    const auto published = file->publish();
    ASSERT_FALSE(published.ok());
    EXPECT_EQ(published.error().code(), Errc::temporary);
  }
  EXPECT_EQ(status().st_ino, inode);
  EXPECT_TRUE(answers(path()));
  EXPECT_EQ(folder_.names(), std::set<std::string>{"m.sock"});
}

TEST_F(SocketFileTest, FileThatIsNoSocketIsNeverTouched) {
  folder_.write("m.sock", "precious");
  {
    const auto file = make();
    const UniqueFd listener = serve(*file);
    const auto published = file->publish();
    ASSERT_FALSE(published.ok());
    EXPECT_EQ(published.error().code(), Errc::io);
  }
  EXPECT_EQ(folder_.read("m.sock"), "precious");
}

TEST_F(SocketFileTest, WhatAKilledDaemonLeftBehindIsTakenAway) {
  { const UniqueFd dead = listen_at(path() + ".new"); }
  const auto file = make();
  const UniqueFd listener = serve(*file);
  EXPECT_TRUE(file->publish().ok());
}

TEST_F(SocketFileTest, NameIsTakenAwayOnlyWhileItIsOurs) {
  {
    const auto file = make();
    const UniqueFd listener = serve(*file);
    ASSERT_TRUE(file->publish().ok());
  }
  EXPECT_FALSE(std::filesystem::exists(path()));
  UniqueFd theirs;
  {
    const auto file = make();
    const UniqueFd listener = serve(*file);
    ASSERT_TRUE(file->publish().ok());
    std::filesystem::remove(path());
    theirs = listen_at(path());
    EXPECT_TRUE(answers(file->lasting_path()));
  }
  EXPECT_TRUE(answers(path()));
}

TEST_F(SocketFileTest, FolderIsMadeForTheGroupAndNeverChanged) {
  const group* own = ::getgrgid(::getegid());
  ASSERT_NE(own, nullptr);
  const std::string inside = folder_.file("new/m.sock");
  ASSERT_TRUE(make_socket_folder(inside, ::geteuid(), own->gr_name).ok());
  struct stat made {};
  ASSERT_EQ(::stat(folder_.file("new").c_str(), &made), 0);
  EXPECT_EQ(made.st_mode & 07777U, 02750U);
  ASSERT_EQ(::chmod(folder_.file("new").c_str(), 0700), 0);
  ASSERT_TRUE(make_socket_folder(inside, ::geteuid(), own->gr_name).ok());
  ASSERT_EQ(::stat(folder_.file("new").c_str(), &made), 0);
  EXPECT_EQ(made.st_mode & 07777U, 0700U);
}

TEST_F(SocketFileTest, MissingFoldersAboveAreMadeForAnybodyToPass) {
  const mode_t old = ::umask(0077);
  EXPECT_TRUE(make_socket_folder(folder_.file("a/b/c/m.sock"), ::geteuid(), "").ok());
  ::umask(old);
  const auto mode_of = [this](const char* name) {
    struct stat made {};
    EXPECT_EQ(::stat(folder_.file(name).c_str(), &made), 0) << name;
    return made.st_mode & 07777U;
  };
  EXPECT_EQ(mode_of("a"), 0755U);
  EXPECT_EQ(mode_of("a/b"), 0755U);
  EXPECT_EQ(mode_of("a/b/c"), 02750U);
  std::ofstream(folder_.file("file")) << '\n';
  EXPECT_FALSE(make_socket_folder(folder_.file("file/b/c/m.sock"), ::geteuid(), "").ok());
}

}  // namespace
}  // namespace tlsrpt::milter
