#include "milter/collector_daemon.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "milter/log/text_log_reader.h"
#include "policy/lock_guarded.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {
namespace {

using std::chrono::steady_clock;

// Far more than a commit takes on a busy machine; a daemon that does its work never waits so long.
constexpr std::chrono::seconds patience{60};

std::string delivery(unsigned number) {
  return "2026-11-22T10:00:00Z relay1 postfix/smtp[7]: Trusted TLS connection established to "
         "mx.a.example[198.51.100.1]:25: TLSv1.3\n"
         "2026-11-22T10:00:01Z relay1 postfix/smtp[7]: " +
         std::to_string(1000000 + number) +
         ": to=<u@a.example>, relay=mx.a.example[198.51.100.1]:25, delay=1, delays=0/0/1/0, "
         "dsn=2.0.0, status=sent (250 Ok)\n";
}

// Says how often it was asked, and of how many collectors.
class CountingInput final : public CollectorInput {
 public:
  void hand_over(std::span<Collector* const> collectors) override {
    auto held = state.lock();
    ++held->first;
    held->second = collectors.size();
  }
  void committed(std::span<Collector* const> collectors) override {
    commits += static_cast<unsigned>(collectors.size());
  }

  policy::LockGuarded<std::pair<unsigned, std::size_t>> state;
  std::atomic<unsigned> commits{0};
};

class CollectorDaemonTest : public testing::Test {
 protected:
  std::string location() const { return "sqlite:" + folder_.file("s.sqlite"); }
  std::unique_ptr<reporter::Store> open_store(reporter::StoreAccess access) const {
    return *reporter::open_store(location(), access, {});
  }
  void append(std::string_view text) const {
    std::ofstream(folder_.file("mail.log"), std::ios::app | std::ios::binary) << text;
  }
  // Runs a daemon in a thread of its own while BODY does things.
  void with_daemon(const std::function<void()>& body) {
    auto store = open_store(reporter::StoreAccess::collector);
    const CollectorDaemon::Make make = [&]() -> policy::Result<std::unique_ptr<Collector>> {
      if (is_store_gone_) {
        ++refusals_;
        return policy::Error(policy::Errc::io, "there is no store");
      }
      CollectorOptions options;
      options.source = "file:" + folder_.file("mail.log");
      options.relay = "relay1";
      auto reader =
          std::make_unique<TextLogReader>(folder_.file("mail.log"), *StampParser::make("UTC"),
                                          LogLineSplitter({"postfix"}), clock_);
      return Collector::make(options, std::move(reader), clock_, *store,
                             [](std::string_view) { return std::string(); });
    };
    DaemonLog log("test", false);
    std::atomic<bool> stop{false};
    CollectorDaemon daemon({make}, *wakeup_, log, stop);
    daemon.add_input(input_);
    daemon.set_hooks({[&] { ready_ = true; }, [&] { ++rounds_; },
                      [&] {
                        ++reloads_;
                        return std::vector<CollectorDaemon::Make>{make};
                      },
                      &reload_, [&] { ++losses_; }});
    policy::Status status = policy::Unit();
    {
      const std::jthread thread([&] { status = daemon.run(); });
      body();
      stop = true;
    }
    EXPECT_TRUE(status.ok());
  }
  std::uint64_t sessions() const {
    const auto store = open_store(reporter::StoreAccess::read_only);
    std::uint64_t sum = 0;
    const auto facts = store->facts(*policy::parse_day("2026-11-22"), "a.example", std::nullopt);
    if (!facts) return 0;
    for (const policy::Fact& fact : *facts) sum += fact.sessions;
    return sum;
  }
  bool counts_become(std::uint64_t wanted) const {
    const auto until = steady_clock::now() + patience;
    while (steady_clock::now() < until) {
      if (sessions() == wanted) return true;
      std::this_thread::yield();
    }
    return false;
  }

