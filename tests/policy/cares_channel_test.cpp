#include "policy/cares_channel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/scripted_dns.h"

namespace tlsrpt::policy {
namespace {

using std::chrono::milliseconds;
using testing_support::answer_with_rcode;
using testing_support::ScriptedDns;

std::unique_ptr<CaresChannel> channel(std::uint16_t port, milliseconds timeout) {
  auto opened = CaresChannel::open({IpAddress::v4({127, 0, 0, 1}), port}, timeout);
  EXPECT_TRUE(opened.ok());
  return *std::move(opened);
}

// Drives CHANNEL until nothing is under way.
void drive(CaresChannel& channel) {
  while (const auto wait = channel.wait_time()) {
    auto ready = channel.sockets();
    if (poll(ready.data(), ready.size(), static_cast<int>(wait->count())) < 0) ready.clear();
    channel.process(ready);
  }
}

TEST(CaresChannel, AsksTheServerAndTellsWhetherItReplied) {
  const ScriptedDns server([](std::string query) { return answer_with_rcode(query, 3); });
  const auto dns = channel(server.port(), milliseconds(2000));
  EXPECT_EQ(dns->wait_time(), std::nullopt);
  EXPECT_TRUE(dns->sockets().empty());
  std::vector<ServerAnswer> answers;
  const auto keep = [&answers](ServerAnswer answer) { answers.push_back(std::move(answer)); };
  dns->ask("a.example", RecordType::txt, keep);
  dns->ask("a.example", RecordType::a, keep);
  dns->ask("a.example", RecordType::aaaa, keep);
  EXPECT_EQ(dns->sockets().size(), 1U);
  EXPECT_NE(dns->wait_time(), std::nullopt);
  drive(*dns);
  ASSERT_EQ(answers.size(), 3U);
  for (const ServerAnswer& answer : answers) {
    EXPECT_EQ(answer.outcome, DnsOutcome::absent);
    EXPECT_TRUE(answer.replied);
  }
  EXPECT_EQ(server.asked(), 3U);
}

TEST(CaresChannel, GivesUpAfterItsTimeout) {
  const ScriptedDns silent([](const std::string&) { return std::nullopt; });
  const auto dns = channel(silent.port(), milliseconds(50));
  ServerAnswer got;
  dns->ask("a.example", RecordType::txt, [&got](ServerAnswer answer) { got = std::move(answer); });
  ASSERT_TRUE(dns->wait_time().has_value());
  EXPECT_LE(*dns->wait_time(), milliseconds(51));
  const auto start = std::chrono::steady_clock::now();
  drive(*dns);
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(45));
  EXPECT_EQ(got.error, "timeout");
  EXPECT_FALSE(got.replied);
  EXPECT_EQ(silent.asked(), 1U);
}

TEST(CaresChannel, NamesThatCannotExistAreAbsent) {
  const ScriptedDns server([](std::string query) { return answer_with_rcode(query, 2); });
  const auto dns = channel(server.port(), milliseconds(2000));
  unsigned absent = 0;
  for (const std::string& name :
       {std::string("a..b"), std::string(64, 'a'), std::string("a\0b", 3), std::string(600, 'a')}) {
    dns->ask(name, RecordType::txt, [&absent](const ServerAnswer& answer) {
      absent += answer.outcome == DnsOutcome::absent ? 1 : 0;
    });
  }
  drive(*dns);
  EXPECT_EQ(absent, 4U);
  EXPECT_EQ(server.asked(), 0U);
}

TEST(CaresChannel, PassesOverSocketsOfOthers) {
  const ScriptedDns server([](std::string query) { return answer_with_rcode(query, 3); });
  const auto dns = channel(server.port(), milliseconds(2000));
  bool answered = false;
  dns->ask("a.example", RecordType::txt, [&answered](const ServerAnswer&) { answered = true; });
  dns->process({pollfd{9999, POLLIN, POLLIN}});
  EXPECT_FALSE(answered);
  drive(*dns);
  EXPECT_TRUE(answered);
}

TEST(CaresChannel, AnAnswerThatOurReadingThrowsAtIsOurFault) {
  const auto answer =
      guarded_answer([]() -> ServerAnswer { throw std::out_of_range("basic_string::substr"); });
  EXPECT_EQ(answer.outcome, DnsOutcome::temporary);
  EXPECT_EQ(answer.error, "internal error: basic_string::substr");
  EXPECT_TRUE(answer.our_fault);
  EXPECT_TRUE(answer.replied);
  const ServerAnswer good{DnsOutcome::found, {"text"}, {}, "", true, false};
  EXPECT_EQ(guarded_answer([&good] { return good; }).texts, good.texts);
}

TEST(CaresChannel, DropsItsQuestionsWhenItEnds) {
  const ScriptedDns silent([](const std::string&) { return std::nullopt; });
  bool answered = false;
  channel(silent.port(), milliseconds(50))
      ->ask("a.example", RecordType::txt, [&answered](const ServerAnswer&) { answered = true; });
  EXPECT_FALSE(answered);
}

TEST(CaresChannel, SystemServersAreThoseOfResolvConf) {
  const auto servers = system_servers();
  ASSERT_TRUE(servers.ok()) << servers.error().message();
  EXPECT_FALSE(servers->empty());  // Without resolv.conf: 127.0.0.1.
  for (const DnsServer& server : *servers) EXPECT_EQ(server.port, 53);
}

}  // namespace
}  // namespace tlsrpt::policy
