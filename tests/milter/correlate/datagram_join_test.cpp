#include "milter/correlate/datagram_join.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/milter/correlate/join_world.h"

namespace tlsrpt::milter {
namespace {

using Seen = std::vector<std::string>;

const std::string sts = "sts:a.example|version: STSv1|mode: enforce";
const std::string both_success = "22 a.example mx.a.example[198.51.100.1] success both " + sts;
const std::string log_success = "22 a.example mx.a.example[198.51.100.1] success log";
const std::string datagram_success = "22 a.example [] success datagram " + sts;
const std::string both_expired =
    "22 a.example mx.a.example[198.51.100.1] certificate-expired both no-policy-found:a.example "
    "helo=mta.a.example from=192.0.2.25";

TEST(DatagramJoin, WhicheverComesFirstMakesOneSessionOfBoth) {
  JoinWorld first;
  first.datagram(0, 7, success_datagram("A.example"));
  log_session(first, 0);
  JoinWorld last;
  log_session(last, 0);
  last.datagram(1, 7, success_datagram("a.example"));
  JoinWorld middle;
  middle.line(0, established_line(7, "a.example")).line(0, tlsrpt_line(7, "a.example"));
  middle.datagram(0, 7, success_datagram("a.example")).line(0, delivery_line(7, "a.example"));
  for (JoinWorld* world : {&first, &last, &middle}) {
    EXPECT_EQ(world->sink.seen, Seen{both_success});
    EXPECT_EQ(world->sink.messages, 1U);
    EXPECT_EQ(world->end(2000).sink.seen.size(), 1U);
  }
}

TEST(DatagramJoin, FailureTakesCodeHeloAndSendingAddressFromTheDatagram) {
  JoinWorld world;
  log_session(world, 0, 7, false);
  world.datagram(0, 7, failure_datagram("a.example"));
  EXPECT_EQ(world.end(2000).sink.seen, Seen{both_expired});
}

TEST(DatagramJoin, WithoutDatagramTheLogCountsAfterTenMinutesOfItsTime) {
  JoinWorld world;
  log_session(world, 0);
  world.line(600, "postfix/smtp[9]: noise").line(600, "postfix/smtp[9]: noise");
  EXPECT_EQ(world.sink.seen, Seen{});
  // A single odd stamp ends no wait.
  world.line(90000, "postfix/smtp[9]: noise").line(600, "postfix/smtp[9]: noise");
  EXPECT_EQ(world.sink.seen, Seen{});
  world.line(601, "postfix/smtp[9]: noise").line(601, "postfix/smtp[9]: noise");
  EXPECT_EQ(world.sink.seen, Seen{log_success});
}

TEST(DatagramJoin, WithoutLineTheDatagramCountsTenMinutesAfterItsArrival) {
  JoinWorld world;
  world.datagram(0, 7, success_datagram("a.example")).end(600);
  EXPECT_EQ(world.sink.seen, Seen{});
  EXPECT_EQ(world.end(601).sink.seen, Seen{datagram_success});
}

TEST(DatagramJoin, HandshakeWithoutLineCountsAtOnce) {
  JoinWorld world;
  world.line(0, established_line(7, "a.example")).line(0, delivery_line(7, "a.example"));
  EXPECT_EQ(world.sink.seen, Seen{log_success});
}

TEST(DatagramJoin, NobodyWaitsWhereNoDatagramsAreExpected) {
  JoinWorld world({false, true, true, true, "relay1"});
  log_session(world, 0);
  EXPECT_EQ(world.sink.seen, Seen{log_success});
}

TEST(DatagramJoin, WithoutLogDatagramsCountAtOnce) {
  JoinWorld world({true, false, true, true, "relay1"});
  world.datagram(0, 7, success_datagram("a.example"));
  EXPECT_EQ(world.sink.seen, Seen{datagram_success});
}

TEST(DatagramJoin, LostDatagramDoesNotShiftTheNext) {
  JoinWorld world;
  log_session(world, 0, 7, true);
  log_session(world, 2, 7, false);
  log_session(world, 4, 7, true);
  world.datagram(2, 7, failure_datagram("a.example"))
      .datagram(10, 7, success_datagram("a.example"));
  log_session(world, 10, 7, true);
  world.end(2000);
  EXPECT_EQ(world.sorted(), (Seen{both_expired, both_success, log_success, log_success}));
}

TEST(DatagramJoin, DatagramsOfOtherProcessesAndAddressesAreNotTaken) {
  JoinWorld world;
  world.datagram(0, 7, failure_datagram("a.example", 204, "198.51.100.2"));
  log_session(world, 0, 7, false);
  world.end(2000);
  EXPECT_EQ(world.sink.seen.size(), 2U);
}

TEST(DatagramJoin, AnotherPidIsTakenWhereTheOwnHasNone) {
  // Postfix in a container: the log has its own pids.
  JoinWorld world;
  world.datagram(0, 4711, success_datagram("a.example"));
  log_session(world, 0);
  EXPECT_EQ(world.end(2000).sink.seen, Seen{both_success});
}

// A new life, which receives at SECONDS what pid 4711 sent at some time since second -2.
void receive_late(JoinWorld& world, int seconds) {
  ASSERT_TRUE(world.restart(-2));
  world.datagram(seconds, 4711, success_datagram("a.example"), StampOf::start);
}

TEST(DatagramJoin, AnotherPidIsTakenOfWhatLayInTheSocketOnceItsOwnLineWasRead) {
  JoinWorld world;
  receive_late(world, 40);
  log_session(world, 0);
  log_session(world, 700, 7, true, "b.example");
  log_session(world, 701, 7, true, "b.example");
  EXPECT_EQ(world.sink.seen, Seen{both_success});
}

TEST(DatagramJoin, NoOtherPidFromBeforeTheStopTakesWhatLayInTheSocket) {
  JoinWorld world;
  receive_late(world, 40);
  log_session(world, -100);
  EXPECT_EQ(world.end(600).sink.seen, Seen{log_success});
}

TEST(DatagramJoin, TheOwnPidTakesWhatLayInTheSocketBeforeAnother) {
  JoinWorld world;
  receive_late(world, 900);
  log_session(world, 0);
  log_session(world, 800, 4711);
  EXPECT_EQ(world.sorted(), (Seen{both_success, log_success}));
  EXPECT_EQ(world.end(2000).sorted(), (Seen{both_success, log_success}));
}

// Of two logs, the one whose collector does not count what finds no line.
JoinOptions second_log() {
  JoinOptions options{true, true, true, true, "relay1"};
  options.counts_alone = options.is_only = false;
  return options;
}

TEST(DatagramJoin, ALateLineOfASecondLogFindsWhatTheFirstHasCountedAlone) {
  JoinWorld world(second_log());
  world.datagram(0, 7, success_datagram("a.example")).end(700);
  EXPECT_TRUE(world.restart(700));
  log_session(world, 0);
  world.end(2000);
  EXPECT_EQ(world.sink.seen, Seen());
  EXPECT_EQ(world.sink.messages, 1U);
}

TEST(DatagramJoin, WhatTheFirstLogHasALateLineOfIsForgottenInTheSecond) {
  JoinWorld first({true, true, true, false, "relay1"});
  JoinWorld second(second_log());
  for (JoinWorld* world : {&first, &second}) world->datagram(0, 7, success_datagram("a.example"));
  second.end(700);
  log_session(first, 0);
  for (const std::uint64_t paired : first.join().take_paired()) second.join().forget(paired);
  log_session(second, 0);
  EXPECT_EQ(second.end(2000).sink.seen, Seen{log_success});
}

TEST(DatagramJoin, PostfixSaysThatADatagramWasNotSent) {
  JoinWorld world;
  world.line(0, established_line(7, "a.example"))
      .line(0, tlsrpt_line(7, "a.example"))
      .line(0,
            "postfix/smtp[7]: warning: Could not report TLS handshake result to tlsrpt library: "
            "Resource temporarily unavailable (errno 11)")
      .line(0, delivery_line(7, "a.example"));
  EXPECT_EQ(world.sink.seen, Seen{log_success});
  log_session(world, 3);
  world.datagram(3, 7, success_datagram("a.example"));
  EXPECT_EQ(world.sink.seen, (Seen{log_success, both_success}));
}

TEST(DatagramJoin, WherePostfixSendsElsewhereLinesStopWaiting) {
  JoinWorld world;
  for (int second = 0; second < 2000; ++second) log_session(world, second);
  EXPECT_TRUE(world.join().misses_datagrams());
  // Those of the first thousand whose ten minutes are over, and all that came after them.
  EXPECT_EQ(world.sink.seen.size(), 2000U);
  for (int second = 2000; second < 5000; ++second) log_session(world, second);
  EXPECT_EQ(world.sink.seen.size(), 5000U);
  // A day's memory of the first thousand, half a minute's of all others.
  EXPECT_LT(world.join().state(join_start).size(), 150'000U);
  // A datagram whose line was just counted is not counted, and from now on lines wait.
  world.datagram(4999, 7, success_datagram("a.example"));
  EXPECT_FALSE(world.join().misses_datagrams());
  log_session(world, 5100);
  EXPECT_EQ(world.sink.seen.size(), 5000U);
  world.datagram(5101, 7, success_datagram("a.example")).end(9000);
  EXPECT_EQ(world.sink.seen.size(), 5001U);
  EXPECT_EQ(world.sink.seen.back(), both_success);
}

TEST(DatagramJoin, ANewLifeWaitsAgainForWhatLiesInTheSocket) {
  JoinWorld world;
  for (int second = 0; second < 2000; ++second) log_session(world, second);
  ASSERT_TRUE(world.restart(2000));
  EXPECT_FALSE(world.join().misses_datagrams());
  log_session(world, 2001);
  EXPECT_EQ(world.sink.seen.size(), 2000U);
  world.datagram(2002, 7, success_datagram("a.example")).end(9000);
  EXPECT_EQ(world.sink.seen.size(), 2001U);
}

TEST(DatagramJoin, LogThatLagsFindsItsDatagramsWaiting) {
  JoinWorld world;
  for (int second = 0; second < 3600; second += 100)
    world.datagram(second, 7, success_datagram("a.example"));
  for (int second = 0; second < 3600; second += 100) log_session(world, second);
  world.end(9000);
  EXPECT_EQ(world.sorted(), Seen(36, both_success));
}

TEST(DatagramJoin, LinesThatComeAfterTheirDatagramWasCountedAreNotCountedAgain) {
  JoinWorld world;
  world.datagram(0, 7, success_datagram("a.example")).end(3600);
  EXPECT_EQ(world.sink.seen, Seen{datagram_success});
  log_session(world, 0);
  EXPECT_EQ(world.end(9000).sink.seen, Seen{datagram_success});
  EXPECT_EQ(world.sink.messages, 1U);
}

TEST(DatagramJoin, DatagramThatComesAfterItsLineWasCountedIsNotCountedAgain) {
  JoinWorld world;
  log_session(world, 0);
  world.end(700).datagram(2, 7, success_datagram("a.example")).end(9000);
  EXPECT_EQ(world.sink.seen, Seen{log_success});
}

TEST(DatagramJoin, WhatLayInTheSocketWhileWeWereNotThereFindsItsOldLine) {
  JoinWorld world;
  log_session(world, 0);
  world.datagram(0, 7, success_datagram("a.example"));
  ASSERT_TRUE(world.restart(10));
  // Eight hours later: the socket has one datagram, the log all lines.
  constexpr int later = 8 * 3600;
  world.datagram(later, 7, success_datagram("a.example"), StampOf::start);
  log_session(world, 60);
  log_session(world, 7200, 8);
  log_session(world, later + 1);
  world.datagram(later + 1, 7, success_datagram("a.example"), StampOf::start);
  world.end(later + 2000);
  EXPECT_EQ(world.sorted(), (Seen{both_success, both_success, both_success, log_success}));
}

TEST(DatagramJoin, WhatLayInTheSocketTakesTheFirstLineSoThatNoneIsLeftOver) {
  JoinWorld world;
  ASSERT_TRUE(world.restart(0));
  world.datagram(200, 7, success_datagram("a.example"), StampOf::start)
      .datagram(203, 7, success_datagram("a.example"))
      .datagram(206, 7, success_datagram("a.example"));
  for (const int second : {199, 203, 206}) log_session(world, second);
  EXPECT_EQ(world.end(2000).sink.seen, Seen(3, both_success));
}

TEST(DatagramJoin, ReportMailIsCountedByNeither) {
  JoinWorld world;
  world.line(0, "postfix/cleanup[3]: 2667D10E: message-id=<tlsrpt.1.0.00ff@relay.example>");
  world.datagram(0, 7, success_datagram("a.example"));
  log_session(world, 0);
  log_session(world, 2);
  world.datagram(2, 7, success_datagram("a.example"));
  EXPECT_EQ(world.end(2000).sink.seen, (Seen{"ignored report-mail", "ignored report-mail"}));
}

// The datagrams of a report's two sessions, and of one more, were counted before their lines came.
void count_report_alone(JoinWorld& world) {
  world.datagram(0, 7, success_datagram("a.example"))
      .datagram(0, 7, failure_datagram("a.example"))
      .datagram(5, 8, success_datagram("a.example"))
      .end(700);
}

void log_report(JoinWorld& world, int seconds) {
  world.line(seconds, "postfix/cleanup[3]: 2667D10E: message-id=<tlsrpt.1.0.00ff@relay.example>");
  log_session(world, seconds, 7, false);
  log_session(world, seconds);
  world.line(seconds, "postfix/qmgr[3]: 2667D10E: removed");
}

TEST(DatagramJoin, ALateLineOfAReportTakesBackWhatItsDatagramCounted) {
  JoinWorld world;
  count_report_alone(world);
  EXPECT_EQ(world.sink.seen.size(), 3U);
  ASSERT_TRUE(world.restart(1000));
  log_report(world, 0);
  log_session(world, 5, 8);
  world.end(4000);
  EXPECT_EQ(world.sorted(), (Seen{datagram_success, "ignored report-mail", "ignored report-mail"}));
  EXPECT_EQ(world.sink.never_told, Seen());
  EXPECT_EQ(world.sink.messages, 1U);
}

TEST(DatagramJoin, SoDoesOneWithTheStampOfTheEndOfALogThatStoodStill) {
  JoinWorld world;
  world.line(-60, "postfix/smtp[9]: noise")
      .datagram(0, 7, success_datagram("a.example"))
      .datagram(0, 7, failure_datagram("a.example"))
      .end(700);
  EXPECT_EQ(world.sink.seen.size(), 2U);
  log_report(world, 1800);
  EXPECT_TRUE(world.restart(1800));
  world.end(4000);
  EXPECT_EQ(world.sink.seen, (Seen{"ignored report-mail", "ignored report-mail"}));
  EXPECT_EQ(world.sink.never_told, Seen());
}

TEST(DatagramJoin, WhatIsTakenBackIsOfTheDayOfItsDatagramWithAllItsPolicies) {
  constexpr int day = 24 * 3600;
  const std::string two_policies =
      R"({"d":"a.example","policies":[{"policy-type":1,"policy-domain":"mx.a.example","t":0,)"
      R"("f":0},{"policy-type":2,"t":0,"f":0}]})";
  JoinWorld world;
  world.datagram(day / 2, 7, two_policies).end(day);
  EXPECT_EQ(world.sink.seen.size(), 2U);
  log_report(world, day / 2 + 1);
  world.end(2 * day);
  EXPECT_EQ(world.sorted().front(), "ignored report-mail");
  EXPECT_EQ(world.sorted().back(), "ignored report-mail");
  EXPECT_EQ(world.sink.never_told, Seen());
}

TEST(DatagramJoin, ALateLineTellsThatASuccessWasAtAPrivateRelay) {
  const auto at_relay = [](std::string text) {
    const std::string address = "198.51.100.1";
    return text.replace(text.find(address), address.size(), "10.1.2.3");
  };
  for (const bool success : {true, false}) {
    JoinWorld world;
    world.datagram(
        0, 7,
        success ? success_datagram("a.example") : failure_datagram("a.example", 204, "10.1.2.3"));
    const Seen alone{success ? datagram_success : "ignored private-address"};
    EXPECT_EQ(world.end(700).sink.seen, alone);
    if (success) world.line(0, at_relay(established_line(7, "a.example")));
    world.line(0, at_relay(tlsrpt_line(7, "a.example", success)))
        .line(0, at_relay(delivery_line(7, "a.example", success)));
    EXPECT_EQ(world.end(2000).sink.seen, Seen{"ignored private-address"});
    EXPECT_EQ(world.sink.never_told, Seen());
  }
}

// A datagram with a policy of 50,000 octets that no other has.
std::string long_datagram(int number) {
  return R"({"d":"a.example","policies":[{"policy-type":2,"policy-string":[")" +
         std::string(50000, 'x') + std::to_string(number) + R"("],"t":0,"f":0}]})";
}

