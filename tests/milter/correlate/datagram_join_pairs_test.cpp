// What makes a pair where stamps or pids of log and datagrams differ (design, section 3, "Both
// sources"): each session counts once.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "tests/milter/correlate/join_world.h"

namespace tlsrpt::milter {
namespace {

constexpr int hour = 3600;

struct Site {
  int log_offset = 0;  // Of the log's stamps.
  int pid_offset = 0;  // Of the datagrams' pids.
  int seconds_between = 2;
  int processes = 3;
  unsigned lost_lines = 0;  // Percent.
  unsigned lost_datagrams = 0;
};

// SESSIONS of SITE from second BEGIN on, each datagram before its line; how many have either.
int play(JoinWorld& world, const Site& site, int begin, int sessions) {
  std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): the same at each run.
  int visible = 0;
  for (int i = 0; i < sessions; ++i) {
    const int at = begin + i * site.seconds_between;
    const int pid = 7 + i % site.processes;
    const bool has_datagram = random() % 100 >= site.lost_datagrams;
    const bool has_line = random() % 100 >= site.lost_lines;
    if (has_datagram) world.datagram(at, pid + site.pid_offset, success_datagram("a.example"));
    if (has_line) log_session(world, at + site.log_offset, pid);
    if (has_datagram || has_line) ++visible;
  }
  return visible;
}

TEST(DatagramJoinPairs, AWrongTimeZoneCountsNothingTwice) {
  for (const int offset : {-26 * hour, -12 * hour, -hour, -900, 900, hour, 13 * hour}) {
    JoinWorld world;
    play(world, {.log_offset = offset}, 0, 1000);
    EXPECT_EQ(world.join().stamps_off(), std::chrono::minutes(offset / 60)) << offset;
    world.end(30 * hour).end(60 * hour);
    EXPECT_EQ(world.sink.seen.size(), 1000U) << offset;
    EXPECT_EQ(world.sink.messages, 1000U) << offset;
    EXPECT_FALSE(world.join().pairs_badly()) << offset;
  }
}

TEST(DatagramJoinPairs, AWrongTimeZoneOfASiteWithLittleMailNeither) {
  JoinWorld world;
  play(world, {.log_offset = -hour, .seconds_between = 700, .processes = 1}, 0, 100);
  world.end(30 * hour).end(60 * hour);
  EXPECT_EQ(world.sink.seen.size(), 100U);
}

TEST(DatagramJoinPairs, AWrongTimeZoneThatIsPutRightCountsNothingTwice) {
  for (const int offset : {-2 * hour, -hour, -1800, 900, 1800, hour, 2 * hour}) {
    JoinWorld world;
    play(world, {.log_offset = offset, .seconds_between = 10}, 0, 100);
    ASSERT_TRUE(world.restart(1000));
    play(world, {.seconds_between = 10}, 1000, 600);
    EXPECT_FALSE(world.join().stamps_off()) << offset;
    world.end(30 * hour).end(60 * hour);
    EXPECT_EQ(world.sink.seen.size(), 700U) << offset;
    EXPECT_EQ(world.sink.messages, 700U) << offset;
  }
}

// To one domain at each full hour, to another now and then: the line of an hour is near the
// datagram of the next.
TEST(DatagramJoinPairs, ThatStampsAreOffIsToldThroughoutWhereMailGoesOutByTheHour) {
  std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): the same at each run.
  JoinWorld world;
  const auto session = [&](int at, const std::string& domain, int offset) {
    world.datagram(at, 7, success_datagram(domain));
    log_session(world, at + offset, 7, true, domain);
  };
  int told = 0;
  constexpr int hours = 60;
  for (int i = 0; i < hours; ++i) {
    session(i * hour, "a.example", hour);
    session(i * hour + 60 + static_cast<int>(random() % 600), "b.example", hour);
    if (world.join().stamps_off()) ++told;
  }
  EXPECT_GE(told, hours - 5);
  // Once the zone is right it is told no more, soon.
  for (int i = hours; i < hours + 10; ++i) {
    for (int second = 0; second < hour; second += 1000)
      session(i * hour + second + static_cast<int>(random() % 100), "b.example", 0);
  }
  world.end((hours + 12) * hour);
  EXPECT_FALSE(world.join().stamps_off());
}

