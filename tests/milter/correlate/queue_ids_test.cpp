#include "milter/correlate/queue_ids.h"

#include <gtest/gtest.h>

#include "milter/correlate/state_codec.h"
#include "tests/milter/log_fixture.h"

namespace tlsrpt::milter {
namespace {

const policy::UtcSeconds noon = policy::from_unix_seconds(1795454222);
const LogLineSplitter splitter({"postfix", "postfix-out"});

void take(QueueIds& ids, RecordingSink& sink, const std::string& text) {
  const auto line = splitter.split(text);
  ASSERT_TRUE(line) << text;
  ids.take(*line, noon, parse_message(line->kind, line->message), sink);
}

bool is_exempt(const QueueIds& ids, const std::string& program, std::string_view queue_id) {
  const std::string text = "relay1 " + program + "[1]: x";
  return ids.is_exempt(*splitter.split(text), noon, queue_id);
}

TEST(QueueIds, InstancesStayApartAndReuseOfAnIdEndsIt) {
  QueueIds ids({});
  RecordingSink sink;
  take(ids, sink, "relay1 postfix/cleanup[1]: 2667D10E: message-id=" + sink.own_message_id);
  EXPECT_TRUE(is_exempt(ids, "postfix/smtp", "2667D10E"));
  EXPECT_FALSE(is_exempt(ids, "postfix-out/smtp", "2667D10E"));
  EXPECT_FALSE(is_exempt(ids, "postfix/smtp", "2667D10F"));
  take(ids, sink, "relay1 postfix/cleanup[1]: 2667D10E: message-id=<other@a.example>");
  EXPECT_FALSE(is_exempt(ids, "postfix/smtp", "2667D10E"));
}

// double_bounce_sender of Postfix can be set to another name.
TEST(QueueIds, ACopyForPostmasterComesFromTheSendersOfPostfix) {
  for (const std::string sender : {"double-bounce", "dropped", "drop"}) {
    QueueIds ids({}, {"double-bounce", "dropped"});
    RecordingSink sink;
    take(ids, sink, "relay1 postfix/cleanup[1]: 2667D10E: message-id=" + sink.own_message_id);
    take(ids, sink,
         "relay1 postfix/bounce[1]: 2667D10E: postmaster non-delivery notification: 3778E22A");
    take(ids, sink,
         "relay1 postfix/cleanup[1]: 4889F320: message-id=<20261123171702.3778E22A@relay1>");
    take(ids, sink,
         "relay1 postfix/qmgr[1]: 4889F320: from=<" + sender + "@relay1>, size=9, nrcpt=1");
    EXPECT_EQ(is_exempt(ids, "postfix/smtp", "4889F320"), sender != "drop") << sender;
  }
}

// How a content filter's message, with MESSAGE_ID and from SENDER, is taken where a notification
// 4jYCKp2xMWz19 about a report was logged, BEFORE its line of cleanup(8) or after.
bool is_filtered_notification_exempt(const std::string& message_id, const std::string& sender,
                                     bool before) {
  QueueIds ids({}, {"double-bounce", "dropped"});
  RecordingSink sink;
  const std::string notification =
      "relay1 postfix/bounce[1]: 4jYCKp1k2nz16: sender non-delivery notification: 4jYCKp2xMWz19";
  take(ids, sink, "relay1 postfix/cleanup[1]: 4jYCKp1k2nz16: message-id=" + sink.own_message_id);
  if (before) take(ids, sink, notification);
  take(ids, sink, "relay1 postfix/cleanup[1]: 4jYCKp2xMWz19: message-id=<4jYCKp2xMWz19@relay1>");
  take(ids, sink, "relay1 postfix/cleanup[1]: 4jYCKp4fK8z1B: message-id=" + message_id);
  take(ids, sink, "relay1 postfix/qmgr[1]: 4jYCKp4fK8z1B: from=<" + sender + ">, size=9, nrcpt=1");
  if (!before) take(ids, sink, notification);
  EXPECT_TRUE(is_exempt(ids, "postfix/smtp", "4jYCKp2xMWz19"));
  return is_exempt(ids, "postfix/smtp", "4jYCKp4fK8z1B");
}

// cleanup_message.c of Postfix: with enable_long_queue_ids the queue id stands alone.
TEST(QueueIds, ALongQueueIdIsTheWholeMessageIdOfANotification) {
  for (const bool before : {true, false}) {
    const std::string id = "<4jYCKp2xMWz19@relay1>";
    EXPECT_TRUE(is_filtered_notification_exempt(id, "", before));
    EXPECT_TRUE(is_filtered_notification_exempt(id, "dropped@relay1", before));
    EXPECT_FALSE(is_filtered_notification_exempt(id, "a@a.example", before));
    for (const char* other : {"<4jYCKp2xMXz19@relay1>", "<4jYCKp2xMWz1@relay1>", "<z19@relay1>",
                              "<4jYCKp2xMWz@relay1>", "<4jYCKp2xMWz19>", "<@relay1>"})
      EXPECT_FALSE(is_filtered_notification_exempt(other, "", before)) << other;
  }
}

ReportMail seen(const std::string& message_id, bool sender_is_listed, bool has_report_headers) {
  return {"2667D10E", message_id, sender_is_listed, has_report_headers, {}};
}

constexpr const char* strange_id = "<tlsrpt.20261122.a.example.1.0.0bad@relay.example>";

TEST(QueueIds, MilterAloneSufficesInWhateverInstance) {
  QueueIds ids({});
  RecordingSink sink;
  ids.take(seen(sink.own_message_id, false, true), noon, true, sink);
  EXPECT_TRUE(is_exempt(ids, "postfix/smtp", "2667D10E"));
  EXPECT_TRUE(is_exempt(ids, "postfix-out/smtp", "2667D10E"));
  EXPECT_FALSE(is_exempt(ids, "postfix/smtp", "2667D10F"));
  EXPECT_TRUE(sink.seen.empty());
  take(ids, sink, "relay1 postfix/qmgr[1]: 2667D10E: removed");
  EXPECT_FALSE(is_exempt(ids, "postfix/smtp", "2667D10E"));
}

TEST(QueueIds, AnotherInstancesMessageOfTheSameIdIsNotExempt) {
  QueueIds ids({});
  RecordingSink sink;
  ids.take(seen(sink.own_message_id, false, true), noon, true, sink);
  take(ids, sink, "relay1 postfix-out/cleanup[1]: 2667D10E: message-id=<other@a.example>");
  EXPECT_FALSE(is_exempt(ids, "postfix-out/smtp", "2667D10E"));
  take(ids, sink, "relay1 postfix-out/qmgr[1]: 2667D10E: removed");
  EXPECT_TRUE(is_exempt(ids, "postfix/smtp", "2667D10E"));
}

// Neither log has a line of cleanup(8).
TEST(QueueIds, ReportsOfTheSameIdInTwoInstancesAreExemptUntilEachIsRemoved) {
  QueueIds ids({});
  RecordingSink sink;
  const auto told = seen(sink.own_message_id, false, true);
  ids.take(told, noon - std::chrono::seconds(2), true, sink);
  ids.take(told, noon - std::chrono::seconds(1), true, sink);
  StateWriter writer;
  ids.write(writer);
  const std::string octets = writer.take();
  StateReader reader(octets);
  ids.read(reader);
  take(ids, sink, "relay1 postfix/qmgr[1]: 2667D10E: removed");
  EXPECT_FALSE(is_exempt(ids, "postfix/smtp", "2667D10E"));
  EXPECT_TRUE(is_exempt(ids, "postfix-out/smtp", "2667D10E"));
  // An ordinary message of that id changes nothing for the other instance.
  take(ids, sink, "relay1 postfix/qmgr[1]: 2667D10E: removed");
  EXPECT_TRUE(is_exempt(ids, "postfix-out/smtp", "2667D10E"));
  ids.take(told, noon + std::chrono::seconds(1), true, sink);  // A new report, here or there.
  const auto line = splitter.split("relay1 postfix/smtp[1]: x");
  EXPECT_TRUE(ids.is_exempt(*line, noon + std::chrono::seconds(2), "2667D10E"));
  take(ids, sink, "relay1 postfix-out/qmgr[1]: 2667D10E: removed");
  take(ids, sink, "relay1 postfix-out/qmgr[1]: 2667D10E: removed");
  EXPECT_FALSE(is_exempt(ids, "postfix-out/smtp", "2667D10E"));
}

TEST(QueueIds, OneOfTwoReportsOfTheSameIdMayBeKnownByTheMilterAlone) {
  for (const bool is_logged_first : {false, true}) {
    QueueIds ids({});
    RecordingSink sink;
    const auto told = seen(sink.own_message_id, false, true);
    ids.take(told, noon - std::chrono::seconds(2), true, sink);
    ids.take(told, noon - std::chrono::seconds(1), true, sink);
    take(ids, sink, "relay1 postfix/cleanup[1]: 2667D10E: message-id=" + sink.own_message_id);
    EXPECT_TRUE(is_exempt(ids, "postfix/smtp", "2667D10E"));
    EXPECT_TRUE(is_exempt(ids, "postfix-out/smtp", "2667D10E"));
    const std::string first = is_logged_first ? "postfix" : "postfix-out";
    const std::string second = is_logged_first ? "postfix-out" : "postfix";
    take(ids, sink, "relay1 " + first + "/qmgr[1]: 2667D10E: removed");
    EXPECT_FALSE(is_exempt(ids, first + "/smtp", "2667D10E"));
    EXPECT_TRUE(is_exempt(ids, second + "/smtp", "2667D10E"));
    take(ids, sink, "relay1 " + second + "/qmgr[1]: 2667D10E: removed");
    EXPECT_FALSE(is_exempt(ids, second + "/smtp", "2667D10E"));
  }
}

TEST(QueueIds, OfSeveralTellingsTheLogGoesByThoseOfItsTime) {
  QueueIds ids({});
  RecordingSink sink;
  const auto told = seen(sink.own_message_id, false, true);
  ids.take(told, noon, true, sink);
  ids.take(told, noon + std::chrono::hours(1), true, sink);
  EXPECT_TRUE(is_exempt(ids, "postfix/smtp", "2667D10E"));  // The log is read late.
  take(ids, sink, "relay1 postfix/qmgr[1]: 2667D10E: removed");
  EXPECT_FALSE(is_exempt(ids, "postfix-out/smtp", "2667D10E"));
  const auto line = splitter.split("relay1 postfix/smtp[1]: x");
  EXPECT_TRUE(ids.is_exempt(*line, noon + std::chrono::hours(1), "2667D10E"));
  // What only looks like a report ends it.
  ids.take(seen(strange_id, false, false), noon + std::chrono::hours(1), true, sink);
  EXPECT_FALSE(ids.is_exempt(*line, noon + std::chrono::hours(1), "2667D10E"));
}

TEST(QueueIds, WhatTheMilterSawIsNotAboutAnEarlierMessageOfTheSameId) {
  QueueIds ids({});
  RecordingSink sink;
  ids.take(seen(sink.own_message_id, false, true), noon + std::chrono::hours(1), true, sink);
  EXPECT_FALSE(is_exempt(ids, "postfix/smtp", "2667D10E"));
  // A log that is read late.
  take(ids, sink, "relay1 postfix/qmgr[1]: 2667D10E: removed");
  const auto line = splitter.split("relay1 postfix/smtp[1]: x");
  EXPECT_TRUE(ids.is_exempt(*line, noon + std::chrono::hours(2), "2667D10E"));
}

TEST(QueueIds, WithoutAStoreEntryTheMilterWantsSenderAndHeader) {
  for (const bool is_listed : {false, true}) {
    for (const bool has_headers : {false, true}) {
      QueueIds ids({"tls@a.example"});
      RecordingSink sink;
      ids.take(seen(strange_id, is_listed, has_headers), noon, true, sink);
      // The log sees the same message, and a sender that would suffice for the log alone.
      take(ids, sink, std::string("relay1 postfix/cleanup[1]: 2667D10E: message-id=") + strange_id);
      take(ids, sink, "relay1 postfix/qmgr[1]: 2667D10E: from=<tls@a.example>, size=1, nrcpt=1");
      const bool is_report = is_listed && has_headers;
      EXPECT_EQ(is_exempt(ids, "postfix/smtp", "2667D10E"), is_report);
      EXPECT_EQ(sink.seen, is_report ? Seen{} : Seen{"ignored report-mail-untrusted"});
    }
  }
}

TEST(QueueIds, ReportHeadersAloneAreCountedAndHideNothing) {
  QueueIds ids({"tls@a.example"});
  RecordingSink sink;
  ids.take(seen("", true, true), noon, true, sink);
  EXPECT_FALSE(is_exempt(ids, "postfix/smtp", "2667D10E"));
  EXPECT_EQ(sink.seen, Seen{"ignored report-mail-untrusted"});
}

TEST(QueueIds, AnIdThatIsUsedTwiceSurvivesTheState) {
  QueueIds ids({});
  RecordingSink sink;
  take(ids, sink, "relay1 postfix/cleanup[1]: 2667D10E: message-id=" + sink.own_message_id);
  take(ids, sink, "relay1 postfix/cleanup[1]: 2667D10F: message-id=" + sink.own_message_id);
  take(ids, sink, "relay1 postfix/qmgr[1]: 2667D10F: removed");
  take(ids, sink, "relay1 postfix/cleanup[1]: 2667D10F: message-id=" + sink.own_message_id);
  StateWriter writer;
  ids.write(writer);
  const std::string octets = writer.take();
  QueueIds restored({});
  StateReader reader(octets);
  restored.read(reader);
  EXPECT_TRUE(reader.ok() && reader.at_end());
  EXPECT_TRUE(is_exempt(restored, "postfix/smtp", "2667D10F"));
}

TEST(QueueIds, AreForgottenAfterAWeekWithoutRemoved) {
  QueueIds ids({});
  RecordingSink sink;
  take(ids, sink, "relay1 postfix/cleanup[1]: 2667D10E: message-id=" + sink.own_message_id);
  ids.expire(noon + queue_id_memory);
  EXPECT_TRUE(is_exempt(ids, "postfix/smtp", "2667D10E"));
  ids.expire(noon + queue_id_memory + std::chrono::seconds(1));
  EXPECT_FALSE(is_exempt(ids, "postfix/smtp", "2667D10E"));
}

TEST(QueueIds, ShapeOfOurMessageIds) {
  EXPECT_TRUE(looks_like_our_message_id(strange_id));
  for (const char* other : {"", "<tlsrpt.", "tlsrpt.a@b>", "<tlsrpt.a>", "<x.tlsrpt.a@b>",
                            "<tlsrpt.a@b", "<tlsrpt.a b@c>"})
    EXPECT_FALSE(looks_like_our_message_id(other)) << other;
}

// Line NUMBER of a flood of messages whose Message-IDs look like ours.
std::string forged(std::size_t number) {
  return "relay1 postfix/cleanup[1]: " + std::to_string(1000000 + number) +
         ": message-id=" + strange_id;
}

TEST(QueueIds, ForgedMessageIdsPushOutNoTrueOne) {
  QueueIds ids({"tls@a.example"});
  RecordingSink sink;
  take(ids, sink, "relay1 postfix/cleanup[1]: 2667D10E: message-id=" + sink.own_message_id);
  take(ids, sink, std::string("relay1 postfix/cleanup[1]: 2667D10F: message-id=") + strange_id);
  take(ids, sink, "relay1 postfix/qmgr[1]: 2667D10F: from=<tls@a.example>, size=1, nrcpt=1");
  for (std::size_t number = 0; number < max_queue_ids; ++number) take(ids, sink, forged(number));
  EXPECT_TRUE(is_exempt(ids, "postfix/smtp", "2667D10E"));
  EXPECT_TRUE(is_exempt(ids, "postfix/smtp", "2667D10F"));
  const auto given_up = ids.take_given_up();
  EXPECT_EQ(given_up.ours, 0U);
  EXPECT_EQ(given_up.doubtful, max_queue_ids - max_doubtful_queue_ids);
  EXPECT_EQ(ids.take_given_up().doubtful, 0U);
}

// Instance B's message has got its id before the milter tells of A's.
TEST(QueueIds, AnotherInstancesOlderMessageOfTheSameIdIsNotExempt) {
  QueueIds ids({});
  RecordingSink sink;
  take(ids, sink, "relay1 postfix-out/cleanup[1]: 2667D10E: message-id=<other@a.example>");
  take(ids, sink, "relay1 postfix/cleanup[1]: 2667D10E: message-id=" + sink.own_message_id);
  ids.take(seen(sink.own_message_id, false, true), noon, true, sink);
  EXPECT_FALSE(is_exempt(ids, "postfix-out/smtp", "2667D10E"));
  take(ids, sink, "relay1 postfix-out/qmgr[1]: 2667D10E: removed");
  EXPECT_TRUE(is_exempt(ids, "postfix/smtp", "2667D10E"));
  take(ids, sink, "relay1 postfix/qmgr[1]: 2667D10E: removed");
  EXPECT_FALSE(is_exempt(ids, "postfix/smtp", "2667D10E"));
  // The next message of that id, which the milter alone tells of.
  ids.take(seen(sink.own_message_id, false, true), noon, true, sink);
  EXPECT_TRUE(is_exempt(ids, "postfix-out/smtp", "2667D10E"));
}

TEST(QueueIds, AreBoundedAndSurviveTheState) {
  QueueIds ids({});
  RecordingSink sink;
  // Each is remembered for its instance, and that there is one.
  constexpr std::size_t room = max_proved_queue_ids / 2;
  for (std::size_t number = 0; number <= room; ++number) {
    take(ids, sink,
         "relay1 postfix/cleanup[1]: " + std::to_string(1000000 + number) +
             ": message-id=" + sink.own_message_id);
  }
  EXPECT_FALSE(is_exempt(ids, "postfix/smtp", "1000000"));
  EXPECT_TRUE(is_exempt(ids, "postfix/smtp", "1000001"));
  EXPECT_EQ(ids.take_given_up().ours, 2U);
  StateWriter writer;
  ids.write(writer);
  const std::string octets = writer.take();
  QueueIds restored({});
  StateReader reader(octets);
  restored.read(reader);
  EXPECT_TRUE(reader.ok() && reader.at_end());
  EXPECT_TRUE(is_exempt(restored, "postfix/smtp", "1000001"));
}

}  // namespace
}  // namespace tlsrpt::milter
