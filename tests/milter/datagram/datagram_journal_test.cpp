#include "milter/datagram/datagram_journal.h"

#include <gtest/gtest.h>

#include <memory>

#include "milter/datagram/tlsrpt_datagram.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {
namespace {

constexpr policy::UtcSeconds noon{std::chrono::seconds(1795435200)};

class DatagramJournalTest : public testing::Test {
 protected:
  std::unique_ptr<DatagramJournal> open(JournalLimits limits = {}) const {
    auto journal = std::make_unique<DatagramJournal>(folder_.file("s.datagrams-"), limits);
    EXPECT_TRUE(journal->open().ok());
    return journal;
  }
  // Appends COUNT datagrams, each of which says its own number.
  static bool append(DatagramJournal& journal, std::uint64_t first, std::uint64_t count) {
    std::vector<std::string> texts;
    for (std::uint64_t i = first; i < first + count; ++i)
      texts.push_back("datagram " + std::to_string(i));
    return append_texts(journal, first, texts);
  }
  static bool append_texts(DatagramJournal& journal, std::uint64_t first,
                           const std::vector<std::string>& texts) {
    std::vector<ReceivedDatagram> batch;
    for (const std::string& text : texts) batch.push_back({77, noon, text, first++, false});
    return journal.append(batch);
  }
  // The texts and numbers of texts that next() hands out.
  static std::vector<std::pair<std::string, std::uint64_t>> read_texts(DatagramJournal& journal) {
    std::vector<std::pair<std::string, std::uint64_t>> texts;
    for (auto some = journal.next(); !some.empty(); some = journal.next()) {
      for (const ReceivedDatagram& each : some) texts.emplace_back(each.octets, each.text);
    }
    return texts;
  }
  // The numbers of all that next() hands out, which must be what was appended.
  static std::vector<std::uint64_t> read(DatagramJournal& journal) {
    std::vector<std::uint64_t> numbers;
    for (auto some = journal.next(); !some.empty(); some = journal.next()) {
      for (const ReceivedDatagram& each : some) {
        EXPECT_EQ(each.octets, "datagram " + std::to_string(each.sequence));
        EXPECT_EQ(each.pid, 77);
        EXPECT_EQ(each.at, noon);
        numbers.push_back(each.sequence);
      }
    }
    return numbers;
  }
  static std::vector<std::uint64_t> range(std::uint64_t first, std::uint64_t last) {
    std::vector<std::uint64_t> all;
    for (; first <= last; ++first) all.push_back(first);
    return all;
  }

