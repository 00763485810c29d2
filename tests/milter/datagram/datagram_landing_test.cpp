#include "milter/datagram/datagram_landing.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "milter/datagram/tlsrpt_datagram.h"
#include "milter/datagram/tlsrpt_socket.h"
#include "reporter/clock.h"
#include "tests/milter/datagram/datagram_sender.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {
namespace {

constexpr policy::UtcSeconds noon{std::chrono::seconds(1795435200)};

class DatagramLandingTest : public testing::Test {
 protected:
  std::string path() const { return folder_.file("landing"); }

  testing_support::TempDir folder_;
  std::unique_ptr<TlsrptSocket> socket_ =
      *TlsrptSocket::make({folder_.file("t.sock"), "", 0600, 0});
  DatagramSender sender_{folder_.file("t.sock")};
};

TEST_F(DatagramLandingTest, TellsOctetsSenderAndNumber) {
  DatagramLanding landing;
  ASSERT_TRUE(landing.open(path()).ok());
  EXPECT_EQ(landing.size(), 0U);
  ASSERT_TRUE(sender_.send("one"));
  ASSERT_TRUE(sender_.send(""));
  ASSERT_TRUE(sender_.send(std::string(max_datagram + 1, 'x')));
  ASSERT_EQ(landing.receive(socket_->fd(), 7, noon), 3U);
  EXPECT_EQ(landing.at(0).octets, "one");
  EXPECT_EQ(landing.at(0).pid, ::getpid());
  EXPECT_EQ(landing.at(0).sequence, 7U);
  EXPECT_EQ(landing.at(0).at, noon);
  EXPECT_FALSE(landing.at(0).is_truncated);
  EXPECT_EQ(landing.at(1).octets, "");
  EXPECT_EQ(landing.at(2).octets.size(), max_datagram);
  EXPECT_TRUE(landing.at(2).is_truncated);
  EXPECT_EQ(landing.at(2).sequence, 9U);
  EXPECT_EQ(landing.last(), 9U);
  EXPECT_EQ(landing.receive(socket_->fd(), 10, noon), 0U);
  EXPECT_EQ(landing.size(), 0U);
  EXPECT_EQ(landing.last(), 9U);
}

TEST_F(DatagramLandingTest, KnowsInTheNextLifeWhichNumberWasTheLast) {
  {
    DatagramLanding landing;
    ASSERT_TRUE(landing.open(path()).ok());
    EXPECT_EQ(landing.last(), 0U);
    landing.receive(socket_->fd(), 30, noon);
  }
  DatagramLanding landing;
  ASSERT_TRUE(landing.open(path()).ok());
  EXPECT_EQ(landing.last(), 29U);
}

// What was taken off the socket is there, whatever its taker did afterwards.
TEST_F(DatagramLandingTest, OutlivesAKillRightAfterTheCall) {
  for (const char* text : {"one", "", "three"}) ASSERT_TRUE(sender_.send(text));
  const pid_t child = ::fork();
  if (child == 0) {
    DatagramLanding landing;
    if (landing.open(path()).ok()) landing.receive(socket_->fd(), 41, noon);
    ::kill(::getpid(), SIGKILL);
  }
  ::waitpid(child, nullptr, 0);
  DatagramLanding landing;
  ASSERT_TRUE(landing.open(path()).ok());
  ASSERT_EQ(landing.size(), 3U);
  EXPECT_EQ(landing.at(0).octets, "one");
  EXPECT_EQ(landing.at(0).sequence, 41U);
  EXPECT_EQ(landing.at(0).pid, ::getpid());
  EXPECT_EQ(landing.at(0).at, noon);
  EXPECT_EQ(landing.at(1).octets, "");
  EXPECT_EQ(landing.at(2).octets, "three");
}

TEST_F(DatagramLandingTest, WhatArrivesAtTheStartMayHaveLainInTheSocketAlsoInTheNextLife) {
  {
    DatagramLanding landing;
    ASSERT_TRUE(landing.open(path()).ok());
    landing.hold_until(noon);
    ASSERT_TRUE(sender_.send("late"));
    ASSERT_EQ(landing.receive(socket_->fd(), 1, noon + std::chrono::seconds(1)), 1U);
    EXPECT_EQ(landing.at(0).stamp, StampOf::receipt);
    ASSERT_TRUE(sender_.send("early"));
    ASSERT_EQ(landing.receive(socket_->fd(), 2, noon), 1U);
  }
  DatagramLanding landing;
  ASSERT_TRUE(landing.open(path()).ok());
  ASSERT_EQ(landing.size(), 1U);
  EXPECT_EQ(landing.at(0).stamp, StampOf::start);
  landing.hold_until(noon);
  EXPECT_EQ(landing.size(), 0U);
}

// A daemon that was stopped for long finds the time of each in the socket.
TEST_F(DatagramLandingTest, ADatagramIsAsOldAsTheKernelSays) {
  DatagramLanding landing;
  ASSERT_TRUE(landing.open(path()).ok());
  std::string no_warning;
  const auto clock = *reporter::make_clock(&no_warning);
  const policy::UtcSeconds sent = clock->now();
  ASSERT_TRUE(sender_.send("old"));
  constexpr std::chrono::seconds later{1};
  landing.hold_until(sent + 3 * later);
  ASSERT_EQ(landing.receive(socket_->fd(), 1, clock->now() + later), 1U);
  EXPECT_LE(landing.at(0).at - sent, later);
  EXPECT_EQ(landing.at(0).stamp, StampOf::sending);
  EXPECT_EQ(landing.at(0).pid, ::getpid());
  // Sent in this second: it may be that only its receipt was stamped.
  ASSERT_TRUE(sender_.send("new"));
  ASSERT_EQ(landing.receive(socket_->fd(), 2, clock->now() - later), 1U);
  EXPECT_EQ(landing.at(0).stamp, StampOf::start);
  // By another clock than the kernel's: at the time of receipt.
  ASSERT_TRUE(sender_.send("test"));
  ASSERT_EQ(landing.receive(socket_->fd(), 3, noon), 1U);
  EXPECT_EQ(landing.at(0).at, noon);
}

TEST_F(DatagramLandingTest, WorksWhereThereIsNoFile) {
  DatagramLanding landing;
  EXPECT_FALSE(landing.open(folder_.file("nowhere/landing")).ok());
  EXPECT_EQ(landing.size(), 0U);
  ASSERT_TRUE(sender_.send("one"));
  EXPECT_EQ(landing.receive(socket_->fd(), 1, noon), 1U);
  EXPECT_EQ(landing.at(0).octets, "one");
}

TEST_F(DatagramLandingTest, AFileOfSomethingElseHoldsNoDatagrams) {
  folder_.write("landing", std::string(100000, 'x'));
  DatagramLanding landing;
  ASSERT_TRUE(landing.open(path()).ok());
  EXPECT_EQ(landing.size(), 0U);
}

}  // namespace
}  // namespace tlsrpt::milter
