#include "reporter/check/postfix_user.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "policy/unique_fd.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

namespace fs = std::filesystem;
using Obstacle = MilterReach::Obstacle;

// A queue directory with a socket in a folder of it, in a folder that nobody else may pass through.
class PostfixUser : public testing::Test {
 protected:
  PostfixUser() {
    fs::create_directories(folder());
    fs::permissions(queue(), fs::perms(0755));
    fs::permissions(folder(), fs::perms(0755));
    sockaddr_un place{};
    place.sun_family = AF_UNIX;
    const std::string path = socket();
    std::copy(path.begin(), path.end(), place.sun_path);
    EXPECT_EQ(::bind(server_.get(), reinterpret_cast<sockaddr*>(&place), sizeof(place)), 0);
    fs::permissions(socket(), fs::perms(0777));
    fs::permissions(dir_.path(), fs::perms(0700));
  }
  std::string queue() const { return dir_.file("queue"); }
  std::string folder() const { return queue() + "/tlsrpt"; }
  std::string socket() const { return folder() + "/m.sock"; }
  // Chrooting is for root.
  MilterReach reach(const std::string& user = "nobody") const {
    return reach_socket(socket(), {user, queue(), ::geteuid() == 0});
  }

  testing_support::TempDir dir_;
  policy::UniqueFd server_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
};

// Nobody listens on it, which is another matter; and what lies above the queue directory is none.
TEST_F(PostfixUser, ReachesASocketThatIsOpenToIt) {
  EXPECT_EQ(reach().obstacle, Obstacle::none) << reach().place << reach().reason;
  EXPECT_EQ(reach_socket(socket(), {"nobody", queue(), false}).obstacle, Obstacle::none);
  EXPECT_EQ(reach("root").obstacle, Obstacle::none);
  ASSERT_EQ(::listen(server_.get(), 1), 0);
  EXPECT_EQ(reach().obstacle, Obstacle::none);
}

TEST_F(PostfixUser, MayNotWriteTheSocket) {
  fs::permissions(socket(), fs::perms(0700));
  EXPECT_EQ(reach().obstacle, Obstacle::socket);
  EXPECT_EQ(reach().place, socket());
}

TEST_F(PostfixUser, MayNotPassThroughItsFolder) {
  fs::permissions(folder(), fs::perms(0700));
  EXPECT_EQ(reach().obstacle, Obstacle::folder);
  EXPECT_EQ(reach().place, folder());
}

TEST_F(PostfixUser, FindsNoSocket) {
  fs::remove(socket());
  EXPECT_EQ(reach().reason, "No such file or directory");
  dir_.write("queue/tlsrpt/m.sock", "");
  EXPECT_EQ(reach().reason, "it is no socket");
}

TEST_F(PostfixUser, ChrootedItSeesItsQueueDirectoryOnly) {
  const MilterReach seen = reach_socket(socket(), {"nobody", queue() + "/tls", true});
  EXPECT_EQ(seen.obstacle, Obstacle::chroot);
  EXPECT_EQ(reach_socket(socket(), {"nobody", queue() + "/tls", false}).place,
            dir_.path().string());
}

TEST_F(PostfixUser, IsNotThere) {
  EXPECT_EQ(reach("no-such-user").reason, "there is no user no-such-user");
  EXPECT_EQ(primary_group("no-such-user"), "");
  EXPECT_EQ(primary_group("root"), "root");
}

TEST_F(PostfixUser, ClosedFoldersAreThoseThatWeMayNotPass) {
  EXPECT_EQ(closed_folder(socket()), "");
  if (::geteuid() == 0) GTEST_SKIP() << "root passes through everything";
  fs::permissions(folder(), fs::perms(0600));
  EXPECT_EQ(closed_folder(socket()), folder());
  fs::permissions(folder(), fs::perms(0700));
}

}  // namespace
}  // namespace tlsrpt::reporter