TEST(DatagramJoin, LongPoliciesHaveNoRoomForLong) {
  JoinWorld world;
  int number = 0;
  for (; world.join().has_room(); ++number) {
    ASSERT_LT(number, 1000);
    world.datagram(0, 7, long_datagram(number));
  }
  EXPECT_EQ(number, static_cast<int>(max_join_octets / 2 / 50000) + 1);
  EXPECT_LT(world.state_size(), max_join_octets / 2 + 100000);
  world.end(700);
  EXPECT_TRUE(world.join().has_room());
  EXPECT_LT(world.state_size(), max_join_octets / 4 + 100000);
  EXPECT_TRUE(world.restart(700));
  // What is remembered without its policy still finds its line.
  for (int i = 0; i < number; ++i) log_session(world, 0);
  EXPECT_EQ(world.end(2000).sink.seen.size(), static_cast<std::size_t>(number));
  EXPECT_EQ(world.sink.messages, static_cast<unsigned>(number));
  EXPECT_LT(world.state_size(), 10000U);
}

TEST(DatagramJoin, WhereNobodyKeepsThemTheOldestOfLongOnesGo) {
  JoinWorld world;
  constexpr int all = 1000;
  for (int i = 0; i < all; ++i) world.datagram(0, 7, long_datagram(i));
  const std::uint64_t dropped = world.join().take_dropped();
  EXPECT_GT(dropped, 0U);
  EXPECT_EQ(world.end(700).sink.seen.size(), all - dropped);
}

