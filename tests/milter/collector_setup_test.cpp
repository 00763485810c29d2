#include "milter/collector_setup.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "policy/text.h"
#include "reporter/options/option_table.h"
#include "tests/milter/log/journal_world.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {
namespace {

using reporter::LogSource;
using Seen = std::vector<std::string>;

class CollectorSetupTest : public testing::Test {
 protected:
  CollectorSetupTest() {
    settings_.store = "sqlite:" + folder_.file("s.sqlite");
    settings_.log_source = {"file:" + folder_.file("mail.log")};
    settings_.postfix_config = {"none"};
  }

  LogSource log(const std::string& name) const {
    return {LogSource::Kind::file, folder_.file(name)};
  }

  testing_support::TempDir folder_;
  testing_support::FakeClock clock_{"2026-11-22T12:00:00Z"};
  reporter::Settings settings_ = reporter::default_settings();
};

TEST_F(CollectorSetupTest, NamesTheLogsOfTheSettings) {
  const auto setup = CollectorSetup::make(settings_, clock_);
  ASSERT_TRUE(setup.ok());
  EXPECT_EQ(setup->sources(), std::vector<LogSource>{log("mail.log")});
  EXPECT_TRUE(setup->notices().empty());
}

TEST_F(CollectorSetupTest, AnUnknownTimeZoneIsAnError) {
  settings_.log_timezone = "Mars/Olympus";
  EXPECT_FALSE(CollectorSetup::make(settings_, clock_).ok());
}

TEST_F(CollectorSetupTest, TheLockIsThatOfOneSourceInOneStore) {
  const auto setup = CollectorSetup::make(settings_, clock_);
  ASSERT_TRUE(setup.ok());
  const auto first = setup->lock(log("mail.log"));
  ASSERT_TRUE(first.ok());
  const auto second = setup->lock(log("mail.log"));
  ASSERT_FALSE(second.ok());
  EXPECT_TRUE(second.error().code() == policy::Errc::temporary);
  EXPECT_TRUE(setup->lock(log("other.log")).ok());
}

TEST_F(CollectorSetupTest, WithoutALogThereIsACollectorWithNothingToRead) {
  settings_.log_source = {"none"};
  const auto setup = CollectorSetup::make(settings_, clock_);
  ASSERT_TRUE(setup.ok());
  ASSERT_EQ(setup->sources().size(), 1U);
  auto store = reporter::open_store(settings_.store, reporter::StoreAccess::collector, {});
  ASSERT_TRUE(store.ok());
  auto collector = setup->collector(setup->sources().front(), **store);
  ASSERT_TRUE(collector.ok());
  EXPECT_EQ((*collector)->source(), "none");
  const auto more = (*collector)->take_block();
  ASSERT_TRUE(more.ok());
  EXPECT_FALSE(*more);
  EXPECT_TRUE((*collector)->commit().ok());
}

TEST_F(CollectorSetupTest, AJournalIsBegunWhereAnotherLogWasLeft) {
  JournalWorld world;
  constexpr std::uint64_t ten_us = 1'795'341'600'000'000;  // 2026-11-22T10:00:00Z
  const auto log_delivery = [&world](std::uint64_t at_us) {
    world.log(at_us, "postfix/smtp", 7,
              "Trusted TLS connection established to mx.a.example[198.51.100.1]:25: TLSv1.3");
    world.log(at_us, "postfix/smtp", 7,
              "4C0A1B2C3D: to=<u@a.example>, relay=mx.a.example[198.51.100.1]:25, delay=1, "
              "delays=0/0/1/0, dsn=2.0.0, status=sent (250 Ok)");
  };
  constexpr std::uint64_t day_us = 86'400'000'000;
  log_delivery(ten_us - 8 * day_us);  // Too old to be reported.
  log_delivery(ten_us - day_us);
  log_delivery(ten_us);
  world.write();
  settings_.log_source = {"journal:" + world.folder()};
  settings_.relay_name = "relay1";
  const auto sessions = [this](const std::string& before) {
    settings_.store = "sqlite:" + folder_.file("after-" + before + ".sqlite");
    auto store = *reporter::open_store(settings_.store, reporter::StoreAccess::collector, {});
    reporter::Batch batch;
    batch.relay = "relay1";
    batch.source = before;
    batch.state.read_until = policy::parse_instant("2026-11-22T09:59:59Z");
    batch.committed_at = *batch.state.read_until;
    EXPECT_TRUE(store->commit(batch).ok());
    const auto setup = CollectorSetup::make(settings_, clock_);
    auto collector = setup->collector(setup->sources().front(), *store);
    while (*(*collector)->take_block()) {
    }
    EXPECT_TRUE((*collector)->commit().ok());
    std::uint64_t sum = 0;
    const auto days = store->days();
    for (const policy::UtcDay day : *days) {
      const auto facts = store->facts(day, "a.example", std::nullopt);
      for (const policy::Fact& fact : *facts) sum += fact.sessions;
    }
    return sum;
  };
  EXPECT_EQ(sessions("none"), 2U);
  EXPECT_EQ(sessions("file:mail.log"), 1U);
}

// One relay whose lines can be had from several files and a journal, and where its collector reads
// them by and by.
class ChangeOfSource : public CollectorSetupTest {
 protected:
  ChangeOfSource() { settings_.relay_name = "relay1"; }

