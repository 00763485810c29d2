// What collectors of several logs tell each other, so that each session counts once (design,
// section 3, "Both sources").
#include <gtest/gtest.h>

#include <array>

#include "tests/milter/correlate/join_world.h"

namespace tlsrpt::milter {
namespace {

constexpr int hour = 3600;

TEST(DatagramJoinLogs, WhatTheFirstLogCountedAloneASecondOneDoesNotCountAgain) {
  JoinWorld first({true, true, true, false, "relay1"});
  JoinOptions options{true, true, false, false, "relay1"};
  JoinWorld second(options);
  for (JoinWorld* world : {&first, &second}) world->datagram(0, 7, success_datagram("a.example"));
  first.end(700);
  EXPECT_EQ(first.sink.seen.size(), 1U);
  for (const std::uint64_t counted : first.join().take_counted())
    second.join().note_counted(counted);
  EXPECT_TRUE(first.join().take_counted().empty());
  log_session(second, 0);  // It is read ten minutes behind the first.
  second.end(2000);
  EXPECT_EQ(second.sink.seen.size(), 0U);
  EXPECT_EQ(second.sink.messages, 1U);
}

TEST(DatagramJoinLogs, WhatASecondLogDoesNotCountTheFirstDoes) {
  JoinWorld first({true, true, true, false, "relay1"});
  JoinWorld second({true, true, false, false, "relay1"});
  JoinWorld late({true, true, false, false, "relay1"});
  constexpr int same = 3;  // In one second, by one process.
  for (int i = 0; i < same; ++i) {
    for (JoinWorld* world : {&first, &second, &late})
      world->datagram(0, 7, success_datagram("a.example"));
  }
  second.end(700);  // It is read farther than the first.
  EXPECT_TRUE(second.join().take_counted().empty());
  EXPECT_EQ(first.end(700).sink.seen.size(), 3U);
  const auto counted = first.join().take_counted();
  EXPECT_EQ(counted.size(), 3U);
  for (const std::uint64_t hash : counted) late.join().note_counted(hash);
  for (int i = 0; i < same; ++i) log_session(late, 0);
  EXPECT_EQ(late.end(2000).sink.seen.size(), 0U);
}

// What COLLECTOR has told since the last call, to OTHER.
void tell(JoinWorld& collector, JoinWorld& other) {
  for (const std::uint64_t paired : collector.join().take_paired()) other.join().forget(paired);
  for (const std::uint64_t counted : collector.join().take_counted())
    other.join().note_counted(counted);
  for (const std::uint64_t told : collector.join().take_told()) other.join().forget_counted(told);
}

TEST(DatagramJoinLogs, ADatagramThatASecondLogFoundLateIsNoOthersInTheFirst) {
  JoinWorld first({true, true, true, false, "relay1"});
  JoinWorld second({true, true, false, false, "relay1"});
  for (JoinWorld* world : {&first, &second})
    world->datagram(0, 7, success_datagram("a.example")).end(700);
  tell(first, second);
  log_session(second, 0);  // It is read ten minutes behind.
  tell(second, first);
  log_session(first, 1);  // Another one's, whose datagram was lost.
  second.end(2000);
  EXPECT_EQ(by_source(first.end(2000)), (Sources{{"datagram", 1}, {"log", 1}}));
  EXPECT_EQ(second.sink.seen.size(), 0U);
}

TEST(DatagramJoinLogs, AKillBetweenTwoCommitsLosesNoWordOfWhatWasCounted) {
  JoinWorld first({true, true, true, false, "relay1"});
  JoinWorld second({true, true, false, false, "relay1"});
  for (JoinWorld* world : {&first, &second}) world->datagram(0, 7, success_datagram("a.example"));
  first.end(700);
  EXPECT_TRUE(first.restart(700));  // The second has not heard of it.
  tell(first, second);
  log_session(second, 0);
  second.end(2000);
  EXPECT_EQ(first.sink.seen.size(), 1U);
  EXPECT_EQ(second.sink.seen.size(), 0U);
}

TEST(DatagramJoinLogs, TwoLogsThatStoodStillAreAsExactAsOne) {
  JoinWorld first({true, true, true, false, "relay1"});
  JoinWorld second({true, true, false, false, "relay1"});
  const std::array<JoinWorld*, 2> logs{&first, &second};
  constexpr int begin = 600;
  constexpr int end = begin + hour;
  constexpr int all = end + 1200;
  const auto log = [&](int session, int at) {
    log_session(*logs.at(static_cast<std::size_t>(session) % 2), at, 7 + session % 4);
  };
  for (int now = 0; now < all; ++now) {
    for (JoinWorld* each : logs) each->datagram(now, 7 + now % 4, success_datagram("a.example"));
    if (now < begin || now >= end) log(now, now);
    // All that had to wait gets the stamps of the end, within a minute.
    for (int late = begin; now == end && late < end; ++late) log(late, end + (late - begin) / 60);
    for (JoinWorld* each : logs) {
      each->end(now);
      tell(*each, *logs.at(each == &first ? 1 : 0));
    }
  }
  for (JoinWorld* each : logs) tell(each->end(all + hour), *logs.at(each == &first ? 1 : 0));
  Sources found = by_source(first);
  for (const auto& [source, sessions] : by_source(second)) found[source] += sessions;
  // All but those of the last ten minutes, and one more, were counted before.
  EXPECT_EQ(found["both"] + found["datagram"], all);
  EXPECT_EQ(found["log"], 0);
  EXPECT_NEAR(found["datagram"], hour - 660, 10);
  EXPECT_EQ(first.sink.messages + second.sink.messages, static_cast<unsigned>(all));
}

}  // namespace
}  // namespace tlsrpt::milter