TEST(DatagramJoin, FailureOfTlsproxyIsTheSessionOfSmtp) {
  JoinWorld world;
  world
      .line(0,
            "postfix/tlsproxy[9]: TLSRPT: status=failure, domain=a.example, "
            "receiving_mx=mx.a.example[198.51.100.1], failure_type=certificate_expired")
      .line(0,
            "postfix/tlsproxy[9]: Untrusted TLS connection established to "
            "mx.a.example[198.51.100.1]:25: TLSv1.3")
      .line(0, established_line(7, "a.example", false))
      .line(0, delivery_line(7, "a.example", false));
  world.datagram(0, 9, failure_datagram("a.example"));
  EXPECT_EQ(world.end(2000).sink.seen, Seen{both_expired});
}

TEST(DatagramJoin, SeveralPoliciesOfOneDatagramAreOneMessage) {
  JoinWorld world;
  world.datagram(
      0, 7,
      R"({"d":"a.example","policies":[{"policy-type":1,"policy-domain":"mx.a.example","t":0,)"
      R"("f":0},{"policy-type":2,"t":0,"f":0}]})");
  log_session(world, 0);
  EXPECT_EQ(world.sink.seen,
            (Seen{"22 a.example mx.a.example[198.51.100.1] success both tlsa:mx.a.example",
                  "22 a.example mx.a.example[198.51.100.1] success both sts:a.example"}));
  EXPECT_EQ(world.sink.messages, 1U);
}