  // Instants are HH:MM:SS of 2026-11-22.
  static std::string lines_of(const std::string& at, unsigned pid, const std::string& text) {
    return "2026-11-22T" + at + "Z relay1 postfix/smtp[" + std::to_string(pid) + "]: " + text +
           "\n";
  }
  static std::string established(const std::string& at, unsigned pid) {
    return lines_of(at, pid,
                    "Trusted TLS connection established to mx.a.example[198.51.100.1]:25: TLSv1.3");
  }
  static std::string sent(const std::string& at, unsigned pid) {
    return lines_of(at, pid,
                    "4C0A1B2C3D: to=<u@a.example>, relay=mx.a.example[198.51.100.1]:25, delay=1, "
                    "delays=0/0/1/0, dsn=2.0.0, status=sent (250 Ok)");
  }
  static std::string delivered(const std::string& at, unsigned pid) {
    return established(at, pid) + sent(at, pid);
  }
  void append(const std::string& name, const std::string& text) const {
    std::ofstream(folder_.file(name), std::ios::app | std::ios::binary) << text;
  }
  // Adds TEXT to a journal, too.
  static void log(JournalWorld& journal, const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      const auto at = *policy::parse_instant(line.substr(0, line.find(' ')));
      const std::size_t pid = line.find('[') + 1;
      journal.log(static_cast<std::uint64_t>(policy::unix_seconds(at)) * 1'000'000, "postfix/smtp",
                  *policy::parse_number<unsigned>(line.substr(pid, line.find(']') - pid)),
                  line.substr(line.find("]: ") + 3));
    }
  }
  // A life with SOURCES: reads all there is, commits, and ends. What it had to say.
  std::vector<std::string> read(const std::vector<std::string>& sources) {
    settings_.log_source = sources;
    auto store = *reporter::open_store(settings_.store, reporter::StoreAccess::collector, {});
    const auto setup = CollectorSetup::make(settings_, clock_);
    std::vector<std::string> notices;
    for (const LogSource& source : setup->sources()) {
      auto collector = setup->collector(source, *store);
      EXPECT_TRUE(collector.ok());
      while (*(*collector)->take_block()) {
      }
      for (std::string& notice : (*collector)->take_notices()) notices.push_back(std::move(notice));
      EXPECT_TRUE((*collector)->commit().ok());
    }
    return notices;
  }
  std::uint64_t sessions() const {
    auto store = *reporter::open_store(settings_.store, reporter::StoreAccess::collector, {});
    std::uint64_t sum = 0;
    const auto facts = store->facts(policy::day_of(clock_.now()), "a.example", std::nullopt);
    for (const policy::Fact& fact : *facts) sum += fact.sessions;
    return sum;
  }
  std::string file(const std::string& name) const { return "file:" + folder_.file(name); }
  void set_clock(const std::string& at) {
    clock_.set(*policy::parse_instant("2026-11-22T" + at + "Z"));
  }
};

// Also what lies across the change: a handshake whose delivery is logged after it.
TEST_F(ChangeOfSource, AFileIsBegunWhereTheJournalWasLeft) {
  JournalWorld journal;
  set_clock("10:00:05");
  const std::string before = delivered("10:00:00", 7) + established("10:00:05", 8);
  log(journal, before);
  journal.write();
  EXPECT_EQ(read({"journal:" + journal.folder()}), Seen{});
  EXPECT_EQ(sessions(), 1U);
  set_clock("10:01:00");
  append("mail.log", before + sent("10:00:06", 8) + delivered("10:00:07", 9));
  EXPECT_EQ(
      read({file("mail.log")}),
      Seen{file("mail.log") + ": lines up to 2026-11-22T10:00:05Z are not counted, as journal:" +
           journal.folder() + " was read until then"});
  EXPECT_EQ(sessions(), 3U);
}

