#include "milter/log/text_log_reader.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <memory>
#include <string>

#include "tests/milter/log_world.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {
namespace {

class TextLogReaderTest : public testing::Test {
 protected:
  std::unique_ptr<TextLogReader> reader(const std::string& zone = "UTC") {
    return std::make_unique<TextLogReader>(log_, *StampParser::make(zone),
                                           LogLineSplitter({"postfix"}), clock_);
  }

  testing_support::TempDir folder_;
  std::string log_ = folder_.file("mail.log");
  testing_support::FakeClock clock_{"2026-11-22T12:00:00Z"};
};

TEST_F(TextLogReaderTest, HandsOutWhatIsOfInterestAndHowFarItRead) {
  const std::string of_interest = "Nov 22 10:00:01 relay1 postfix/smtp[7]: message";
  append_to(log_, "no stamp\n" + of_interest + "\nNov 22 10:00:02 relay1 sshd[1]: noise\n");
  const auto reader = this->reader();
  const auto read = reader->next();
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->octets, std::filesystem::file_size(log_));
  EXPECT_EQ(policy::to_text(*read->newest), "2026-11-22T10:00:02Z");
  ASSERT_EQ(read->entries.size(), 1U);
  const LogEntry& entry = read->entries.front();
  EXPECT_EQ(policy::to_text(entry.at), "2026-11-22T10:00:01Z");
  EXPECT_EQ(entry.line.process, "relay1 postfix/smtp[7");
  EXPECT_EQ(entry.line.message, "message");
  EXPECT_EQ(entry.text, of_interest);
  const auto nothing = reader->next();
  ASSERT_TRUE(nothing.ok());
  EXPECT_EQ(nothing->octets, 0U);
  EXPECT_TRUE(nothing->entries.empty());
  EXPECT_FALSE(nothing->newest);
}

TEST_F(TextLogReaderTest, GoesOnInTheSecondPassOfARepeatedHour) {
  // Clocks went back on 25 October at 03:00: the second line belongs to the second pass.
  append_to(log_, "Oct 25 02:50:00 r postfix/smtp[7]: a\nOct 25 02:01:00 r postfix/smtp[7]: b\n");
  auto first = reader("Europe/Berlin");
  ASSERT_TRUE(first->next().ok());
  const std::string position = first->position();
  const std::string memory = first->memory();
  append_to(log_, "Oct 25 02:05:00 r postfix/smtp[7]: c\n");
  auto second = reader("Europe/Berlin");
  ASSERT_TRUE(second->restore(position, memory).ok());
  const auto read = second->next();
  ASSERT_TRUE(read.ok());
  ASSERT_EQ(read->entries.size(), 1U);
  EXPECT_EQ(policy::to_text(read->entries.front().at), "2026-10-25T01:05:00Z");
}

TEST_F(TextLogReaderTest, APositionOfAnotherKindIsRefused) {
  EXPECT_EQ(reader()->restore("s=cursor", "").error().code(), policy::Errc::syntax);
}

TEST_F(TextLogReaderTest, TellsOfChangesSinceTheWaitBegan) {
  append_to(log_, "");
  const auto reader = this->reader();
  EXPECT_TRUE(reader->take_events());  // Nobody waits yet, nobody knows.
  pollfd watched{reader->wait_fd(), POLLIN, 0};
  ASSERT_GE(watched.fd, 0);
  EXPECT_EQ(::poll(&watched, 1, 0), 0);
  append_to(log_, "text\n");
  EXPECT_EQ(::poll(&watched, 1, 20'000), 1);
  EXPECT_TRUE(reader->take_events());
  EXPECT_FALSE(reader->take_events());
}

}  // namespace
}  // namespace tlsrpt::milter
