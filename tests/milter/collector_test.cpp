#include "milter/collector.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>

#include "milter/log/text_log_reader.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {
namespace {

const policy::UtcSeconds noon = *policy::parse_instant("2026-11-22T12:00:00Z");
const policy::UtcDay day = policy::day_of(noon);

std::string delivery(unsigned number) {
  const std::string pid = std::to_string(100 + number % 7);
  const std::string peer = "mx" + std::to_string(number % 5) + ".a.example[198.51.100.1]:25";
  return "2026-11-22T10:00:00Z relay1 postfix/smtp[" + pid +
         "]: Trusted TLS connection established to " + peer +
         ": TLSv1.3\n"
         "2026-11-22T10:00:00Z relay1 sshd[1]: noise\n"
         "2026-11-22T10:00:01Z relay1 postfix/smtp[" +
         pid + "]: " + std::to_string(1000000 + number) + ": to=<u@a.example>, relay=" + peer +
         ", delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 Ok)\n";
}

class CollectorTest : public testing::Test {
 protected:
  std::unique_ptr<reporter::Store> open_store() const {
    return *reporter::open_store("sqlite:" + folder_.file("s.sqlite"),
                                 reporter::StoreAccess::collector, {});
  }
  policy::Result<std::unique_ptr<Collector>> make(reporter::Store& store) {
    CollectorOptions options = options_;
    options.source = "file:" + folder_.file("mail.log");
    options.relay = "relay1";
    auto reader = std::make_unique<TextLogReader>(
        folder_.file("mail.log"), *StampParser::make("UTC"), LogLineSplitter({"postfix"}), clock_);
    return Collector::make(options, std::move(reader), clock_, store,
                           [](std::string_view) { return std::string(); });
  }
  void append(std::string_view text) const {
    std::ofstream(folder_.file("mail.log"), std::ios::app | std::ios::binary) << text;
  }
  static std::uint64_t sessions(reporter::Store& store) {
    std::uint64_t sum = 0;
    const auto facts = store.facts(day, "a.example", std::nullopt);
    EXPECT_TRUE(facts.ok());
    for (const policy::Fact& fact : *facts) sum += fact.sessions;
    return sum;
  }