TEST(DatagramJoin, SessionThatNoDeliveryClaimsIsToldByItsDatagram) {
  JoinWorld world;
  world.line(0, tlsrpt_line(7, "a.example")).datagram(0, 7, success_datagram("a.example"));
  world.line(90000, "postfix/smtp[9]: noise").line(90000, "postfix/smtp[9]: noise");
  EXPECT_EQ(world.sink.seen, Seen{both_success});
}

TEST(DatagramJoin, BoundsKeepTheNewest) {
  JoinWorld world;
  for (std::size_t i = 0; i < max_join_datagrams + 3; ++i)
    world.datagram(0, 7, success_datagram("a.example"));
  EXPECT_EQ(world.join().take_dropped(), 3U);
}

TEST(DatagramJoin, HasRoomWhileFewWait) {
  JoinWorld world;
  for (std::size_t i = 0; i < max_join_datagrams / 2; ++i) {
    EXPECT_TRUE(world.join().has_room()) << i;
    world.datagram(0, 7, success_datagram("a.example"));
  }
  EXPECT_FALSE(world.join().has_room());
  EXPECT_TRUE(world.restart(1));
  EXPECT_FALSE(world.join().has_room());
  world.end(700);  // All are counted alone, and remembered.
  EXPECT_TRUE(world.join().has_room());
  EXPECT_TRUE(world.restart(701));
  EXPECT_TRUE(world.join().has_room());
}