TEST(DatagramJoinPairs, WhereTheZoneIsRightQuartersOfAnHourMeanNothing) {
  JoinWorld world;
  // Each quarter of an hour: one without datagram, one without line, by the same process.
  for (int i = 0; i < 20; ++i) {
    const int at = i * 900;
    if (i % 2 == 0) log_session(world, at);
    if (i % 2 == 1) world.datagram(at, 7, success_datagram("a.example"));
    play(world, {}, at + 20, 10);
  }
  world.end(10 * hour);
  EXPECT_EQ(by_source(world), (Sources{{"both", 200}, {"log", 10}, {"datagram", 10}}));
  EXPECT_FALSE(world.join().stamps_off());
}

// Summer time ends, the log has no offsets, and between the two passes of the hour is so little
// that nobody sees it.
TEST(DatagramJoinPairs, AnHourThatIsShownTwiceCountsNothingTwice) {
  JoinWorld world;
  for (const int seconds : {0, 600, 1200, 1800}) {
    world.datagram(seconds, 7, success_datagram("a.example"));
    log_session(world, seconds);
  }
  for (const int seconds : {5500, 5600, 6600, 7100}) {
    world.datagram(seconds, 7, success_datagram("a.example"));
    log_session(world, seconds - hour);
  }
  for (const int seconds : {7300, 7900, 8500}) {
    world.datagram(seconds, 7, success_datagram("a.example"));
    log_session(world, seconds);
  }
  world.end(10 * hour);
  EXPECT_EQ(by_source(world), (Sources{{"both", 11}}));
}

TEST(DatagramJoinPairs, ALogThatStoodStillIsStampedAtItsEnd) {
  for (const int standstill : {6, 40, 400, 2000}) {
    JoinWorld world;
    play(world, {}, 0, 50);
    for (int i = 0; i < standstill; i += 2)
      world.datagram(100 + i, 7 + i % 3, success_datagram("a.example"));
    for (int i = 0; i < standstill; i += 2) log_session(world, 100 + standstill, 7 + i % 3);
    play(world, {}, 102 + standstill, 500);
    world.end(10 * hour);
    EXPECT_EQ(world.sink.seen.size(), 550U + unsigned(standstill) / 2) << standstill;
    EXPECT_EQ(world.sink.messages, 550U + unsigned(standstill) / 2) << standstill;
    EXPECT_EQ(by_source(world)["both"], 550 + standstill / 2);
    EXPECT_FALSE(world.join().stamps_off());
  }
}

TEST(DatagramJoinPairs, WhatIsMissingInALogThatStoodStillIsNotWaitedForLong) {
  JoinWorld world;
  play(world, {}, 0, 50);
  world.datagram(100, 7, success_datagram("a.example"));
  // Each line ends a standstill, and none of the first datagram's time.
  for (int i = 0; i < 4; ++i) {
    world.datagram(700 + i * 500, 7, success_datagram("b.example"));
    log_session(world, 700 + i * 500, 7, true, "b.example");
  }
  EXPECT_EQ(by_source(world), (Sources{{"both", 54}, {"datagram", 1}}));
}

// A log of many hosts, of which one sends its datagrams here.
TEST(DatagramJoinPairs, LinesOfOtherHostsAreNotRememberedForADay) {
  JoinWorld world;
  constexpr int sessions = 8000;
  const auto log_elsewhere = [&world](int at) {
    world.line_of("relay2", at, tlsrpt_line(7, "b.example"));
    world.line_of("relay2", at, delivery_line(7, "b.example"));
  };
  for (int i = 0; i < sessions; ++i) {
    log_elsewhere(i);
    if (i % 10 == 0) play(world, {}, i, 1);
  }
  EXPECT_LT(world.state_size(), 100000U);
  world.end(30 * hour);
  EXPECT_EQ(by_source(world), (Sources{{"both", sessions / 10}, {"log", sessions}}));
  // From now on it does send them here.
  for (int i = 0; i < sessions; ++i) {
    log_elsewhere(40 * hour + i);
    world.datagram(40 * hour + i, 7, success_datagram("b.example"));
  }
  world.end(70 * hour);
  EXPECT_EQ(world.sink.seen.size(), sessions * 2U + sessions / 10);
  EXPECT_GT(by_source(world)["both"], sessions);
}