  CollectorOptions options_;
  testing_support::TempDir folder_;
  testing_support::FakeClock clock_{noon};
};

TEST_F(CollectorTest, ANewLifeAfterEveryFewOctetsCountsTheSame) {
  std::string log;
  for (unsigned number = 0; number < 40; ++number) log += delivery(number);
  auto store = open_store();
  for (std::size_t at = 0; at < log.size(); at += 501) {
    append(std::string_view(log).substr(at, 501));
    auto collector = make(*store);
    ASSERT_TRUE(collector.ok());
    while (*(*collector)->take_block()) {
    }
    ASSERT_TRUE((*collector)->commit().ok());
  }
  EXPECT_EQ(sessions(*store), 40U);
}

TEST_F(CollectorTest, SaysHowManyQueueIdsItCouldNotRemember) {
  std::string forged;
  for (std::size_t number = 0; number < max_doubtful_queue_ids + 3; ++number)
    forged +=
        "2026-11-22T10:00:00Z relay1 postfix/cleanup[1]: " + std::to_string(1000000 + number) +
        ": message-id=<tlsrpt.20261122.a.example.1.0.0bad@relay.example>\n";
  append(forged);
  auto store = open_store();
  auto collector = make(*store);
  ASSERT_TRUE(collector.ok());
  while (*(*collector)->take_block()) {
  }
  const auto notices = (*collector)->take_notices();
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_EQ(notices.front().substr(0, 57),
            "3 queue ids of mail that looks like reports of ours were ");
  EXPECT_TRUE((*collector)->take_notices().empty());
  EXPECT_FALSE(store->forgotten_queue_ids(day)->last);
  ASSERT_TRUE((*collector)->commit().ok());
  append(
      "2026-11-22T10:00:02Z relay1 postfix/cleanup[1]: 7777777: "
      "message-id=<tlsrpt.x.1@a.example>\n");
  ASSERT_TRUE(*(*collector)->take_block());
  ASSERT_TRUE((*collector)->commit().ok());  // Whether it was told or not.
  const auto forgotten = store->forgotten_queue_ids(day);
  EXPECT_EQ(forgotten->ours, 0U);
  EXPECT_EQ(forgotten->doubtful, 4U);
  EXPECT_EQ(forgotten->last, noon);  // The log had been read to its end.
}

TEST_F(CollectorTest, WhatWasNotCommittedIsReadAgain) {
  append(delivery(1));
  auto store = open_store();
  {
    auto collector = make(*store);
    ASSERT_TRUE(*(*collector)->take_block());
  }
  EXPECT_EQ(sessions(*store), 0U);
  auto collector = make(*store);
  ASSERT_TRUE(*(*collector)->take_block());
  ASSERT_TRUE((*collector)->commit().ok());
  ASSERT_TRUE((*collector)->commit().ok());
  EXPECT_EQ(sessions(*store), 1U);
  const auto state = store->collector_state("relay1", (*collector)->source());
  ASSERT_TRUE(state.ok() && state->has_value());
  EXPECT_EQ(policy::to_text(*(*state)->read_until), "2026-11-22T10:00:01Z");
}

TEST_F(CollectorTest, SilentLogIsReadUpToThePresent) {
  append(delivery(1));
  auto store = open_store();
  auto collector = make(*store);
  const auto read_until = [&store, &collector] {
    while (*(*collector)->take_block()) {
    }
    EXPECT_TRUE((*collector)->commit().ok());
    const auto state = store->collector_state("relay1", (*collector)->source());
    return policy::to_text(*(*state)->read_until);
  };
  EXPECT_EQ(read_until(), "2026-11-22T12:00:00Z");
  clock_.advance(std::chrono::seconds(59));  // Not worth a write yet.
  EXPECT_EQ(read_until(), "2026-11-22T12:00:00Z");
  clock_.advance(std::chrono::hours(12));
  EXPECT_EQ(read_until(), "2026-11-23T00:00:59Z");
  EXPECT_EQ(sessions(*store), 1U);
}

TEST_F(CollectorTest, AbsentLogIsNotFound) {
  auto store = open_store();
  auto collector = make(*store);
  ASSERT_TRUE(collector.ok());
  const auto block = (*collector)->take_block();
  ASSERT_FALSE(block.ok());
  EXPECT_TRUE(block.error().code() == policy::Errc::not_found);
}

TEST_F(CollectorTest, AStateOfAnotherVersionIsRefusedNotForgotten) {
  auto store = open_store();
  reporter::Batch batch;
  batch.relay = "relay1";
  batch.source = "file:" + folder_.file("mail.log");
  batch.state.pending = to_octets({"", "\x7F", std::nullopt});
  batch.committed_at = noon;
  ASSERT_TRUE(store->commit(batch).ok());
  append(delivery(1));
  const auto collector = make(*store);
  ASSERT_FALSE(collector.ok());
  EXPECT_TRUE(collector.error().code() == policy::Errc::syntax);
  EXPECT_NE(collector.error().message().find(batch.source), std::string::npos);
}

std::string handshake_log() {
  const std::string head = "2026-11-22T11:59:59Z relay1 postfix/smtp[7]: ";
  return head + "Trusted TLS connection established to mx.a.example[198.51.100.1]:25: TLSv1.3\n" +
         head +
         "TLSRPT: status=success, domain=a.example, receiving_mx=mx.a.example[198.51.100.1]\n" +
         head +
         "2667D10E: to=<u@a.example>, relay=mx.a.example[198.51.100.1]:25, delay=1, "
         "delays=0/0/1/0, dsn=2.0.0, status=sent (250 Ok)\n";
}

const std::string datagram_octets =
    R"({"d":"a.example","policies":[{"policy-type":2,"policy-string":["version: STSv1"],)"
    R"("mx-host":["*.a.example"],"t":0,"f":0}]})";

TEST_F(CollectorTest, DatagramAndItsLogAreOneRowAlsoOverARestart) {
  options_.join.expects_datagrams = true;
  append(handshake_log());
  auto store = open_store();
  auto collector = make(*store);
  ASSERT_TRUE(*(*collector)->take_block());
  ASSERT_TRUE((*collector)->commit().ok());
  EXPECT_EQ(sessions(*store), 0U);  // It waits for its datagram.
  collector = make(*store);
  const ReceivedDatagram datagram{7, noon, datagram_octets, 5, false};
  const ReceivedDatagram bad{8, noon, "nonsense", 8, false};
  // Received an hour after the start: nothing that the socket had held.
  clock_.set(noon + std::chrono::hours(1));
  const ReceivedDatagram late{7, noon - std::chrono::seconds(1), datagram_octets, 7, false};
  (*collector)->take(std::vector{late, bad});
  (*collector)->take(std::vector{datagram});  // Has a smaller number: taken before.
  EXPECT_EQ((*collector)->take_notices().size(), 1U);
  ASSERT_TRUE((*collector)->commit().ok());
  EXPECT_EQ((*collector)->committed_datagram(), 8U);
  const auto facts = store->facts(day, "a.example", std::nullopt);
  ASSERT_EQ(facts->size(), 1U);
  const policy::Fact& fact = facts->front();
  EXPECT_TRUE(fact.source == policy::Source::both);
  EXPECT_EQ(fact.sessions, 1U);
  EXPECT_EQ(fact.messages, 1U);
  EXPECT_EQ(fact.mx_ip, "198.51.100.1");
  EXPECT_TRUE(fact.policy.type == policy::PolicyType::sts);
  EXPECT_EQ(fact.policy.policy_domain, "a.example");
  EXPECT_EQ(fact.policy.policy_string, std::vector<std::string>{"version: STSv1"});
  EXPECT_EQ(fact.policy.mx_host, std::vector<std::string>{"*.a.example"});
}

TEST_F(CollectorTest, DatagramsThatWaitForALogTakeRoomUnlessItCannotBeRead) {
  options_.join.expects_datagrams = true;
  append("2026-11-22T10:00:00Z relay1 sshd[1]: noise\n");
  auto store = open_store();
  const auto collector = *make(*store);
  EXPECT_TRUE(collector->take_block().ok());
  EXPECT_TRUE(collector->has_room_for_datagrams());
  const std::vector<ReceivedDatagram> many(max_join_datagrams / 2, {7, noon, datagram_octets, 0});
  collector->take(many);
  EXPECT_FALSE(collector->has_room_for_datagrams());
  std::filesystem::rename(folder_.file("mail.log"), folder_.file("kept"));
  std::filesystem::create_directory(folder_.file("mail.log"));
  EXPECT_FALSE(collector->take_block().ok());
  EXPECT_TRUE(collector->has_room_for_datagrams());
  std::filesystem::remove(folder_.file("mail.log"));
  std::filesystem::rename(folder_.file("kept"), folder_.file("mail.log"));
  EXPECT_TRUE(collector->take_block().ok());
  EXPECT_FALSE(collector->has_room_for_datagrams());
}

TEST_F(CollectorTest, WhereDatagramsAreNoLongerExpectedNothingWaits) {
  options_.join.expects_datagrams = true;
  append(handshake_log());
  auto store = open_store();
  auto collector = make(*store);
  ASSERT_TRUE(*(*collector)->take_block());
  ASSERT_TRUE((*collector)->commit().ok());
  options_.join.expects_datagrams = false;
  collector = make(*store);
  ASSERT_TRUE((*collector)->commit().ok());
  EXPECT_EQ(sessions(*store), 1U);
}

TEST(PendingState, SurvivesItsOctets) {
  const auto pending = parse_pending(to_octets({"reader", std::string("a\0b", 3), 300, "join"}));
  ASSERT_TRUE(pending.ok());
  EXPECT_EQ(pending->reader, "reader");
  EXPECT_EQ(pending->correlator, std::string("a\0b", 3));
  EXPECT_EQ(pending->last_datagram, 300);
  EXPECT_EQ(pending->join, "join");
  EXPECT_EQ(parse_pending(to_octets({"", "", std::nullopt}))->last_datagram, std::nullopt);
  PendingState quiet{"reader", "", std::nullopt};
  quiet.counted_until = noon;
  EXPECT_EQ(parse_pending(to_octets(quiet))->counted_until, noon);
  EXPECT_EQ(parse_pending(to_octets(quiet))->newest_line, std::nullopt);
  quiet.newest_line = noon;
  quiet.counted_until.reset();
  quiet.beside = {"file:/a", "file:/b"};
  EXPECT_EQ(parse_pending(to_octets(quiet))->beside, quiet.beside);
  EXPECT_EQ(parse_pending(to_octets(quiet))->newest_line, noon);
  EXPECT_EQ(parse_pending(to_octets(quiet))->counted_until, std::nullopt);
  EXPECT_EQ(pending->counted_until, std::nullopt);
  EXPECT_FALSE(parse_pending("").ok());
  EXPECT_FALSE(parse_pending("\x05x").ok());
}

// How a state was written before there were datagrams.
TEST(PendingState, NeedNotKnowOfDatagrams) {
  const auto pending = parse_pending("\1a\1b");
  ASSERT_TRUE(pending.ok());
  EXPECT_EQ(pending->correlator, "b");
  EXPECT_EQ(pending->last_datagram, std::nullopt);
}

// How it was written before it was noted what another log had told.
TEST(PendingState, NeedNotKnowOfOtherLogs) {
  const auto pending = parse_pending(std::string("\1a\1b\7\1\1j", 8));
  ASSERT_TRUE(pending.ok());
  EXPECT_EQ(pending->last_datagram, 7);
  EXPECT_EQ(pending->join, "j");
  EXPECT_EQ(pending->newest_line, std::nullopt);
  EXPECT_EQ(pending->recent.known_until(), std::nullopt);
}

}  // namespace
}  // namespace tlsrpt::milter