// --- any order, any cut ----------------------------------------------------------------------

struct Handshake {
  int at = 0;
  int pid = 0;
  std::string domain;
  bool success = true;
  bool has_lines = true;
  bool has_datagram = true;
};

std::vector<Handshake> make_story(std::mt19937& random, unsigned lost_datagrams,
                                  unsigned lost_lines) {
  std::vector<Handshake> story;
  int at = 0;
  for (int i = 0; i < 120; ++i) {
    at += static_cast<int>(random() % 4 == 0 ? random() % 200 : random() % 3);
    Handshake each;
    each.at = at;
    each.pid = 7 + static_cast<int>(random() % 3);
    each.domain = std::string(1, static_cast<char>('a' + random() % 3)) + ".example";
    each.success = random() % 3 != 0;
    each.has_datagram = random() % 100 >= lost_datagrams;
    each.has_lines = random() % 100 >= lost_lines;
    story.push_back(each);
  }
  return story;
}

// Plays STORY in an order of its own: each source in its order, datagrams up to LEAD seconds before
// the log or half of datagram_wait behind it; a new life now and then.
Seen play(const std::vector<Handshake>& story, std::mt19937& random, int lead, bool restarts) {
  JoinWorld world;
  std::size_t lines = 0;
  std::size_t datagrams = 0;
  while (lines < story.size() || datagrams < story.size()) {
    const bool may_datagram =
        datagrams < story.size() &&
        (lines == story.size() || story[datagrams].at <= story[lines].at + lead);
    const bool may_line = lines < story.size() && (datagrams == story.size() ||
                                                   story[lines].at <= story[datagrams].at + 300);
    if (may_datagram && (!may_line || random() % 2 == 0)) {
      const Handshake& each = story[datagrams++];
      if (each.has_datagram)
        world.datagram(
            each.at + each.pid % 2, each.pid,
            each.success ? success_datagram(each.domain) : failure_datagram(each.domain));
    } else {
      const Handshake& each = story[lines++];
      if (each.has_lines) log_session(world, each.at, each.pid, each.success, each.domain);
    }
    if (restarts && random() % 20 == 0) {
      EXPECT_TRUE(world.restart(0));
    }
  }
  world.end(story.back().at + 700).end(story.back().at + 2000);
  return world.sorted();
}

TEST(DatagramJoin, NeitherOrderNorCutsMatter) {
  for (const unsigned seed : {1U, 2U, 3U, 4U, 5U, 6U}) {
    std::mt19937 random(seed);  // NOLINT(cert-msc51-cpp): the same at each run.
    const unsigned lost_datagrams = seed % 2 == 0 ? 30 : 0;
    const unsigned lost_lines = seed % 3 == 0 ? 30 : 0;
    const auto story = make_story(random, lost_datagrams, lost_lines);
    const Seen once = play(story, random, 0, false);
    if (lost_lines == 0) {
      EXPECT_EQ(once.size(), story.size()) << seed;
    }
    for (int i = 0; i < 8; ++i)
      EXPECT_EQ(play(story, random, i % 4 * 2000, i % 2 == 0), once) << seed << ' ' << i;
  }
}

}  // namespace
}  // namespace tlsrpt::milter