// A container's lines find their datagrams once they were waited for, be they a thousand by then.
TEST(DatagramJoinPairs, AContainerWithAHostNameOfItsOwnCountsNothingTwice) {
  JoinWorld world;
  constexpr int sessions = 4000;
  for (int i = 0; i < sessions; ++i) {
    const int at = i / 5;
    const int pid = 100 + i % 10;
    world.datagram(at, 4000 + pid, success_datagram("b.example"));
    world.line_of("container", at, tlsrpt_line(pid, "b.example"));
    world.line_of("container", at, delivery_line(pid, "b.example"));
    if (i % 4 == 0) play(world, {}, at, 1);
  }
  world.end(30 * hour);
  EXPECT_EQ(by_source(world), (Sources{{"both", sessions + sessions / 4}}));
}

// While the log stands there come more datagrams than can be remembered.
TEST(DatagramJoinPairs, ASilentLogHoldsDatagramsBack) {
  constexpr int count = 60000;
  constexpr int per_second = 20;
  for (const bool stamps_are_late : {false, true}) {
    JoinWorld world;
    play(world, {}, 0, 50);
    int handed = 0;
    const auto hand_over = [&](int arrived) {
      for (; handed < arrived && world.join().has_room(); ++handed)
        world.datagram(100 + handed / per_second, 7 + handed % 10, success_datagram("a.example"));
    };
    bool waits = false;
    for (int at = 0; at <= count / per_second; at += 60) {
      hand_over(at * per_second);
      world.end(100 + at);
      waits = waits || world.join().waits_for_log();
    }
    EXPECT_TRUE(waits);
    EXPECT_LT(handed, count);
    for (int i = 0; i < count; ++i) {
      if (i % 100 == 0) hand_over(count);
      const int at = stamps_are_late ? count / per_second + 200 + i / 1000 : i / per_second + 100;
      const int pid = 7 + i % 10;
      world.line(at, tlsrpt_line(pid, "a.example")).line(at, delivery_line(pid, "a.example"));
    }
    EXPECT_FALSE(world.join().waits_for_log());
    EXPECT_FALSE(world.join().misses_datagrams());
    EXPECT_FALSE(world.join().stamps_off());
    for (int at = 2 * hour; at < 60 * hour; at += hour) {
      hand_over(count);
      world.end(at);
    }
    EXPECT_EQ(handed, count);
    EXPECT_EQ(world.sink.seen.size(), 50U + count) << stamps_are_late;
    EXPECT_EQ(world.sink.messages, 50U + count) << stamps_are_late;
  }
}

TEST(DatagramJoinPairs, WhatWaitsForASilentLogIsCountedInTheEnd) {
  JoinWorld world;
  int sent = 0;
  const auto send = [&](int at, std::size_t many) {
    for (std::size_t i = 0; i < many; ++i, ++sent)
      world.datagram(at, 7, success_datagram("a.example"));
  };
  send(0, max_counted_in_silence);
  EXPECT_TRUE(world.join().read_to_end(join_start + std::chrono::minutes(11)));
  send(hour, 5);
  const auto silent = [&](int at) {
    return !world.join().read_to_end(join_start + std::chrono::seconds(at));
  };
  EXPECT_TRUE(silent(hour + 700));
  EXPECT_TRUE(silent(3 * hour));
  EXPECT_EQ(world.sink.seen.size(), unsigned(sent) - 5);
  EXPECT_FALSE(silent(3 * hour + 11 * 60));
  EXPECT_EQ(world.sink.seen.size(), unsigned(sent));
}

TEST(DatagramJoinPairs, AStandstillThatNobodyWaitedForCountsNothingTwice) {
  JoinWorld world;
  play(world, {}, 0, 50);
  for (int i = 0; i < 30; ++i) world.datagram(200 + i, 7, success_datagram("a.example"));
  world.end(1000);  // Counted alone.
  EXPECT_EQ(by_source(world), (Sources{{"both", 50}, {"datagram", 30}}));
  for (int i = 0; i < 30; ++i) log_session(world, 1200, 7);
  world.end(10 * hour);
  EXPECT_EQ(by_source(world), (Sources{{"both", 50}, {"datagram", 30}}));
  EXPECT_EQ(world.sink.messages, 80U);
}

