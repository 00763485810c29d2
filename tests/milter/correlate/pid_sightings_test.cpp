#include "milter/correlate/pid_sightings.h"

#include <gtest/gtest.h>

namespace tlsrpt::milter {
namespace {

policy::UtcSeconds at(int seconds) { return policy::from_unix_seconds(1'200'000 + seconds); }

TEST(PidSightings, APidIsSeenFromItsFirstStampToItsLast) {
  PidSightings pids;
  EXPECT_FALSE(pids.seen(7, at(0), at(900)));
  pids.add(7, at(1000));
  pids.add(8, at(1000));
  EXPECT_TRUE(pids.seen(7, at(100), at(1000)));
  EXPECT_FALSE(pids.seen(7, at(100), at(999)));
  EXPECT_TRUE(pids.seen(7, at(1000), at(1900)));
  EXPECT_FALSE(pids.seen(7, at(1001), at(1900)));
  EXPECT_FALSE(pids.seen(9, at(100), at(1900)));
  // The same process, in whichever order.
  pids.add(7, at(1500));
  pids.add(7, at(500));
  EXPECT_TRUE(pids.seen(7, at(1500), at(2400)));
  EXPECT_TRUE(pids.seen(7, at(-400), at(500)));
}

TEST(PidSightings, APidThatIsUsedAgainIsNotSeenInBetween) {
  PidSightings pids;
  pids.add(7, at(0));
  pids.add(7, at(5000));
  EXPECT_FALSE(pids.seen(7, at(1000), at(2000)));
  EXPECT_TRUE(pids.seen(7, at(4500), at(5400)));
  pids.forget_old(at(601), std::chrono::minutes(10));
  EXPECT_FALSE(pids.seen(7, at(-600), at(600)));
  EXPECT_TRUE(pids.seen(7, at(4500), at(5400)));
  // A clock that is ahead of these stamps.
  pids.forget_old(at(100'000), std::chrono::minutes(10));
  EXPECT_TRUE(pids.seen(7, at(4500), at(5400)));
}

TEST(PidSightings, BoundsKeepTheNewest) {
  PidSightings pids;
  const auto lives = static_cast<std::int64_t>(PidSightings::max_lives);
  for (std::int64_t pid = 1; pid <= lives + 1; ++pid) pids.add(pid, at(static_cast<int>(pid)));
  EXPECT_FALSE(pids.seen(1, at(0), at(10000)));
  EXPECT_TRUE(pids.seen(lives + 1, at(0), at(10000)));
  PidSightings at_once;
  for (std::int64_t pid = 1; pid <= lives + 1; ++pid) at_once.add(pid, at(0));
  StateWriter writer;
  at_once.write(writer);
  EXPECT_LT(writer.take().size(), 100U);
}

TEST(PidSightings, KeepsThemOverARestart) {
  PidSightings pids;
  pids.add(7, at(0));
  pids.add(7, at(300));
  pids.add(7, at(5000));
  pids.add(12345, at(60));
  StateWriter writer;
  pids.write(writer);
  const std::string octets = writer.take();
  PidSightings restored;
  StateReader reader(octets);
  restored.read(reader);
  EXPECT_TRUE(reader.ok() && reader.at_end());
  EXPECT_TRUE(restored.seen(7, at(300), at(1000)));
  EXPECT_FALSE(restored.seen(7, at(301), at(1000)));
  EXPECT_TRUE(restored.seen(12345, at(0), at(1000)));
  StateWriter again;
  restored.write(again);
  EXPECT_EQ(again.take(), octets);
  restored.clear();
  EXPECT_FALSE(restored.seen(7, at(0), at(1000)));
}

TEST(PidSightings, OctetsThatAreDamagedLeaveUsableOnes) {
  StateWriter writer;
  writer.number(2);
  for (const std::uint64_t first : {~std::uint64_t{0}, std::uint64_t{1} << 63U}) {
    for (const std::uint64_t number : {std::uint64_t{7}, first, ~std::uint64_t{0}})
      writer.number(number);
  }
  const std::string octets = writer.take();
  PidSightings pids;
  StateReader reader(octets);
  pids.read(reader);
  pids.add(7, at(0));
  EXPECT_TRUE(pids.seen(7, at(0), at(1000)));
  pids.forget_old(at(1000), std::chrono::seconds(1000));
  EXPECT_TRUE(pids.seen(7, at(0), at(1000)));
}

}  // namespace
}  // namespace tlsrpt::milter
