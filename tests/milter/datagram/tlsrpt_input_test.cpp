// That nothing is lost between lives is told by the kill and integration tests, too.
#include "milter/datagram/tlsrpt_input.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "reporter/options/option_table.h"
#include "tests/milter/datagram/datagram_sender.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {
namespace {

class TlsrptInputTest : public testing::Test {
 protected:
  TlsrptInputTest() {
    settings_.tlsrpt_socket = folder_.file("t.sock");
    settings_.tlsrpt_socket_group = "";
    settings_.store = "sqlite:" + folder_.file("s.sqlite");
  }
  std::unique_ptr<Collector> collector() {
    CollectorOptions options;
    options.source = "none";
    options.relay = "relay1";
    return *Collector::make(options, std::make_unique<NoLog>(), clock_, *store_,
                            [](std::string_view) { return std::string(); });
  }
  std::unique_ptr<TlsrptInput> input() {
    return std::make_unique<TlsrptInput>(settings_, clock_, log_, wakeup_, stop_,
                                         policy::UniqueFd());
  }
  static void hand_over(TlsrptInput& input, Collector& collector) {
    input.hand_over(std::vector<Collector*>{&collector});
  }
  void send(unsigned count) const {
    const DatagramSender sender(settings_.tlsrpt_socket);
    for (unsigned sent = 0; sent < count;) {
      if (sender.send("{}")) ++sent;
    }
  }

  void replace_store() {
    store_.reset();
    for (const char* name : {"s.sqlite", "s.sqlite-wal", "s.sqlite-shm"})
      std::filesystem::remove(folder_.file(name));
    store_ = *reporter::open_store(settings_.store, reporter::StoreAccess::collector, {});
  }

  testing_support::TempDir folder_;
  testing_support::FakeClock clock_{"2026-11-22T12:00:00Z"};
  reporter::Settings settings_ = reporter::default_settings();
  std::unique_ptr<reporter::Store> store_ = *reporter::open_store(
      "sqlite:" + folder_.file("s.sqlite"), reporter::StoreAccess::collector, {});
  DaemonLog log_{"test", false};
  Wakeup wakeup_ = *Wakeup::make();
  std::atomic<bool> stop_{false};
};

TEST_F(TlsrptInputTest, SocketThatCannotBeHadIsSaidOnceAndStopsNothing) {
  settings_.tlsrpt_socket = folder_.file("nowhere/t.sock");
  testing::internal::CaptureStderr();
  const auto none = input();
  EXPECT_FALSE(none->start());
  EXPECT_FALSE(none->start());
  const auto counts = collector();
  hand_over(*none, *counts);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(said.find("tlsrpt_socket"), said.rfind("tlsrpt_socket")) << said;
  EXPECT_NE(said.find("nowhere/t.sock"), std::string::npos) << said;
}

// Between two looks at it some time passes.
template <typename Condition>
bool comes_true(const Condition& condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
  }
  return true;
}

unsigned times(const std::string& text, std::string_view words) {
  unsigned count = 0;
  for (std::size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + 1))
    ++count;
  return count;
}

TEST_F(TlsrptInputTest, ARemovedSocketIsMadeAgainAndThatIsSaidOnce) {
  const auto receives = input();
  ASSERT_TRUE(receives->start());
  const auto counts = collector();
  hand_over(*receives, *counts);
  const std::uint64_t begin = *counts->last_datagram();
  testing::internal::CaptureStderr();
  {
    const DatagramSender sender(settings_.tlsrpt_socket);
    std::filesystem::remove(settings_.tlsrpt_socket);
    for (unsigned sent = 0; sent < 5; ++sent) EXPECT_TRUE(sender.send("{}"));
  }
  EXPECT_TRUE(comes_true([&] {
    hand_over(*receives, *counts);
    return DatagramSender(settings_.tlsrpt_socket).is_connected();
  }));
  send(3);
  EXPECT_TRUE(comes_true([&] {
    hand_over(*receives, *counts);
    return *counts->last_datagram() >= begin + 8;
  }));
  EXPECT_EQ(*counts->last_datagram(), begin + 8);
  EXPECT_EQ(times(testing::internal::GetCapturedStderr(), "was made again"), 1U);
}