TEST(DatagramJoinPairs, ADatagramThatNobodyStampedWasSentBeforeItsReceipt) {
  JoinWorld world;
  log_session(world, 0);
  world.datagram(250, 7, success_datagram("a.example"), StampOf::receipt).end(hour);
  EXPECT_EQ(by_source(world), (Sources{{"both", 1}}));
  log_session(world, 2 * hour);
  world.datagram(2 * hour + 250, 7, success_datagram("a.example")).end(4 * hour);
  EXPECT_EQ(by_source(world), (Sources{{"both", 1}, {"log", 1}, {"datagram", 1}}));
}

TEST(DatagramJoinPairs, LinesAndDatagramsThatAreLostAtOnceStayTwoSessions) {
  // So far apart that moments do not overlap.
  for (const int processes : {3, 40}) {
    JoinWorld world;
    const Site site{
        .seconds_between = 9, .processes = processes, .lost_lines = 20, .lost_datagrams = 20};
    const int visible = play(world, site, 0, 480);
    world.end(2 * hour);
    EXPECT_TRUE(world.join().pairs_badly()) << processes;
    world.end(30 * hour).end(60 * hour);
    // Until it is known that both get lost, a few look like a log that stood still.
    EXPECT_LE(world.sink.seen.size(), unsigned(visible)) << processes;
    EXPECT_GE(world.sink.seen.size() + 5, unsigned(visible)) << processes;
  }
}

TEST(DatagramJoinPairs, LossesOfABusySiteMakeFewOfThemOne) {
  JoinWorld world;
  const Site site{.seconds_between = 1, .processes = 40, .lost_lines = 20, .lost_datagrams = 20};
  const int visible = play(world, site, 0, 480);
  world.end(30 * hour).end(60 * hour);
  EXPECT_EQ(world.sink.seen.size(), unsigned(visible));
}

TEST(DatagramJoinPairs, OtherPidsAllAlongMakePairsByMoment) {
  JoinWorld world;
  play(world, {.pid_offset = 4000}, 0, 1000);
  world.end(10 * hour);
  EXPECT_EQ(by_source(world), (Sources{{"both", 1000}}));
}

TEST(DatagramJoinPairs, OtherPidsAndAnotherTimeZoneMakePairs) {
  JoinWorld world;
  play(world, {.log_offset = -2 * hour, .pid_offset = 4000}, 0, 1000);
  EXPECT_EQ(world.join().stamps_off(), std::chrono::hours(-2));
  world.end(10 * hour);
  EXPECT_EQ(by_source(world), (Sources{{"both", 1000}}));
}

TEST(DatagramJoinPairs, ASyslogThatIsAlwaysSomeSecondsLateCountsNothingTwice) {
  for (const int late : {3, 8, 14}) {
    JoinWorld world;
    play(world, {.log_offset = late}, 0, 1000);
    world.end(10 * hour);
    EXPECT_EQ(by_source(world), (Sources{{"both", 1000}})) << late;
  }
}

TEST(DatagramJoinPairs, AStandstillMayTakeTimeToBeMadeUpFor) {
  JoinWorld world;
  play(world, {}, 0, 50);
  for (int i = 0; i < 60; ++i) world.datagram(100 + i, 7 + i % 3, success_datagram("a.example"));
  for (int i = 0; i < 60; ++i) log_session(world, 160 + i / 2, 7 + i % 3);
  play(world, {}, 200, 500);
  world.end(10 * hour);
  EXPECT_EQ(by_source(world), (Sources{{"both", 610}}));
}

TEST(DatagramJoinPairs, TroubleWithPairsEndsHoursAfterItsCause) {
  JoinWorld world;
  for (int i = 0; i < 60; ++i) {
    world.datagram(60 * i, 7, success_datagram("a.example"));
    log_session(world, 60 * i + 30, 8);
  }
  world.end(2 * hour);
  EXPECT_TRUE(world.join().pairs_badly());
  for (int i = 2; i < 12; ++i) {
    play(world, {}, i * hour, 2);
    world.end(i * hour + 1800);
  }
  EXPECT_FALSE(world.join().pairs_badly());
}