  testing_support::TempDir folder_;
};

TEST_F(DatagramJournalTest, KnowsInTheNextLifeWhatWasCommitted) {
  {
    const auto journal = open();
    EXPECT_EQ(journal->committed(), std::nullopt);
    append(*journal, 1, 9);
    journal->release(4);
    journal->release(7);
  }
  EXPECT_EQ(open()->committed(), 7U);
  folder_.write("s.datagrams-committed", "nothing of ours");
  EXPECT_EQ(open()->committed(), std::nullopt);
}

TEST_F(DatagramJournalTest, HandsOutWhatWasAppendedInItsOrder) {
  const auto journal = open();
  EXPECT_TRUE(journal->next().empty());
  append(*journal, 1, 3);
  EXPECT_GT(journal->waiting(), 0U);
  EXPECT_EQ(read(*journal), range(1, 3));
  EXPECT_EQ(journal->waiting(), 0U);
  append(*journal, 4, 1);
  EXPECT_EQ(read(*journal), range(4, 4));
}

TEST_F(DatagramJournalTest, ATextStandsOnceInASegment) {
  JournalLimits limits;
  limits.segment = 1000;
  const std::string a(400, 'a');
  const std::string b(400, 'b');
  auto journal = open(limits);
  const std::vector<std::pair<std::string, std::uint64_t>> expected{
      {a, 1}, {a, 1}, {b, 3}, {"8 octets", 0}, {"8 octets", 0}, {a, 1}, {b, 7}, {a, 8}, {a, 8}};
  append_texts(*journal, 1, {a, a, b});
  EXPECT_EQ(read_texts(*journal), decltype(expected)(expected.begin(), expected.begin() + 3));
  append_texts(*journal, 4, {"8 octets", "8 octets", a});
  // The segment is full: the next one knows nothing of it.
  append_texts(*journal, 7, {b, a, a});
  EXPECT_EQ(read_texts(*journal), decltype(expected)(expected.begin() + 3, expected.end()));
  EXPECT_EQ(folder_.names().size(), 3U);
  journal->rewind(0);
  EXPECT_EQ(read_texts(*journal), expected);
  journal = open(limits);
  EXPECT_EQ(read_texts(*journal), expected);
}

TEST_F(DatagramJournalTest, WhatRepeatsALostTextIsMissing) {
  const std::string a(400, 'a');
  auto journal = open();
  append_texts(*journal, 1, {a, a, "another text"});
  const std::string name = *folder_.names().begin();
  std::string octets = folder_.read(name);
  octets[2 * 32 + a.size()] = '\x9';  // The number that the second has.
  folder_.write(name, octets);
  journal = open();
  EXPECT_EQ(read_texts(*journal),
            (std::vector<std::pair<std::string, std::uint64_t>>{{a, 1}, {"another text", 3}}));
  EXPECT_EQ(journal->waiting(), 0U);
}

TEST_F(DatagramJournalTest, ATextIsWrittenAgainWhereItsSegmentCannotBe) {
  JournalLimits limits;
  limits.segment = 1;
  limits.disk = 1;
  const std::string a(400, 'a');
  const auto journal = open(limits);
  for (std::uint64_t i = 1; i <= 3; ++i) EXPECT_TRUE(append_texts(*journal, i, {a}));
  EXPECT_NE(journal->trouble(), "");
  EXPECT_EQ(read_texts(*journal),
            (std::vector<std::pair<std::string, std::uint64_t>>{{a, 1}, {a, 2}, {a, 3}}));
}

TEST_F(DatagramJournalTest, ASecondLifeHasWhatIsNotReleased) {
  auto journal = open();
  append(*journal, 1, 5);
  journal->release(3);
  journal = open();
  EXPECT_EQ(journal->last(), 5U);
  journal->rewind(3);
  const auto rest = read(*journal);
  // Whole segments are kept: who asks skips what he knows.
  EXPECT_EQ(rest.back(), 5U);
  append(*journal, 6, 2);
  EXPECT_EQ(read(*journal), range(6, 7));
  journal->rewind(5);
  EXPECT_EQ(read(*journal), range(6, 7));
}

TEST_F(DatagramJournalTest, FilesGoWhenAllOfThemIsCommitted) {
  JournalLimits limits;
  limits.segment = 1000;
  const auto files = [this] { return folder_.names().size() - 1; };  // The note stays.
  auto journal = open(limits);
  for (std::uint64_t i = 0; i < 10; ++i) append(*journal, 1 + i * 30, 30);
  EXPECT_EQ(files(), 10U);
  EXPECT_EQ(read(*journal), range(1, 300));
  journal->release(150);
  EXPECT_EQ(files(), 5U);
  journal->release(299);
  EXPECT_EQ(files(), 1U);
  journal.reset();
  EXPECT_EQ(files(), 1U);
  journal = open(limits);
  journal->release(300);
  journal.reset();
  EXPECT_EQ(files(), 0U);
}

TEST_F(DatagramJournalTest, ARecordThatWasCutOffEndsItsSegment) {
  auto journal = open();
  append(*journal, 1, 3);
  journal.reset();
  const std::string name = *folder_.names().begin();
  const std::string whole = folder_.read(name);
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    folder_.write(name, whole.substr(0, size));
    journal = open();
    EXPECT_EQ(journal->last(), size / (whole.size() / 3));
    EXPECT_EQ(read(*journal), range(1, journal->last()));
    append(*journal, journal->last() + 1, 1);
    EXPECT_EQ(read(*journal).size(), 1U);
    for (const std::string& each : folder_.names()) std::filesystem::remove(folder_.file(each));
  }
}

TEST_F(DatagramJournalTest, WhatIsNoJournalIsNotRead) {
  folder_.write("s.datagrams-00000000000000000009", std::string(5000, 'x'));
  folder_.write("s.datagrams-9", "other");
  folder_.write("s.datagrams-landing", "other");
  const auto journal = open();
  EXPECT_EQ(journal->last(), 0U);
  append(*journal, 9, 1);
  EXPECT_EQ(read(*journal), range(9, 9));
  EXPECT_EQ(folder_.read("s.datagrams-9"), "other");
}

TEST_F(DatagramJournalTest, LiesInMemoryWhereNoFileCanBeWritten) {
  DatagramJournal journal(folder_.file("nowhere/s.datagrams-"));
  EXPECT_FALSE(journal.open().ok());
  EXPECT_EQ(journal.trouble(), "");
  append(journal, 1, 10);
  EXPECT_NE(journal.trouble().find("nowhere"), std::string::npos);
  EXPECT_EQ(read(journal), range(1, 10));
}

