#include "milter/correlate/smtp_process.h"

#include <gtest/gtest.h>

#include "milter/correlate/state_codec.h"

namespace tlsrpt::milter {
namespace {

const PeerView mx{"mx.a.example", "198.51.100.1", 25};
const policy::UtcSeconds noon = policy::from_unix_seconds(1795454222);

TEST(SmtpProcess, OneNoteForEachPeerWhateverThePort) {
  SmtpProcess process;
  process.note_for(mx, noon).is_resumed = true;
  EXPECT_TRUE(process.note_for({"MX.A.example", "198.51.100.1", 587}, noon).is_resumed);
  EXPECT_FALSE(process.note_for({"mx.a.example", "198.51.100.2", 25}, noon).is_resumed);
  EXPECT_EQ(process.notes.size(), 2U);
  EXPECT_TRUE(process.take_note(mx)->is_resumed);
  EXPECT_FALSE(process.take_note(mx));
}

TEST(SmtpProcess, CarriedConnectionsAreToldApartByTheirDelays) {
  SmtpProcess process;
  Carried connection;
  connection.peer.assign(mx);
  connection.session_delays = "0/0/1";
  process.carried.push_back(connection);
  EXPECT_NE(process.find_carried(mx), nullptr);
  EXPECT_NE(process.find_carried(mx, "0/0/1"), nullptr);
  EXPECT_EQ(process.find_carried(mx, "0/0/2"), nullptr);
  EXPECT_EQ(process.find_carried({"mx.a.example", "198.51.100.1", 587}), nullptr);
}

TEST(SmtpProcess, OpenAttemptsAreBoundedAndTheOldestIsGivenBack) {
  SmtpProcess process;
  for (int number = 0; number < 100; ++number) {
    Attempt attempt;
    attempt.at = noon + std::chrono::seconds(number);
    EXPECT_FALSE(process.add(attempt));
  }
  const auto lost = process.add(Attempt());
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->at, noon);
  EXPECT_EQ(process.open.size(), 100U);
}

TEST(SmtpProcess, SurvivesTheState) {
  SmtpProcess process;
  process.key = "relay1 postfix/smtp[7";
  process.service = "postfix/smtp";
  process.log_host = "relay1";
  process.at = noon;
  process.note_for(mx, noon);
  process.open.emplace_back();
  process.unsupported_tlsa = {{"mx.a.example", noon}};
  process.offered = {"mx.b.example"};
  process.queue_id = "2667D10E";
  process.arrival_delays = "0/0";
  process.carried.emplace_back().domain = "a.example";
  StateWriter writer;
  process.write(writer);
  const std::string octets = writer.take();
  SmtpProcess restored;
  StateReader reader(octets);
  restored.read(reader);
  EXPECT_TRUE(reader.ok() && reader.at_end());
  StateWriter again;
  restored.write(again);
  EXPECT_EQ(again.take(), octets);
  EXPECT_FALSE(restored.is_idle());
}

}  // namespace
}  // namespace tlsrpt::milter
