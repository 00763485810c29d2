// That names are taken and given as they should be is told by socket_file_test.cpp.
#include "milter/datagram/tlsrpt_socket.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>

#include "reporter/datagram_queue.h"
#include "tests/milter/datagram/datagram_sender.h"
#include "tests/support/as_nobody.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {
namespace {

using policy::Errc;
using reporter::SocketObstacle;

class TlsrptSocketTest : public testing::Test {
 protected:
  std::string path() const { return folder_.file("t.sock"); }
  policy::Result<std::unique_ptr<TlsrptSocket>> make() const {
    return TlsrptSocket::make({path(), "", 0620, 0});
  }
  static bool receive(const TlsrptSocket& socket) {
    std::array<char, 10> octets{};
    return ::recv(socket.fd(), octets.data(), octets.size(), MSG_DONTWAIT) >= 0;
  }

  testing_support::TempDir folder_;
};

TEST_F(TlsrptSocketTest, ReceivesUnderItsNameWithItsMode) {
  const auto socket = make();
  ASSERT_TRUE(socket.ok());
  struct stat found {};
  ASSERT_EQ(::stat(path().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0620U);
  EXPECT_TRUE(DatagramSender(path()).send("x"));
  EXPECT_TRUE(receive(**socket));
}

TEST_F(TlsrptSocketTest, ALiveOneIsLeftAloneAndAStaleOneReplaced) {
  auto first = make();
  ASSERT_TRUE(first.ok());
  const auto second = make();
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), Errc::temporary);
  EXPECT_TRUE(DatagramSender(path()).send("x"));
  EXPECT_TRUE(receive(**first));
  std::filesystem::rename(path(), folder_.file("kept"));
  first->reset();
  std::filesystem::rename(folder_.file("kept"), path());
  EXPECT_FALSE(DatagramSender(path()).is_connected());
  const auto third = make();
  ASSERT_TRUE(third.ok());
  EXPECT_TRUE(DatagramSender(path()).send("x"));
}

TEST_F(TlsrptSocketTest, SaysWhenTheKernelTakesNoMore) {
  const auto socket = make();
  ASSERT_TRUE(socket.ok());
  const DatagramSender sender(path());
  unsigned sent = 0;
  while (sender.send("x")) ++sent;
  EXPECT_GE(sent, reporter::max_queued_datagrams());
  EXPECT_TRUE((*socket)->is_full());
  EXPECT_TRUE(receive(**socket));
  EXPECT_FALSE((*socket)->is_full());
}

TEST_F(TlsrptSocketTest, OneThatWasHandedOverKeepsItsName) {
  policy::UniqueFd given(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(UnixAddress(path()).bind(given.get()), 0);
  const DatagramSender sender(path());
  {
    const auto socket = TlsrptSocket::adopt(std::move(given), path());
    EXPECT_FALSE(socket->is_full());
    while (sender.send("x")) {
    }
    EXPECT_TRUE(socket->is_full());
    socket->withdraw();
  }
  EXPECT_TRUE(std::filesystem::exists(path()));
}

class TlsrptSocketObstacleTest : public TlsrptSocketTest {
 protected:
  // Others may pass.
  TlsrptSocketObstacleTest() : options_{path(), "", 0620, 0} {
    ::chmod(folder_.path().c_str(), 0755);
  }
  reporter::SocketObstacle obstacle() const {
    const auto socket = TlsrptSocket::make(options_);
    return socket ? SocketObstacle::other : TlsrptSocket::obstacle(options_, socket.error());
  }
  SocketFileOptions options_;
};

TEST_F(TlsrptSocketObstacleTest, WhatLiesThere) {
  const auto holder = make();
  EXPECT_EQ(obstacle(), SocketObstacle::listener);
  options_.path = folder_.write("file", "");
  EXPECT_EQ(obstacle(), SocketObstacle::no_socket);
  options_.path = folder_.file("beside");
  folder_.write("beside.new", "");
  EXPECT_EQ(obstacle(), SocketObstacle::no_socket);
}

TEST_F(TlsrptSocketObstacleTest, AFolderThatIsAbsentOrClosed) {
  options_.path = folder_.file("nowhere/t.sock");
  EXPECT_EQ(obstacle(), SocketObstacle::no_folder);
  const std::string folder = folder_.file("closed");
  std::filesystem::create_directory(folder);
  options_.path = folder + "/t.sock";
  for (const auto mode : {0U, 0555U}) {
    ASSERT_EQ(::chmod(folder.c_str(), mode), 0);
    const testing_support::AsNobody nobody;
    EXPECT_EQ(obstacle(), SocketObstacle::closed_folder) << mode;
  }
}

TEST_F(TlsrptSocketObstacleTest, ASocketThatMayNotBeAsked) {
  const auto holder = TlsrptSocket::make({path(), "", 0, 0});
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0777), 0);
  const testing_support::AsNobody nobody;
  // Only root can be denied its own by becoming somebody else.
  if (::getuid() == 0) {
    EXPECT_EQ(obstacle(), SocketObstacle::hidden);
  }
}

TEST_F(TlsrptSocketObstacleTest, AGroupThatIsAbsentOrNotOurs) {
  options_.group = "no such group";
  EXPECT_EQ(obstacle(), SocketObstacle::no_group);
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0777), 0);
  options_.group = "daemon";
  const testing_support::AsNobody nobody;
  EXPECT_EQ(obstacle(), SocketObstacle::group);
}

}  // namespace
}  // namespace tlsrpt::milter
