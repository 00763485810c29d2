#include "milter/recent_lines.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace tlsrpt::milter {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

const policy::UtcSeconds noon = *policy::parse_instant("2026-11-22T12:00:00Z");

LogLine line(std::string_view process, std::string_view message) {
  LogLine line;
  line.process = process;
  line.message = message;
  return line;
}
const LogLine first = line("relay postfix/smtp[7", "one");
const LogLine second = line("relay postfix/smtp[7", "two");

TEST(RecentLines, KnowsEachAsOftenAsItWasThere) {
  RecentLines lines;
  lines.advance(noon, noon);
  for (const LogLine& each : {first, second, first}) lines.add(noon, each);
  EXPECT_TRUE(lines.take(noon, first));
  EXPECT_TRUE(lines.take(noon, first));
  EXPECT_FALSE(lines.take(noon, first));
  EXPECT_TRUE(lines.take(noon, second));
}

TEST(RecentLines, GoByPidAndMessageNotByHost) {
  RecentLines lines;
  lines.advance(noon, noon);
  lines.add(noon, first);
  EXPECT_FALSE(lines.take(noon, line("relay postfix/smtp[8", "one")));
  EXPECT_TRUE(lines.take(noon, line("relay.example postfix/smtp[7", "one")));
}

TEST(RecentLines, AreTheSameWhereverALongOneIsCut) {
  RecentLines lines;
  lines.advance(noon, noon);
  const std::string text(300, 'x');
  lines.add(noon, line("r p[7", text));
  EXPECT_FALSE(lines.take(noon, line("r p[7", text.substr(0, 255))));
  EXPECT_TRUE(lines.take(noon, line("r p[7", text + "y")));
}

TEST(RecentLines, StampsMayDifferByTwoSeconds) {
  for (const int apart : {-3, -2, 2, 3}) {
    RecentLines lines;
    lines.advance(noon, noon);
    lines.add(noon, first);
    EXPECT_EQ(lines.take(noon + seconds(apart), first), apart >= -2 && apart <= 2) << apart;
  }
}

// Whatever is not known by its text lies so far back that its other stamp is known by that.
TEST(RecentLines, WhatIsOlderIsKnownByItsStamp) {
  RecentLines lines;
  EXPECT_EQ(lines.known_until(), std::nullopt);
  lines.advance(noon, noon);
  lines.add(noon, first);
  EXPECT_EQ(lines.known_until(), noon - seconds(2));
  lines.advance(noon + seconds(4), noon + seconds(4));
  EXPECT_FALSE(lines.take(noon, first));
  EXPECT_EQ(lines.known_until(), noon + seconds(2));
}

TEST(RecentLines, AreBounded) {
  RecentLines lines;
  lines.advance(noon, noon);
  lines.add(noon - seconds(1), first);
  for (std::size_t i = 0; i < RecentLines::max_lines; ++i) lines.add(noon, second);
  EXPECT_FALSE(lines.take(noon, first));
  EXPECT_EQ(lines.known_until(), noon + seconds(1));
  lines.pass(noon);
  EXPECT_EQ(lines.known_until(), noon + seconds(2));
}

TEST(RecentLines, AStampOfTheFutureMovesNothing) {
  RecentLines lines;
  lines.advance(noon, noon);
  lines.pass(noon + hours(2));
  lines.add(noon + hours(2), first);
  for (std::size_t i = 0; i < RecentLines::max_lines; ++i) lines.add(noon, second);
  EXPECT_EQ(lines.known_until(), noon - seconds(2));
}

TEST(RecentLines, OfOthersAreTakenAway) {
  RecentLines lines;
  lines.advance(noon, noon);
  for (const LogLine& each : {first, first, second}) lines.add(noon, each);
  RecentLines others;
  others.advance(noon, noon);
  others.add(noon, first);
  others.add(noon + seconds(1), second);
  lines.remove(others);
  EXPECT_TRUE(lines.take(noon, first));
  EXPECT_FALSE(lines.take(noon, first));
  EXPECT_TRUE(lines.take(noon, second));
}

TEST(RecentLines, SurviveTheirOctets) {
  RecentLines lines;
  lines.advance(noon, noon);
  lines.add(noon, first);
  StateWriter writer;
  lines.write(writer);
  const std::string octets = writer.take();
  StateReader reader(octets);
  RecentLines again;
  again.read(reader);
  EXPECT_TRUE(reader.ok() && reader.at_end());
  EXPECT_EQ(again.known_until(), lines.known_until());
  EXPECT_TRUE(again.take(noon, first));
  StateReader cut(std::string_view(octets).substr(0, octets.size() - 1));
  again.read(cut);
  EXPECT_FALSE(cut.ok());
  // 2^63 - 1 as the newest stamp of those that are gone, and no line.
  constexpr std::string_view absurd("\1\xff\xff\xff\xff\xff\xff\xff\xff\x7f\0", 11);
  StateReader damaged(absurd);
  again.read(damaged);
  EXPECT_FALSE(damaged.ok());
}

}  // namespace
}  // namespace tlsrpt::milter
