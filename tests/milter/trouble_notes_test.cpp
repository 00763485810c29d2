#include "milter/trouble_notes.h"

#include <gtest/gtest.h>

#include "reporter/store/sqlite.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using Troubles = std::map<std::string, std::string>;

class TroubleNotesTest : public testing::Test {
 protected:
  std::unique_ptr<reporter::Store> open(reporter::StoreAccess access) const {
    reporter::StoreLimits limits;
    limits.busy_timeout = std::chrono::milliseconds(1);
    return *reporter::open_store("sqlite:" + folder_.file("s.sqlite"), access, limits);
  }
  void note(TroubleNotes& notes, const Troubles& troubles) {
    notes.note(troubles, store_.get(), "relay1", now_);
  }
  // "NAME TEXT SINCE UNTIL" of each.
  std::string stored() const {
    std::string text;
    const auto troubles = store_->collector_troubles();
    for (const auto& trouble : *troubles) {
      text += trouble.name + " " + trouble.text + " " + policy::to_text(trouble.since) + " " +
              (trouble.until ? policy::to_text(*trouble.until) : "") + "\n";
    }
    return text;
  }

  testing_support::TempDir folder_;
  testing_support::FakeClock clock_{"2026-11-22T12:00:00Z"};
  Backoff::Instant now_{seconds(1000)};
  std::unique_ptr<reporter::Store> store_ = open(reporter::StoreAccess::collector);
};

TEST_F(TroubleNotesTest, WritesBeginAndEndOfEach) {
  TroubleNotes notes(clock_);
  note(notes, {});
  EXPECT_EQ(stored(), "");
  note(notes, {{"log", "gone"}});
  clock_.advance(minutes(1));
  note(notes, {{"log", "gone"}, {"milter", "taken"}});
  EXPECT_EQ(stored(), "log gone 2026-11-22T12:00:00Z \nmilter taken 2026-11-22T12:01:00Z \n");
  clock_.advance(minutes(1));
  note(notes, {{"milter", "taken"}});
  EXPECT_EQ(stored(),
            "log gone 2026-11-22T12:00:00Z 2026-11-22T12:02:00Z\n"
            "milter taken 2026-11-22T12:01:00Z \n");
}

TEST_F(TroubleNotesTest, WhatAKilledDaemonLeftEndsOrGoesOn) {
  {
    TroubleNotes killed(clock_);
    note(killed, {{"log", "gone"}, {"milter", "taken"}});
  }
  clock_.advance(minutes(5));
  TroubleNotes notes(clock_);
  note(notes, {{"milter", "taken"}});
  note(notes, {{"milter", "taken"}});
  EXPECT_EQ(stored(),
            "log gone 2026-11-22T12:00:00Z 2026-11-22T12:05:00Z\n"
            "milter taken 2026-11-22T12:00:00Z \n");
}

TEST_F(TroubleNotesTest, WhatCouldNotBeWrittenIsWrittenLaterWithItsTimes) {
  TroubleNotes notes(clock_);
  note(notes, {});
  {
    const auto other = open(reporter::StoreAccess::collector);
    // Somebody else writes, and does not come to an end.
    auto database = reporter::SqliteDatabase::open(folder_.file("s.sqlite"), SQLITE_OPEN_READWRITE);
    ASSERT_TRUE(database.ok());
    ASSERT_TRUE(database->execute("BEGIN IMMEDIATE").ok());
    note(notes, {{"store", "locked"}});
    clock_.advance(minutes(5));
    now_ += minutes(5);
    note(notes, {{"store", "locked"}});
    EXPECT_EQ(stored(), "");
    note(notes, {});
  }
  now_ += minutes(5);
  note(notes, {});
  EXPECT_EQ(stored(), "store locked 2026-11-22T12:00:00Z 2026-11-22T12:05:00Z\n");
}

TEST_F(TroubleNotesTest, WhatHappenedWhileThereWasNoStoreIsWrittenOnceThereIs) {
  TroubleNotes notes(clock_);
  notes.note({{"start", "gone"}}, nullptr, "relay1", now_);
  clock_.advance(minutes(5));
  note(notes, {});
  EXPECT_EQ(stored(), "start gone 2026-11-22T12:00:00Z 2026-11-22T12:05:00Z\n");
}

}  // namespace
}  // namespace tlsrpt::milter
