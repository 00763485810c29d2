#include <gtest/gtest.h>

#include "tests/milter/correlate/join_world.h"

namespace tlsrpt::milter {
namespace {

TEST(DatagramJoinState, RestoreIsTotal) {
  JoinWorld world;
  world.line(0, established_line(7, "a.example")).line(0, tlsrpt_line(7, "a.example"));
  world.line(0, delivery_line(7, "a.example"));
  world.datagram(0, 8, failure_datagram("a.example"));
  world.line(1, tlsrpt_line(8, "b.example")).datagram(1, 8, success_datagram("b.example"));
  ASSERT_TRUE(world.restart(1));
  const std::string good = world.join().state(join_start);
  for (std::size_t length = 1; length < good.size(); ++length)
    EXPECT_FALSE(world.join().restore(good.substr(0, length)).ok()) << length;
  for (std::size_t at = 0; at < good.size(); at += 3) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x55);
    (void)world.join().restore(bad);
    world.end(100000);
  }
  EXPECT_TRUE(world.join().restore(good).ok());
}

TEST(DatagramJoinState, TheRecordThatPostfixSawOutlivesTheWait) {
  JoinWorld world;
  world.datagram(0, 7, success_datagram("a.example")).datagram(0, 8, success_datagram("b.example"));
  ASSERT_TRUE(world.restart(1));
  world.line(0, established_line(7, "a.example")).line(0, tlsrpt_line(7, "a.example"));
  world.line(0, delivery_line(7, "a.example")).end(2000);
  // One with its line, one alone.
  EXPECT_EQ(world.sink.records, std::vector<std::string>(2, "v=TLSRPTv1;rua=mailto:r@x.example"));
}

// What was counted is remembered for a day, and written with each commit.
TEST(DatagramJoinState, WhatIsRememberedIsShort) {
  constexpr int count = 1000;
  JoinWorld world;
  for (int i = 0; i < count; ++i) world.datagram(0, 7, failure_datagram("a.example"));
  world.end(700);
  for (int i = 0; i < count; ++i) {
    world.line(800, established_line(8, "b.example")).line(800, tlsrpt_line(8, "b.example"));
    world.line(800, delivery_line(8, "b.example"));
  }
  world.end(1500);
  EXPECT_EQ(world.sink.seen.size(), 2U * count);
  EXPECT_LT(world.join().state(join_start).size(), 150U * count);
}

TEST(DatagramJoinState, WhereDatagramsAreNoLongerExpectedWhatWaitsIsCounted) {
  JoinWorld world;
  world.line(0, established_line(7, "a.example")).line(0, tlsrpt_line(7, "a.example"));
  world.line(0, delivery_line(7, "a.example"));
  world.datagram(0, 8, success_datagram("b.example"));
  const std::string state = world.join().state(join_start);
  JoinedSink sink;
  DatagramJoin join({}, FilterOptions(), sink);
  ASSERT_TRUE(join.restore(state).ok());
  EXPECT_EQ(sink.seen.size(), 2U);
}

}  // namespace
}  // namespace tlsrpt::milter
