#include "milter/log/journal_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/milter/log/journal_world.h"

namespace tlsrpt::milter {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Texts = std::vector<std::string>;

// 2026-11-22T10:00:00Z, in microseconds.
constexpr std::uint64_t ten_us = 1'795'341'600'000'000;
constexpr std::uint64_t second_us = 1'000'000;
const policy::UtcSeconds long_ago = *policy::parse_instant("2026-11-01T00:00:00Z");

class JournalReaderTest : public testing::Test {
 protected:
  std::unique_ptr<JournalReader> reader(const std::string& position = "",
                                        policy::UtcSeconds since = long_ago) const {
    auto reader = std::make_unique<JournalReader>(world_.folder(),
                                                  LogLineSplitter({"postfix", "out"}), since);
    EXPECT_TRUE(reader->restore(position, "").ok());
    return reader;
  }
  // The messages of all that there is now.
  static Texts messages(LogReader& reader) {
    Texts texts;
    for (;;) {
      const auto read = reader.next();
      if (!read) return {"error: " + read.error().message()};
      if (read->octets == 0) return texts;
      for (const LogEntry& entry : read->entries) texts.emplace_back(entry.line.message);
    }
  }
  Texts messages() const { return messages(*reader()); }

  JournalWorld world_;
};

TEST_F(JournalReaderTest, AnEntryIsTheLineThatATextLogWouldHave) {
  world_.add(ten_us + 5, {{"_TRANSPORT", "syslog"},
                          {"SYSLOG_IDENTIFIER", "out/relay/smtp"},
                          {"_PID", "331"},
                          {"SYSLOG_PID", "7"},
                          {"_HOSTNAME", "relay1.example"},
                          {"_SOURCE_REALTIME_TIMESTAMP", std::to_string(ten_us - 1)},
                          {"MESSAGE", "warning: text"}});
  world_.write();
  const auto reader = this->reader();
  const auto read = reader->next();
  ASSERT_TRUE(read.ok()) << read.error().message();
  ASSERT_EQ(read->entries.size(), 1U);
  const LogEntry& entry = read->entries.front();
  EXPECT_EQ(policy::to_text(entry.at), "2026-11-22T09:59:59Z");  // When it was sent.
  EXPECT_EQ(entry.text,
            "2026-11-22T09:59:59.999999Z relay1.example out/relay/smtp[331]: warning: text");
  EXPECT_EQ(entry.line.host, "relay1.example");
  EXPECT_EQ(entry.line.program, "out/relay/smtp");
  EXPECT_EQ(entry.line.instance, "out");
  EXPECT_EQ(entry.line.process, "relay1.example out/relay/smtp[331");
  EXPECT_TRUE(entry.line.kind == Program::smtp);
  EXPECT_EQ(entry.line.message, "warning: text");
  EXPECT_EQ(policy::to_text(*read->newest), "2026-11-22T10:00:00Z");
}

TEST_F(JournalReaderTest, TakesProgramsOfPostfixByTheirIdentifier) {
  const auto add = [this](const std::string& identifier, const std::string& transport,
                          const std::string& message) {
    world_.add(ten_us, {{"_TRANSPORT", transport},
                        {"SYSLOG_IDENTIFIER", identifier},
                        {"_PID", "1"},
                        {"_HOSTNAME", "r"},
                        {"MESSAGE", message}});
  };
  add("postfix/smtp", "syslog", "a");
  add("postfix/smtpd", "syslog", "received");
  add("other/smtp", "syslog", "of other software");
  add("postfix/smtp", "stdout", "of some service, not by syslog(3)");
  add("postfix/smtp[99]: x/smtp", "syslog", "a name that would end the pid");
  add("postfix/new-service/smtp", "syslog", "b");
  add("out/qmgr", "syslog", "c");
  world_.write();
  EXPECT_THAT(messages(), ElementsAre("a", "b", "c"));
}

TEST_F(JournalReaderTest, FieldsOfStrangersAreWordsOrNothing) {
  const JournalWorld::Fields good = {{"_TRANSPORT", "syslog"},
                                     {"SYSLOG_IDENTIFIER", "postfix/smtp"},
                                     {"_PID", "1"},
                                     {"_HOSTNAME", "r"},
                                     {"MESSAGE", "m"}};
  const auto with = [&good](const std::string& name, const std::string& value) {
    JournalWorld::Fields fields = good;
    fields[name] = value;
    return fields;
  };
  world_.add(ten_us, with("MESSAGE", std::string("a\0b\xff", 4)));
  world_.add(ten_us, with("MESSAGE", "first\nFeb  1 00:00:00 relay1 postfix/smtp[1]: second"));
  world_.add(ten_us, with("MESSAGE", std::string(200'000, 'x')));
  world_.add(ten_us, with("_HOSTNAME", "r postfix/smtp[9]: x"));
  world_.add(ten_us, with("_PID", "0"));  // And no SYSLOG_PID.
  world_.add(ten_us, with("_SOURCE_REALTIME_TIMESTAMP", "99999999999999999999999"));
  JournalWorld::Fields by_itself = with("SYSLOG_PID", "77");
  by_itself.erase("_PID");
  by_itself.erase("_HOSTNAME");
  world_.add(ten_us, by_itself);
  world_.write();
  const auto reader = this->reader();
  const auto read = reader->next();
  ASSERT_TRUE(read.ok());
  ASSERT_EQ(read->entries.size(), 6U);
  EXPECT_EQ(read->entries[0].line.message, std::string_view("a\0b\xff", 4));
  EXPECT_EQ(read->entries[1].line.message, "first");
  EXPECT_EQ(read->entries[2].line.message.size(), 64U * 1024);
  EXPECT_EQ(read->entries[3].line.process, "- postfix/smtp[1");
  EXPECT_EQ(policy::to_text(read->entries[4].at), "2026-11-22T10:00:00Z");
  EXPECT_EQ(read->entries[5].line.process, "- postfix/smtp[77");
}

TEST_F(JournalReaderTest, GoesOnFromEveryPositionWithWhatFollows) {
  constexpr unsigned count = 12;
  Texts all;
  for (unsigned i = 0; i < count; ++i) {
    // Every other one is passed over: a position may be at such an entry.
    world_.log(ten_us + i, i % 2 == 0 ? "postfix/smtp" : "cron", 1, std::to_string(i));
    if (i % 2 == 0) all.push_back(std::to_string(i));
  }
  Texts seen;
  std::string position;
  for (unsigned i = 0; i < 3; ++i) {
    if (i == 0) world_.write();
    const auto reader = this->reader(position);
    const Texts more = messages(*reader);
    seen.insert(seen.end(), more.begin(), more.end());
    position = reader->position();
    EXPECT_THAT(reader->take_notices(), IsEmpty());
    world_.log(ten_us + count + i, i == 0 ? "cron" : "postfix/smtp", 1, "later");
    world_.write();
  }
  all.emplace_back("later");
  EXPECT_EQ(seen, all);
  EXPECT_THAT(messages(*reader(position)), ElementsAre("later"));
}

TEST_F(JournalReaderTest, FirstStartGoesBackAsFarAsItIsTold) {
  world_.log(ten_us - 1, "postfix/smtp", 1, "too old");
  world_.log(ten_us, "postfix/smtp", 1, "old enough");
  world_.write();
  const auto reader = this->reader("", policy::from_unix_seconds(ten_us / second_us));
  EXPECT_THAT(messages(*reader), ElementsAre("old enough"));
}

TEST_F(JournalReaderTest, FollowsGrowthRotationAndNewFiles) {
  world_.log(ten_us, "postfix/smtp", 1, "a");
  world_.write();
  const auto reader = this->reader();
  EXPECT_GE(reader->wait_fd(), 0);
  EXPECT_THAT(messages(*reader), ElementsAre("a"));
  const auto told = [&reader] {
    pollfd watched{reader->wait_fd(), POLLIN, 0};
    while (::poll(&watched, 1, 20'000) == 1) {
      if (reader->take_events()) return true;
    }
    return false;
  };
  world_.log(ten_us + 1, "postfix/smtp", 1, "b");
  world_.write();
  EXPECT_TRUE(told());
  EXPECT_THAT(messages(*reader), ElementsAre("b"));
  std::filesystem::rename(world_.file(), world_.file("system@0001-0002-0003"));
  world_.log(ten_us + 2, "postfix/smtp", 1, "c");
  world_.log(ten_us + 3, "postfix/smtp", 1, "d");
  world_.write();
  EXPECT_TRUE(told());
  Texts rest = messages(*reader);
  while (rest.size() < 2 && told()) {
    for (const std::string& text : messages(*reader)) rest.push_back(text);
  }
  EXPECT_THAT(rest, ElementsAre("c", "d"));
  EXPECT_THAT(messages(), ElementsAre("a", "b", "c", "d"));
}

TEST_F(JournalReaderTest, SaysWhenWhatItHasReadLastIsGoneAndGoesOn) {
  world_.log(ten_us, "postfix/smtp", 1, "a");
  world_.write("system@1");
  const auto first = reader();
  EXPECT_THAT(messages(*first), ElementsAre("a"));
  world_.log(ten_us + 60 * second_us, "postfix/smtp", 1, "b");
  world_.write();
  std::filesystem::remove(world_.file("system@1"));
  const auto second = reader(first->position());
  EXPECT_THAT(messages(*second), ElementsAre("b"));
  EXPECT_THAT(second->take_notices(),
              ElementsAre(HasSubstr("the entry that was read last, of 2026-11-22T10:00:00Z, is no "
                                    "longer there; what was logged after it and before "
                                    "2026-11-22T10:01:00Z is lost, if anything")));
  EXPECT_THAT(messages(*reader(second->position())), IsEmpty());
}

TEST_F(JournalReaderTest, WhatIsLeftAndOlderThanThePositionIsNotReadAgain) {
  world_.log(ten_us, "postfix/smtp", 1, "a");
  world_.write("system@1");
  world_.log(ten_us + second_us, "postfix/smtp", 1, "b");
  world_.write();
  const auto first = reader();
  EXPECT_THAT(messages(*first), ElementsAre("a", "b"));
  std::filesystem::remove(world_.file());
  const auto second = reader(first->position());
  EXPECT_THAT(messages(*second), IsEmpty());
  EXPECT_EQ(second->take_notices().size(), 1U);
  world_.log(ten_us + 2 * second_us, "postfix/smtp", 1, "c");
  world_.write();
  EXPECT_THAT(messages(*reader(first->position())), ElementsAre("c"));
}

TEST_F(JournalReaderTest, SaysWhenJournaldDroppedMessagesOfPostfix) {
  const auto drop = [this](const std::string& unit) {
    world_.add(ten_us, {{"_TRANSPORT", "driver"},
                        {"SYSLOG_IDENTIFIER", "systemd-journald"},
                        {"MESSAGE_ID", "a596d6fe7bfa4994828e72309e95d61e"},
                        {"N_DROPPED", "42"},
                        {"OBJECT_SYSTEMD_UNIT", unit}});
  };
  drop("postfix@-.service");
  drop("chatty.service");
  world_.write();
  const auto reader = this->reader();
  EXPECT_THAT(messages(*reader), IsEmpty());
  EXPECT_THAT(reader->take_notices(),
              ElementsAre(HasSubstr("at 2026-11-22T10:00:00Z journald dropped 42 messages of "
                                    "postfix@-.service")));
}

TEST_F(JournalReaderTest, AbsentJournalIsNotFoundUntilItComes) {
  const auto reader = this->reader();
  const auto read = reader->next();
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code(), policy::Errc::not_found);
  EXPECT_EQ(reader->wait_fd(), -1);
  EXPECT_TRUE(reader->take_events());
  world_.log(ten_us, "postfix/smtp", 1, "a");
  world_.write();
  EXPECT_THAT(messages(*reader), ElementsAre("a"));
}

TEST_F(JournalReaderTest, GoesOnInAFolderThatTookThePlaceOfItsOwn) {
  world_.log(ten_us, "postfix/smtp", 1, "a");
  world_.write();
  const auto reader = this->reader();
  EXPECT_GE(reader->wait_fd(), 0);
  EXPECT_THAT(messages(*reader), ElementsAre("a"));
  std::filesystem::rename(world_.folder(), world_.folder() + ".old");
  std::filesystem::create_directory(world_.folder());
  world_.log(ten_us + second_us, "postfix/smtp", 1, "b");
  world_.write();
  EXPECT_THAT(messages(*reader), ElementsAre("b"));
  EXPECT_THAT(reader->take_notices(),
              ElementsAre(HasSubstr(world_.folder() + " was replaced; going on where it was read"),
                          HasSubstr("is no longer there")));
  std::filesystem::remove_all(world_.folder());
  EXPECT_THAT(messages(*reader), ElementsAre(HasSubstr("error: there is no journal")));
  std::filesystem::rename(world_.folder() + ".old", world_.folder());
  world_.log(ten_us + 2 * second_us, "postfix/smtp", 1, "c");
  world_.write();
  EXPECT_THAT(messages(*reader), ElementsAre("c"));
}

// As they are when journald makes a volatile journal persistent.
TEST_F(JournalReaderTest, EntriesThatWereCopiedIntoAnotherFileAreReadOnce) {
  const auto write_both = [this](const std::string& name) {
    world_.log(ten_us, "postfix/smtp", 1, "a");
    world_.log(ten_us + 1, "postfix/smtp", 1, "b");
    world_.write(name);
  };
  write_both("system@1");
  const auto first = reader();
  EXPECT_THAT(messages(*first), ElementsAre("a", "b"));
  std::filesystem::remove(world_.file("system@1"));
  write_both("system");
  const auto second = reader(first->position());
  EXPECT_THAT(messages(*second), IsEmpty());
  EXPECT_THAT(second->take_notices(), IsEmpty());
}

TEST_F(JournalReaderTest, SaysThatAFileIsCutShort) {
  world_.log(ten_us, "postfix/smtp", 1, "a");
  world_.write("system@1");
  world_.log(ten_us + 1, "postfix/smtp", 1, "b");
  world_.write();
  std::filesystem::resize_file(world_.file("system@1"), 5000);
  const auto reader = this->reader();
  EXPECT_THAT(messages(*reader), ElementsAre("b"));
  EXPECT_THAT(reader->take_notices(),
              ElementsAre(HasSubstr(world_.file("system@1") + ": is cut short: has 5000 of its ")));
}

TEST_F(JournalReaderTest, AFileThatIsCutShortWhileItIsReadEndsNothing) {
  for (unsigned i = 0; i < 10'000; ++i)
    world_.log(ten_us + i, "postfix/smtp", 1, "a " + std::to_string(i));
  world_.write("system@1");
  world_.log(ten_us + second_us, "postfix/smtp", 1, "b");
  world_.write();
  const auto reader = this->reader();
  EXPECT_GT(reader->next()->entries.size(), 1000U);
  std::filesystem::resize_file(world_.file("system@1"), 300'000);
  EXPECT_EQ(messages(*reader).back(), "b");
  EXPECT_THAT(reader->take_notices(), testing::Contains(HasSubstr("is cut short")));
}

TEST_F(JournalReaderTest, DamagedPositionsAreRefused) {
  JournalReader reader(world_.folder(), LogLineSplitter({"postfix"}), long_ago);
  for (const char* bad : {"1 2 3 4 0 5 6 7 8", "journal1", "journal1 1", "journal1 x s=1;i=2",
                          "journal1 1 a b", "journal2 1 s=1"}) {
    EXPECT_EQ(reader.restore(bad, "").error().code(), policy::Errc::syntax) << bad;
  }
  // Well-formed for us; what sd-journal(3) makes of it is an error, not a crash.
  world_.log(ten_us, "postfix/smtp", 1, "a");
  world_.write();
  EXPECT_THAT(messages(*this->reader("journal1 1 nonsense")),
              ElementsAre(HasSubstr("cannot seek")));
}

}  // namespace
}  // namespace tlsrpt::milter
