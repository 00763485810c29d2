// That names are taken and given as they should be is told by socket_file_test.cpp.
#include "milter/datagram/tlsrpt_socket.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>

#include "reporter/datagram_queue.h"
#include "tests/milter/datagram/datagram_sender.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {
namespace {

using policy::Errc;

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

}  // namespace
}  // namespace tlsrpt::milter