// The old log was left in the middle of a second, and the journal may have the next one for it.
TEST_F(ChangeOfSource, LinesOfTheSecondInWhichTheOldLogWasLeftAreCountedOnce) {
  set_clock("10:00:06");
  append("mail.log",
         delivered("10:00:03", 6) + delivered("10:00:05", 7) + established("10:00:05", 8));
  read({file("mail.log")});
  EXPECT_EQ(sessions(), 2U);
  JournalWorld journal;
  log(journal, delivered("10:00:04", 6) + delivered("10:00:06", 7) + established("10:00:05", 8));
  log(journal, sent("10:00:05", 8) + delivered("10:00:05", 9) + delivered("10:00:06", 7));
  journal.write();
  set_clock("10:00:07");
  read({"journal:" + journal.folder()});
  EXPECT_EQ(sessions(), 5U);
  set_clock("10:00:08");
  // And back, where its own lines of that second are behind it.
  append("mail.log", sent("10:00:05", 8) + delivered("10:00:05", 9) + delivered("10:00:06", 7) +
                         delivered("10:00:06", 10));
  read({file("mail.log")});
  EXPECT_EQ(sessions(), 6U);
}

TEST_F(ChangeOfSource, AThirdLogGoesOnWhereTheSecondWasLeftInTheSameSecond) {
  set_clock("10:00:05");
  const std::string half = delivered("10:00:05", 7);
  append("a.log", half);
  read({file("a.log")});
  append("b.log", half + delivered("10:00:05", 8));
  set_clock("10:00:06");
  read({file("b.log")});
  append("c.log", half + delivered("10:00:05", 8) + delivered("10:00:05", 9));
  set_clock("10:00:07");
  read({file("c.log")});
  EXPECT_EQ(sessions(), 3U);
}

TEST_F(ChangeOfSource, WhatWasRotatedAwayBehindTheOldLogIsCounted) {
  set_clock("10:00:05");
  append("mail.log", delivered("10:00:00", 7));
  read({file("mail.log")});
  set_clock("11:00:05");
  append("other.log.3", delivered("08:00:00", 7));
  append("other.log.2",
         delivered("09:30:00", 7) + delivered("10:00:00", 7) + delivered("10:10:00", 7));
  append("other.log.1", delivered("10:20:00", 7));
  append("other.log", delivered("10:30:00", 7));
  read({file("other.log")});
  EXPECT_EQ(sessions(), 4U);
  append("other.log", delivered("10:40:00", 7));
  read({file("other.log")});
  EXPECT_EQ(sessions(), 5U);
}

TEST_F(ChangeOfSource, ACopyOfAFileIsCountedOnceInHoweverManyLivesItIsRead) {
  set_clock("10:00:05");
  const std::string half = delivered("10:00:00", 7) + established("10:00:01", 8);
  const std::string rest = sent("10:00:02", 8) + delivered("10:00:05", 9);
  append("mail.log", half + rest);
  read({file("mail.log")});
  EXPECT_EQ(sessions(), 3U);
  set_clock("10:02:00");
  append("copy.log", half);
  EXPECT_EQ(read({file("copy.log")}).size(), 1U);
  append("copy.log", rest + delivered("10:00:06", 7));
  EXPECT_EQ(read({file("copy.log")}), Seen{});
  EXPECT_EQ(sessions(), 4U);
}

TEST_F(ChangeOfSource, ALogThatIsTakenUpAgainCountsNothingOfTheTimeBetween) {
  JournalWorld journal;
  set_clock("10:00:05");
  append("mail.log", delivered("10:00:00", 7));
  read({file("mail.log")});
  set_clock("11:00:05");
  append("mail.log", delivered("11:00:00", 7));
  log(journal, delivered("10:00:00", 7) + delivered("11:00:00", 7));
  journal.write();
  read({"journal:" + journal.folder()});
  EXPECT_EQ(sessions(), 2U);
  set_clock("12:00:05");
  append("mail.log", delivered("12:00:00", 7));
  EXPECT_EQ(read({file("mail.log")}).size(), 1U);
  EXPECT_EQ(sessions(), 3U);
}

