#include "milter/datagram/tlsrpt_receiver.h"

#include <gtest/gtest.h>

#include <future>
#include <mutex>
#include <optional>

#include "tests/milter/datagram/datagram_sender.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {
namespace {

class TlsrptReceiverTest : public testing::Test {
 protected:
  TlsrptReceiverTest() {
    EXPECT_TRUE(journal_.open().ok());
    EXPECT_TRUE(landing_.open(folder_.file("landing")).ok());
  }
  void start(std::function<void()> wake) {
    receiver_.emplace(*socket_, journal_, landing_, clock_, 100, *Wakeup::make(), std::move(wake));
  }
  // How many datagrams the journal has, whose numbers and texts must go on from FIRST.
  std::uint64_t read_from(std::uint64_t first) {
    std::uint64_t count = 0;
    for (auto some = journal_.next(); !some.empty(); some = journal_.next()) {
      for (const ReceivedDatagram& each : some) {
        EXPECT_EQ(each.sequence, first + count);
        EXPECT_EQ(each.octets.substr(0, 8), std::to_string(10000000 + count));
        ++count;
      }
    }
    return count;
  }

  testing_support::TempDir folder_;
  testing_support::FakeClock clock_{"2026-11-22T12:00:00Z"};
  std::unique_ptr<TlsrptSocket> socket_ =
      *TlsrptSocket::make({folder_.file("t.sock"), "", 0600, 0});
  DatagramSender sender_{folder_.file("t.sock")};
  DatagramJournal journal_{folder_.file("s.datagrams-")};
  DatagramLanding landing_;
  std::optional<TlsrptReceiver> receiver_;
};

TEST_F(TlsrptReceiverTest, EverythingThatTheKernelTookIsInTheJournal) {
  start([] {});
  unsigned sent = 0;
  // Whoever finds no room tries again: all of them arrive.
  while (sent < 5000) {
    if (sender_.send(std::to_string(10000000 + sent))) ++sent;
  }
  receiver_.reset();
  EXPECT_EQ(read_from(101), 5000U);
}

TEST_F(TlsrptReceiverTest, WakesWhenMuchHasComeTogether) {
  std::promise<void> woken;
  std::once_flag once;
  start([&] { std::call_once(once, [&] { woken.set_value(); }); });
  for (unsigned sent = 0; sent < 20;) {
    if (sender_.send(std::to_string(10000000 + sent) + std::string(60000, 'x'))) ++sent;
  }
  EXPECT_EQ(woken.get_future().wait_for(std::chrono::seconds(60)), std::future_status::ready);
  receiver_.reset();  // It may be about to ring once more.
}

TEST_F(TlsrptReceiverTest, CountsWhatFindsNoRoomInTheJournal) {
  JournalLimits limits;
  limits.segment = 100;
  limits.disk = 1000;
  limits.memory = 500;
  DatagramJournal journal(folder_.file("small.datagrams-"), limits);
  ASSERT_TRUE(journal.open().ok());
  TlsrptReceiver receiver(*socket_, journal, landing_, clock_, 100, *Wakeup::make(), [] {});
  for (unsigned sent = 0; sent < 200;) {
    if (sender_.send(std::to_string(10000000 + sent))) ++sent;
  }
  const std::uint64_t last = receiver.finish();
  const std::uint64_t dropped = receiver.take_dropped();
  EXPECT_GT(dropped, 0U);
  EXPECT_EQ(last, 100 + 200 - dropped);
  std::uint64_t kept = 0;
  for (auto some = journal.next(); !some.empty(); some = journal.next()) kept += some.size();
  EXPECT_EQ(kept, 200 - dropped);
}

TEST_F(TlsrptReceiverTest, SaysThatTheQueueWasFull) {
  unsigned sent = 0;
  while (sender_.send(std::to_string(10000000 + sent))) ++sent;
  start([] {});
  while (!sender_.send(std::to_string(10000000 + sent))) {
  }
  EXPECT_GE(receiver_->take_overruns(), 1U);
  receiver_.reset();
  EXPECT_EQ(read_from(101), sent + 1);
}

}  // namespace
}  // namespace tlsrpt::milter