TEST_F(TlsrptInputTest, ASocketThatCannotBeMadeAgainIsSaidOnceAndWaitedFor) {
  settings_.tlsrpt_socket = folder_.file("f/t.sock");
  std::filesystem::create_directory(folder_.file("f"));
  const auto receives = input();
  ASSERT_TRUE(receives->start());
  const auto counts = collector();
  hand_over(*receives, *counts);
  std::filesystem::rename(folder_.file("f"), folder_.file("g"));
  testing::internal::CaptureStderr();
  EXPECT_TRUE(comes_true([&] {
    hand_over(*receives, *counts);
    return !log_.troubles().empty();
  }));
  std::filesystem::rename(folder_.file("g"), folder_.file("f"));
  EXPECT_TRUE(comes_true([&] {
    hand_over(*receives, *counts);
    return log_.troubles().empty();
  }));
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(times(said, "was removed or replaced"), 1U) << said;
  EXPECT_EQ(times(said, "is there again"), 1U) << said;
}

TEST_F(TlsrptInputTest, ASocketThatWasHandedOverIsNotMadeAgain) {
  policy::UniqueFd given(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  ASSERT_EQ(UnixAddress(settings_.tlsrpt_socket).bind(given.get()), 0);
  TlsrptInput receives(settings_, clock_, log_, wakeup_, stop_, std::move(given));
  const auto counts = collector();
  hand_over(receives, *counts);
  EXPECT_TRUE(log_.troubles().empty());
  std::filesystem::remove(settings_.tlsrpt_socket);
  EXPECT_TRUE(comes_true([&] {
    hand_over(receives, *counts);
    return !log_.troubles().empty();
  }));
  EXPECT_NE(log_.troubles().begin()->second.find("systemctl restart tlsrpt-milter.socket"),
            std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(settings_.tlsrpt_socket));
}

// What one life received and did not commit is the next one's, once.
TEST_F(TlsrptInputTest, EachDatagramIsCommittedOnceWhateverTheLives) {
  std::uint64_t begin = 0;
  for (unsigned life = 0; life < 4; ++life) {
    auto receives = input();
    ASSERT_TRUE(receives->start());
    auto counts = collector();
    hand_over(*receives, *counts);
    if (life == 0) begin = *counts->last_datagram();
    send(100);
    receives.reset();
    // An odd life dies before its commit.
    receives = input();
    hand_over(*receives, *counts);
    EXPECT_EQ(*counts->last_datagram(), begin + 100 * (life + 1));
    if (life % 2 == 0) {
      EXPECT_TRUE(counts->commit().ok());
    }
  }
  EXPECT_EQ(collector()->last_datagram(), begin + 300);
}

TEST_F(TlsrptInputTest, ACollectorAfterASpoiltOneGetsEverythingSinceTheLastCommit) {
  const auto receives = input();
  ASSERT_TRUE(receives->start());
  const auto spoilt = collector();
  hand_over(*receives, *spoilt);
  const std::uint64_t begin = *spoilt->last_datagram();
  send(10);
  while (*spoilt->last_datagram() < begin + 10) hand_over(*receives, *spoilt);
  const auto next = collector();
  EXPECT_EQ(*next->last_datagram(), begin);
  hand_over(*receives, *next);
  EXPECT_EQ(*next->last_datagram(), begin + 10);
}

TEST_F(TlsrptInputTest, TheStoreAfterARemovedOneGetsWhatWasNotCommitted) {
  const auto receives = input();
  ASSERT_TRUE(receives->start());
  auto counts = collector();
  hand_over(*receives, *counts);
  const std::uint64_t begin = *counts->last_datagram();
  const auto take_until = [&](std::uint64_t number) {
    do {
      hand_over(*receives, *counts);
    } while (*counts->last_datagram() < number);
  };
  send(10);
  take_until(begin + 10);
  ASSERT_TRUE(counts->commit().ok());
  send(5);
  take_until(begin + 15);
  counts.reset();
  replace_store();
  receives->lose_store();
  counts = collector();
  take_until(begin + 15);
  ASSERT_TRUE(counts->commit().ok());
  const auto lost = *store_->lost_datagrams(policy::day_of(clock_.now()));
  EXPECT_EQ(lost.at(policy::DatagramLoss::missing_key).count, 5U);
}

TEST_F(TlsrptInputTest, WhatIsRefusedAndAQueueThatWasFullAreCommitted) {
  const auto receives = input();
  ASSERT_TRUE(receives->start());
  const DatagramSender sender(settings_.tlsrpt_socket);
  std::uint64_t sent = 0;
  while (sender.send("{}")) ++sent;  // Nobody empties it yet.
  const auto counts = collector();
  std::map<policy::DatagramLoss, reporter::LostDatagrams> lost;
  while (lost[policy::DatagramLoss::missing_key].count < sent) {
    hand_over(*receives, *counts);
    ASSERT_TRUE(counts->commit().ok());
    lost = *store_->lost_datagrams(policy::day_of(clock_.now()));
  }
  EXPECT_EQ(lost.at(policy::DatagramLoss::missing_key).count, sent);
  EXPECT_GE(lost.at(policy::DatagramLoss::queue_full).count, 1U);
  EXPECT_EQ(lost.size(), 2U);
}

TEST_F(TlsrptInputTest, WhatWasOnlyInMemoryAtTheEndIsTold) {
  const std::string beside = folder_.file("beside");
  const std::string away = folder_.file("away");
  settings_.store = "sqlite:" + beside + "/s.sqlite";
  std::filesystem::create_directory(beside);
  std::uint64_t begin = 0;
  testing::internal::CaptureStderr();
  {
    const auto receives = input();
    ASSERT_TRUE(receives->start());
    const auto counts = collector();
    hand_over(*receives, *counts);
    begin = *counts->last_datagram();
    std::filesystem::rename(beside, away);
    send(5);
    while (*counts->last_datagram() < begin + 5) hand_over(*receives, *counts);
  }
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(times(said, "5 TLSRPT datagrams are lost"), 1U) << said;
  std::filesystem::rename(away, beside);
  const auto receives = input();
  ASSERT_TRUE(receives->start());
  const auto counts = collector();
  send(1);
  while (*counts->last_datagram() < begin + 6) hand_over(*receives, *counts);
  ASSERT_TRUE(counts->commit().ok());
  const auto lost = *store_->lost_datagrams(policy::day_of(clock_.now()));
  EXPECT_EQ(lost.at(policy::DatagramLoss::not_in_journal).count, 5U);
  EXPECT_EQ(lost.at(policy::DatagramLoss::missing_key).count, 1U);
}

// A store that was removed, and the daemon's life ended before it saw that.
TEST_F(TlsrptInputTest, TheStoreOfTheNextLifeGetsWhatTheRemovedOneHadNotCommittedAndNoMore) {
  {
    const auto receives = input();
    ASSERT_TRUE(receives->start());
    const auto counts = collector();
    hand_over(*receives, *counts);
    const std::uint64_t begin = *counts->last_datagram();
    const auto take_until = [&](std::uint64_t number) {
      do {
        hand_over(*receives, *counts);
      } while (*counts->last_datagram() < number);
    };
    send(10);
    take_until(begin + 10);
    ASSERT_TRUE(counts->commit().ok());
    receives->committed(std::vector<Collector*>{counts.get()});
    send(3);
    take_until(begin + 13);
    send(2);
  }
  for (unsigned life = 0; life < 2; ++life) {
    replace_store();
    const auto receives = input();
    const auto counts = collector();
    hand_over(*receives, *counts);
    ASSERT_TRUE(counts->commit().ok());
    receives->committed(std::vector<Collector*>{counts.get()});
    const auto lost = *store_->lost_datagrams(policy::day_of(clock_.now()));
    const auto refused = lost.find(policy::DatagramLoss::missing_key);
    EXPECT_EQ(refused == lost.end() ? 0U : refused->second.count, life == 0 ? 5U : 0U);
    EXPECT_EQ(lost.size(), life == 0 ? 1U : 0U) << "none is missing";
  }
}

}  // namespace
}  // namespace tlsrpt::milter