// As after an upgrade that moved the log elsewhere: nobody sees it for an hour.
TEST_F(ChangeOfSource, WhatCameWhileTheOldLogWasSilentIsCounted) {
  set_clock("10:00:05");
  append("mail.log", delivered("10:00:00", 7));
  read({file("mail.log")});
  set_clock("11:00:05");
  read({file("mail.log")});
  append("other.log", delivered("10:00:00", 7) + delivered("10:30:00", 7));
  read({file("other.log")});
  EXPECT_EQ(sessions(), 2U);
}

// Somebody tries another log for some minutes, and goes back.
TEST_F(ChangeOfSource, ALogThatIsTakenUpAgainSoonCountsNothingOfTheTimeBetween) {
  const auto both = [this](const std::string& at) {
    for (const char* name : {"mail.log", "other.log"}) append(name, delivered(at, 7));
  };
  set_clock("10:00:05");
  both("10:00:00");
  read({file("mail.log")});
  set_clock("10:06:05");
  both("10:06:00");
  read({file("other.log")});
  set_clock("10:08:05");
  both("10:08:00");
  read({file("mail.log")});
  EXPECT_EQ(sessions(), 3U);
  set_clock("10:09:05");
  both("10:09:00");
  read({file("other.log")});
  read({file("other.log")});
  EXPECT_EQ(sessions(), 4U);
}

TEST_F(ChangeOfSource, LinesOfOtherProgramsHaveCountedNothing) {
  set_clock("11:00:00");
  append("mail.log",
         delivered("10:00:00", 7) + "2026-11-22T10:59:00Z relay1 dovecot[1]: imap-login\n");
  read({file("mail.log")});
  append("other.log", delivered("10:00:00", 7) + delivered("10:10:00", 7));
  read({file("other.log")});
  EXPECT_EQ(sessions(), 2U);
}

TEST_F(ChangeOfSource, ALogThatNeverHadALineHasCountedNothing) {
  set_clock("10:00:00");
  append("empty.log", "");
  read({file("empty.log")});
  set_clock("11:00:00");
  read({file("empty.log")});
  append("mail.log", delivered("09:30:00", 7) + delivered("10:20:00", 7));
  EXPECT_EQ(read({file("mail.log")}), Seen{});
  EXPECT_EQ(sessions(), 2U);
}

TEST_F(ChangeOfSource, WhatWaitsForADatagramGoesOnWaitingInTheNewLog) {
  settings_.tlsrpt_socket = "/run/t.sock";
  const std::string told = established("10:00:00", 7) +
                           lines_of("10:00:00", 7,
                                    "TLSRPT: status=success, domain=a.example, "
                                    "receiving_mx=mx.a.example[198.51.100.1]") +
                           sent("10:00:00", 7);
  set_clock("10:00:05");
  append("mail.log", told);
  read({file("mail.log")});
  EXPECT_EQ(sessions(), 0U);
  set_clock("11:00:00");
  append("other.log", told + delivered("10:50:00", 8) + delivered("10:51:00", 8));
  read({file("other.log")});
  EXPECT_EQ(sessions(), 3U);
}

// Two logs with lines of their own, of which one was away for long when the other is dropped.
TEST_F(ChangeOfSource, ALogThatWasReadBesideHasOtherLines) {
  set_clock("10:00:05");
  append("a.log", delivered("10:00:00", 7));
  append("b.log", delivered("10:00:00", 8));
  read({file("a.log"), file("b.log")});
  set_clock("10:59:05");
  append("b.log", delivered("10:59:00", 8));
  read({file("b.log")});
  append("a.log", delivered("10:30:00", 7));
  EXPECT_EQ(read({file("a.log")}), Seen{});
  EXPECT_EQ(sessions(), 4U);
}

// Two daemons of one relay, each with a log of its own, in whichever order they start again.
TEST_F(ChangeOfSource, ALogThatAnotherDaemonReadsHasOtherLines) {
  set_clock("10:00:05");
  append("a.log", delivered("10:00:00", 7));
  append("b.log", delivered("10:00:00", 8));
  read({file("a.log")});
  {
    settings_.log_source = {file("a.log")};
    const auto other = CollectorSetup::make(settings_, clock_);
    const auto lock = other->lock(other->sources().front());
    ASSERT_TRUE(lock.ok());
    EXPECT_EQ(read({file("b.log")}), Seen{});
  }
  EXPECT_EQ(sessions(), 2U);
  set_clock("10:10:05");
  append("b.log", delivered("10:10:00", 8));
  read({file("b.log")});
  append("a.log", delivered("10:05:00", 7));
  EXPECT_EQ(read({file("a.log")}), Seen{});
  EXPECT_EQ(sessions(), 4U);
  set_clock("10:20:05");
  append("a.log", delivered("10:20:00", 7));
  read({file("a.log")});
  append("b.log", delivered("10:15:00", 8));
  EXPECT_EQ(read({file("b.log")}), Seen{});
  EXPECT_EQ(sessions(), 6U);
}

