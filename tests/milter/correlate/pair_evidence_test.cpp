#include "milter/correlate/pair_evidence.h"

#include <gtest/gtest.h>

namespace tlsrpt::milter {
namespace {

policy::UtcSeconds at(int seconds) { return policy::from_unix_seconds(1'200'000 + seconds); }

TEST(PairEvidence, AllPidsDifferWhereAlmostNoPairAroundHasOne) {
  PairEvidence evidence;
  EXPECT_FALSE(evidence.all_pids_differ(at(0)));
  evidence.add(1, at(0), false, true);
  EXPECT_TRUE(evidence.all_pids_differ(at(0)));
  evidence.add(2, at(30), true, true);
  EXPECT_FALSE(evidence.all_pids_differ(at(0)));
  for (std::uint64_t number = 3; number < 53; ++number) evidence.add(number, at(60), false, true);
  EXPECT_TRUE(evidence.all_pids_differ(at(0)));
  // Ten minutes away in either direction, and what is farther does not matter.
  EXPECT_TRUE(evidence.all_pids_differ(at(600)));
  EXPECT_FALSE(evidence.all_pids_differ(at(1300)));
  EXPECT_FALSE(evidence.all_pids_differ(at(-700)));
}

TEST(PairEvidence, SomePidsDifferWhereAPartOfThePairsAroundHasTwo) {
  PairEvidence evidence;
  EXPECT_FALSE(evidence.some_pids_differ(at(0), false));
  EXPECT_TRUE(evidence.some_pids_differ(at(0), true));
  for (std::uint64_t number = 0; number < 128; ++number) evidence.add(number, at(0), true, true);
  EXPECT_FALSE(evidence.some_pids_differ(at(0), true));
  EXPECT_TRUE(evidence.some_pids_differ(at(1300), true));
  evidence.add(128, at(60), false, true);
  EXPECT_FALSE(evidence.some_pids_differ(at(0), false));
  evidence.add(129, at(60), false, true);
  EXPECT_TRUE(evidence.some_pids_differ(at(0), false));
  EXPECT_TRUE(evidence.some_pids_differ(at(0), true));
}

TEST(PairEvidence, StampsAgreeWhereALaterLineSoonFoundItsDatagram) {
  PairEvidence evidence;
  evidence.add(10, at(300), true, true);
  EXPECT_TRUE(evidence.stamps_agree(9, at(0)));
  EXPECT_TRUE(evidence.stamps_agree(9, at(300)));
  EXPECT_FALSE(evidence.stamps_agree(10, at(0)));  // In an hour that is shown twice: before it.
  EXPECT_FALSE(evidence.stamps_agree(9, at(-301)));
  EXPECT_FALSE(evidence.stamps_agree(9, at(360)));
  evidence.add(11, at(360), true, false);
  EXPECT_FALSE(evidence.stamps_agree(9, at(360)));
}

TEST(PairEvidence, KeepsTheLastMinutesOverARestart) {
  PairEvidence evidence;
  const int minutes = static_cast<int>(PairEvidence::max_minutes) + 1;
  for (int minute = 0; minute < minutes; ++minute)
    evidence.add(std::uint64_t(minute) + 1, at(60 * minute), minute > 0, true);
  EXPECT_FALSE(evidence.all_pids_differ(at(-600)));  // The first one is forgotten.
  StateWriter writer;
  evidence.write(writer);
  const std::string octets = writer.take();
  PairEvidence restored;
  StateReader reader(octets);
  restored.read(reader);
  EXPECT_TRUE(reader.ok() && reader.at_end());
  EXPECT_TRUE(restored.stamps_agree(99, at(60 * (minutes - 1))));
  EXPECT_FALSE(restored.stamps_agree(0, at(-660)));
  StateWriter again;
  restored.write(again);
  EXPECT_EQ(again.take(), octets);
  restored.clear();
  EXPECT_FALSE(restored.stamps_agree(0, at(60)));
}

}  // namespace
}  // namespace tlsrpt::milter