  policy::Result<Wakeup> wakeup_ = Wakeup::make();
  CountingInput input_;
  std::atomic<bool> ready_{false};
  std::atomic<unsigned> rounds_{0};
  std::atomic<unsigned> reloads_{0};
  std::atomic<bool> reload_{false};
  std::atomic<bool> is_store_gone_{false};
  std::atomic<unsigned> losses_{0};
  std::atomic<unsigned> refusals_{0};
  testing_support::TempDir folder_;
  testing_support::FakeClock clock_{"2026-11-22T12:00:00Z"};
};

TEST_F(CollectorDaemonTest, FollowsGrowthAndRotation) {
  append(delivery(1));
  with_daemon([&] {
    EXPECT_TRUE(counts_become(1));
    append(delivery(2));
    EXPECT_TRUE(counts_become(2));
    std::filesystem::rename(folder_.file("mail.log"), folder_.file("mail.log.1"));
    append(delivery(3));
    EXPECT_TRUE(counts_become(3));
  });
}

TEST_F(CollectorDaemonTest, WaitsForALogThatIsNotThereYet) {
  with_daemon([&] {
    append(delivery(1));
    EXPECT_TRUE(counts_become(1));
  });
  EXPECT_GT(input_.commits, 0U) << "inputs hear of commits";
}

TEST_F(CollectorDaemonTest, TakesInputsWheneverItIsWoken) {
  with_daemon([&] {
    // Without being woken it would take a minute for as many.
    const auto until = steady_clock::now() + patience;
    while (input_.state.lock()->first < 500 && steady_clock::now() < until) wakeup_->ring();
    EXPECT_GE(input_.state.lock()->first, 500U);
    EXPECT_EQ(input_.state.lock()->second, 1U);
  });
}

TEST_F(CollectorDaemonTest, WhatIsThereWhenItStopsIsCommitted) {
  with_daemon([&] { append(delivery(1) + delivery(2)); });
  EXPECT_EQ(sessions(), 2U);
}

TEST_F(CollectorDaemonTest, ReloadingLosesAndDoublesNothing) {
  with_daemon([&] {
    for (unsigned number = 1; number <= 5; ++number) {
      append(delivery(number));
      reload_ = true;
      wakeup_->ring();
      EXPECT_TRUE(counts_become(number));
    }
  });
  EXPECT_GE(reloads_, 4U);
  EXPECT_EQ(sessions(), 5U);
}

TEST_F(CollectorDaemonTest, AStoreThatIsGoneIsAskedForSeldomAndNothingIsLost) {
  with_daemon([&] {
    append(delivery(1));
    EXPECT_TRUE(counts_become(1));
    is_store_gone_ = true;
    std::filesystem::rename(folder_.file("s.sqlite"), folder_.file("elsewhere"));
    // The log is silent, and nothing waits to be committed.
    const auto begin = steady_clock::now();
    while (refusals_ == 0 && steady_clock::now() < begin + patience) wakeup_->ring();
    append(delivery(2));
    EXPECT_EQ(losses_, 1U);
    for (unsigned time = 0; time < 10000; ++time) {
      wakeup_->ring();
      std::this_thread::yield();
    }
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(steady_clock::now() - begin);
    EXPECT_LE(refusals_, 1 + seconds.count());
    std::filesystem::rename(folder_.file("elsewhere"), folder_.file("s.sqlite"));
    is_store_gone_ = false;
    EXPECT_TRUE(counts_become(2));
  });
  EXPECT_EQ(losses_, 1U);
}

TEST_F(CollectorDaemonTest, ARoundThatHangsIsNoProgress) {
  with_daemon([&] {
    const auto until = steady_clock::now() + patience;
    while (rounds_ == 0 && steady_clock::now() < until) std::this_thread::yield();
    EXPECT_TRUE(ready_);
    {
      const auto hanging = input_.state.lock();
      // It may be in the middle of a round, and finish that; the next one waits for the lock.
      const unsigned before = rounds_;
      for (unsigned time = 0; time < 10000; ++time) {
        wakeup_->ring();
        std::this_thread::yield();
      }
      EXPECT_LE(rounds_, before + 1);
    }
    const unsigned before = rounds_;
    while (rounds_ < before + 2 && steady_clock::now() < until) wakeup_->ring();
    EXPECT_GE(rounds_, before + 2);
  });
}

}  // namespace
}  // namespace tlsrpt::milter