TEST_F(DatagramJournalTest, LeavesMemoryWhenAFileCanBeWrittenAgain) {
  JournalLimits limits;
  limits.in_memory = std::chrono::seconds(0);
  DatagramJournal journal(folder_.file("later/s.datagrams-"), limits);
  EXPECT_FALSE(journal.open().ok());
  append(journal, 1, 10);
  append(journal, 11, 10);
  EXPECT_EQ(journal.only_in_memory(), 20U);
  std::filesystem::create_directory(folder_.file("later"));
  append(journal, 21, 10);
  EXPECT_EQ(journal.trouble(), "");
  EXPECT_EQ(journal.only_in_memory(), 20U);
  EXPECT_EQ(read(journal), range(1, 30));
  journal.release(15);
  EXPECT_EQ(journal.only_in_memory(), 5U);
  journal.release(30);
  EXPECT_EQ(journal.only_in_memory(), 0U);
}

TEST_F(DatagramJournalTest, WhatFindsNoRoomIsMissingAndTheRestGoesOn) {
  JournalLimits limits;
  limits.segment = 100;
  limits.disk = 1000;
  limits.memory = 500;
  const auto journal = open(limits);
  std::uint64_t written = 0;
  for (std::uint64_t i = 1; i <= 100; ++i) written += append(*journal, i, 1) ? 1U : 0U;
  EXPECT_NE(journal->trouble(), "");
  const auto kept = read(*journal);
  ASSERT_FALSE(kept.empty());
  EXPECT_EQ(kept.size(), written);
  EXPECT_LT(kept.size(), 100U);
  EXPECT_EQ(kept, range(1, kept.size()));
  journal->release(kept.size());
  append(*journal, 101, 1);
  EXPECT_EQ(journal->trouble(), "");
  EXPECT_EQ(read(*journal), range(101, 101));
}

TEST_F(DatagramJournalTest, KnowsWhatLayInTheSocketBefore) {
  auto journal = open();
  const std::vector<ReceivedDatagram> batch{
      {77, noon, "of a domain", 1, false, StampOf::start},
      {77, noon, "of a domain", 2, false, StampOf::sending},
      {77, noon, "of a domain", 3, false, StampOf::receipt},
  };
  journal->append(batch);
  const auto datagrams = journal->next();
  ASSERT_EQ(datagrams.size(), 3U);
  EXPECT_EQ(datagrams[0].stamp, StampOf::start);
  EXPECT_EQ(datagrams[1].stamp, StampOf::sending);
  EXPECT_EQ(datagrams[2].stamp, StampOf::receipt);
}

TEST_F(DatagramJournalTest, HoldsTheLongestDatagram) {
  const auto journal = open();
  const std::string longest(max_datagram, 'x');
  std::vector<ReceivedDatagram> batch;
  for (std::uint64_t i = 1; i <= 32; ++i) batch.push_back({1, noon, longest, i, true});
  journal->append(batch);
  std::uint64_t count = 0;
  for (auto some = journal->next(); !some.empty(); some = journal->next()) {
    for (const ReceivedDatagram& each : some) {
      EXPECT_EQ(each.octets, longest);
      EXPECT_TRUE(each.is_truncated);
      EXPECT_EQ(each.sequence, ++count);
    }
  }
  EXPECT_EQ(count, 32U);
}

TEST_F(DatagramJournalTest, WhatADiskHasDamagedIsLeftOutAndNothingElse) {
  constexpr std::uint64_t all = 20;
  append(*open(), 1, all);
  const std::string name = "s.datagrams-00000000000000000001";
  const std::string sound = folder_.read(name);
  std::size_t lost = 0;
  for (std::size_t octet = 0; octet < sound.size(); ++octet) {
    std::string damaged = sound;
    damaged[octet] = static_cast<char>(damaged[octet] ^ (1 << octet % 8));
    folder_.write(name, damaged);
    const auto journal = open();
    EXPECT_LE(journal->last(), all);
    const std::size_t found = read(*journal).size();
    EXPECT_LT(found, all) << octet;
    lost += all - found;
  }
  // The end of a record is not known where its length is damaged.
  EXPECT_LT(static_cast<double>(lost) / static_cast<double>(sound.size()), 2.0);
}

}  // namespace
}  // namespace tlsrpt::milter