TEST_F(ChangeOfSource, RotationAndAFurtherLogAreNone) {
  set_clock("10:00:05");
  append("mail.log", delivered("10:00:05", 7));
  read({file("mail.log")});
  append("mail.log", delivered("10:00:05", 8));
  std::filesystem::rename(folder_.file("mail.log"), folder_.file("mail.log.1"));
  append("mail.log", delivered("10:00:05", 9));
  EXPECT_EQ(read({file("mail.log")}), Seen{});
  EXPECT_EQ(sessions(), 3U);
  append("other.log", delivered("10:00:04", 7));
  EXPECT_EQ(read({file("mail.log"), file("other.log")}), Seen{});
  EXPECT_EQ(sessions(), 4U);
  // They were read at the same time: what one of them has not told is still to come.
  append("mail.log", delivered("10:00:05", 10));
  EXPECT_EQ(read({file("mail.log")}), Seen{});
  EXPECT_EQ(sessions(), 5U);
}

TEST_F(ChangeOfSource, AStampOfTheFutureHidesNothingThatIsLogged) {
  set_clock("10:00:05");
  append("mail.log", delivered("10:00:00", 7) + "2036-11-22T10:00:00Z relay1 sshd[1]: noise\n");
  read({file("mail.log")});
  append("other.log", delivered("10:00:00", 7) + delivered("10:00:06", 7));
  read({file("other.log")});
  EXPECT_EQ(sessions(), 2U);
}

TEST_F(ChangeOfSource, ALineOfTheFutureHidesAndDoublesNothing) {
  set_clock("10:00:05");
  const std::string half = delivered("10:00:00", 7) + delivered("11:30:00", 8);
  append("mail.log", half);
  read({file("mail.log")});
  EXPECT_EQ(sessions(), 2U);
  set_clock("10:10:00");
  append("other.log", half + delivered("10:00:03", 7));
  read({file("other.log")});
  EXPECT_EQ(sessions(), 3U);
}

// A clock that is ahead of ours, or a wrong time zone.
TEST_F(ChangeOfSource, ALogWhoseStampsAreAllOfTheFutureIsLeftWhereItIs) {
  for (const std::string ahead : {"10:00", "18:00"}) {
    settings_.store = "sqlite:" + folder_.file("s" + ahead);
    set_clock("10:00:00");
    std::string before;
    for (unsigned i = 10; i < 30; ++i) before += delivered(ahead + ":" + std::to_string(i), i);
    append("mail" + ahead, before);
    read({file("mail" + ahead)});
    EXPECT_EQ(sessions(), 20U) << ahead;
    append("other" + ahead, before + delivered(ahead + ":29", 50) + delivered(ahead + ":40", 51));
    read({file("other" + ahead)});
    EXPECT_EQ(sessions(), 22U) << ahead;
  }
}

TEST_F(CollectorSetupTest, CorrelatorOptionsFoldRelayNames) {
  settings_.ignore_relays = {"HUB.example"};
  settings_.count_private_relays = true;
  settings_.report_senders = {"reports@relay.example"};
  const CorrelatorOptions options = correlator_options(settings_, {"mx.hub.example"});
  EXPECT_EQ(options.filter.ignore_relays,
            (std::vector<std::string>{"mx.hub.example", "hub.example"}));
  EXPECT_TRUE(options.filter.count_private_relays);
  EXPECT_EQ(options.report_senders, settings_.report_senders);
}

TEST_F(CollectorSetupTest, StoreLimitsAreThoseOfTheSettings) {
  settings_.max_facts = 7;
  settings_.max_domains = 9;
  EXPECT_EQ(store_limits(settings_).max_facts, 7U);
  EXPECT_EQ(store_limits(settings_).max_domains, 9U);
}

}  // namespace
}  // namespace tlsrpt::milter