TEST(DatagramJoinPairs, OtherPidsOfALogThatIsLateAreKnownFromTheDatagramsBefore) {
  JoinWorld world;
  for (int i = 0; i < 20; ++i) world.datagram(2 * i, 4007, success_datagram("a.example"));
  world.end(1300);  // Counted alone.
  for (int i = 0; i < 20; ++i) log_session(world, 2 * i, 7);
  world.end(2000);
  EXPECT_EQ(by_source(world), (Sources{{"datagram", 20}}));
  EXPECT_EQ(world.sink.messages, 20U);
  // From now on it is known.
  ASSERT_TRUE(world.restart(2000));
  play(world, {.pid_offset = 4000}, 3000, 20);
  EXPECT_EQ(by_source(world), (Sources{{"datagram", 20}, {"both", 20}}));
}

TEST(DatagramJoinPairs, AfterAMoveIntoAContainerPidsAreNotCompared) {
  JoinWorld world;
  play(world, {}, 0, 300);
  play(world, {.pid_offset = 4000}, 2 * hour, 300);
  world.end(10 * hour);
  EXPECT_EQ(by_source(world), (Sources{{"both", 600}}));
  // And back.
  play(world, {}, 12 * hour, 300);
  world.datagram(12 * hour + 700, 4007, success_datagram("a.example"));
  log_session(world, 12 * hour + 700);
  world.end(30 * hour);
  EXPECT_EQ(by_source(world), (Sources{{"both", 900}, {"log", 1}, {"datagram", 1}}));
}

// PERCENT of SESSIONS are of processes in a container, whose log has pids of its own. LOSSES per
// cent of the others lose their line or their datagram. No process does anything twice in one
// moment.
void play_mixture(JoinWorld& world, int sessions, int percent, unsigned losses) {
  std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): the same at each run.
  for (int i = 0; i < sessions; ++i) {
    const int at = 2 * i;
    const bool is_inside = static_cast<int>(random() % 100) < percent;
    const int pid = (is_inside ? 100 : 20000) + i / 60 * 10 + i % 10;
    const bool is_lost = !is_inside && random() % 100 < losses;
    const bool loses_line = random() % 2 == 0;
    if (!is_lost || loses_line)
      world.datagram(at, is_inside ? pid + 30000 : pid, success_datagram("a.example"));
    if (!is_lost || !loses_line) log_session(world, at + i % 2, pid);
    if (i % 50 == 0) {
      EXPECT_TRUE(world.restart(at));
    }
  }
}

TEST(DatagramJoinPairs, PostfixInAContainerBesideOneThatIsNotCountsNothingTwice) {
  for (const int percent : {3, 20, 50, 80, 97}) {
    JoinWorld world;
    play_mixture(world, 600, percent, 0);
    world.end(30 * hour).end(60 * hour);
    EXPECT_EQ(by_source(world), (Sources{{"both", 600}})) << percent;
    EXPECT_FALSE(world.join().pairs_badly()) << percent;
  }
}

TEST(DatagramJoinPairs, WherePidsCanBeComparedNoneTakesThatOfAnotherBesideAContainer) {
  for (const int percent : {0, 20, 60}) {
    JoinWorld world;
    play_mixture(world, 600, percent, 10);
    world.end(30 * hour).end(60 * hour);
    EXPECT_EQ(world.sink.seen.size(), 600U) << percent;
  }
}

// Those inside are too few to be known by their zone. What they leave over is of one moment with
// their lines of an hour later, and that proves nothing.
TEST(DatagramJoinPairs, AWrongTimeZoneBesideAContainerCountsNothingOutsideTwice) {
  std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): the same at each run.
  JoinWorld world;
  constexpr unsigned sessions = 6000;
  unsigned inside = 0;
  for (unsigned i = 0; i < sessions; ++i) {
    const bool is_inside = i > 1500 && random() % 50 == 0;
    inside += is_inside ? 1 : 0;
    const int at = static_cast<int>(i);
    const int pid = is_inside ? 33 : 20000 + at / 1000 * 3 + at % 3;
    const std::string domain = std::string(1, static_cast<char>('a' + random() % 10)) + ".example";
    world.datagram(at, is_inside ? 40000 : pid, success_datagram(domain));
    log_session(world, at - hour, pid, true, domain);
  }
  world.end(30 * hour).end(60 * hour);
  EXPECT_LE(world.sink.seen.size(), sessions + inside);
}

TEST(DatagramJoinPairs, AStandstillBesideAContainerCountsNothingTwice) {
  JoinWorld world;
  const auto datagrams = [&](int at) {
    world.datagram(at, 7, success_datagram("a.example"));
    if (at % 10 == 0) world.datagram(at, 4711, success_datagram("b.example"));
  };
  const auto lines = [&](int at, int stamp) {
    log_session(world, stamp, 7);
    if (at % 10 == 0) log_session(world, stamp, 33, true, "b.example");
  };
  for (int at = 0; at < 2000; at += 2) {
    datagrams(at);
    if (at < 1500 || at > 1600) lines(at, at);
    for (int late = 1500; at == 1600 && late <= 1600; late += 2) lines(late, 1600);
  }
  world.end(30 * hour).end(60 * hour);
  EXPECT_EQ(by_source(world), (Sources{{"both", 1200}}));
}

TEST(DatagramJoinPairs, LinesOfAnotherHostTakeNoDatagramOfOurs) {
  JoinWorld world;
  play(world, {}, 0, 100);
  world.datagram(201, 7, success_datagram("a.example"));  // Its line is lost.
  log_session(world, 201, 4711);                          // By a relay that sends none to us.
  play(world, {}, 203, 600);
  world.end(10 * hour);
  EXPECT_EQ(by_source(world), (Sources{{"both", 700}, {"log", 1}, {"datagram", 1}}));
}

TEST(DatagramJoinPairs, AWrongTimeZoneOfALogThatStandsStill) {
  constexpr int begin = 3000;
  constexpr int end = begin + 1800;
  constexpr int all = end + 3000;
  for (const int zone : {-hour, 2 * hour}) {
    JoinWorld world;
    int next = 0;  // Of those whose lines are not written yet; one every ten seconds.
    for (int now = 0; now < all; ++now) {
      if (now % 10 == 0) world.datagram(now, 7 + now / 10 % 4, success_datagram("a.example"));
      for (; next <= now && (now < begin || now >= end); next += 10)
        log_session(world, now + zone, 7 + next / 10 % 4);
      world.end(now);
    }
    EXPECT_EQ(world.join().stamps_off(), std::chrono::minutes(zone / 60));
    world.end(all + 30 * hour);
    EXPECT_EQ(world.sink.seen.size(), static_cast<std::size_t>(all / 10)) << zone;
  }
}

TEST(DatagramJoinPairs, ALogThatStandsStillFromTheFirstOn) {
  constexpr int all = 600;
  for (const bool restarts : {false, true}) {
    JoinWorld world;
    for (int now = 0; now < all; ++now) {
      world.datagram(now, 7 + now % 4, success_datagram("a.example")).end(now);
      if (restarts && now == 300) {
        ASSERT_TRUE(world.restart(now));
      }
    }
    for (int late = 0; late < all; ++late) log_session(world, all + late / 60, 7 + late % 4);
    EXPECT_EQ(by_source(world.end(3 * hour)), (Sources{{"both", all}}));
  }
}

TEST(DatagramJoinPairs, AContainerBesideTheHostWhoseLogStoodStill) {
  constexpr int between = 40;
  for (const int minutes : {12, 20, 60}) {
    JoinWorld world;
    const int begin = 3600;
    const int end = begin + 60 * minutes;
    const int all = end + 1800;
    int next = between / 2;  // Whose line is not written yet; none at the end of the standstill.
    for (int now = 0; now < all; ++now) {
      const auto process = [](int at) { return at / between % 6; };
      if (now % between == between / 2)
        world.datagram(now, 7 + process(now), success_datagram("a.example"));
      for (; next <= now && (now < begin || now >= end); next += between)
        log_session(world, now, 7 + process(next) + (process(next) % 2 == 0 ? 0 : 50000));
      world.end(now);
    }
    world.end(all + hour);
    EXPECT_EQ(world.sink.seen.size(), static_cast<std::size_t>(all / between)) << minutes;
    EXPECT_EQ(by_source(world)["log"], 0) << minutes;
  }
}

}  // namespace
}  // namespace tlsrpt::milter
