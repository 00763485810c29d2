// Which sessions are our reports' own, in every shape that a log can give them.
#include "milter/mail/report_mail.h"

#include <gtest/gtest.h>

#include "tests/milter/log_fixture.h"

namespace tlsrpt::milter {
namespace {

// Who tells that a queue id carries a report. Each alone suffices.
enum class Teller { log, milter, both };

class ReportMailTest : public testing::TestWithParam<Teller> {
 protected:
  ReportMailTest() { log.restart_each_line = true; }
  ~ReportMailTest() override { EXPECT_TRUE(log.restored); }

  // A report of ours gets QUEUE_ID at HH:MM:SS.
  void report(std::string_view time, const std::string& queue_id) {
    if (GetParam() != Teller::milter)
      line(time, "cleanup[2]: " + queue_id + ": message-id=" + log.sink.own_message_id);
    if (GetParam() != Teller::log)
      log.milter(time, {queue_id, log.sink.own_message_id, false, true, {}});
    line(time,
         "qmgr[3]: " + queue_id + ": from=<tls@relay.example>, size=9, nrcpt=1 (queue active)");
  }
  void ordinary(std::string_view time, const std::string& queue_id) {
    line(time, "cleanup[2]: " + queue_id + ": message-id=<x@a.example>");
    line(time, "qmgr[3]: " + queue_id + ": from=<x@a.example>, size=9, nrcpt=1 (queue active)");
  }
  void line(std::string_view time, const std::string& text) {
    log.line(std::string(time) + " postfix/" + text);
  }
  void handshake(std::string_view time, const std::string& process) {
    line(time, process +
                   ": Trusted TLS connection established to mx.a.example[198.51.100.1]:25: "
                   "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)");
  }
  // HOW: "status=sent (250 Ok)"; MORE: "conn_use=2, ".
  void delivery(std::string_view time, const std::string& process, const std::string& queue_id,
                const std::string& to, const std::string& how, const std::string& more = "") {
    line(time, process + ": " + queue_id + ": to=<" + to + "@a.example>, " +
                   "relay=mx.a.example[198.51.100.1]:25, " + more +
                   "delay=0.2, delays=0.01/0.1/0.03/0, dsn=2.0.0, " + how);
  }

  Log log;
};

constexpr const char* sent_ok = "status=sent (250 2.0.0 Ok)";
const Seen exempt{"ignored report-mail"};
const std::string success = "a.example mx.a.example[198.51.100.1] success";

INSTANTIATE_TEST_SUITE_P(Teller, ReportMailTest,
                         testing::Values(Teller::log, Teller::milter, Teller::both));

TEST_P(ReportMailTest, SessionsOfOurOwnReportsAreExemptUntilTheQueueIdIsFree) {
  report("09:59:59", "2667D10E");
  handshake("10:00:00", "smtp[7]");
  delivery("10:00:01", "smtp[7]", "2667D10E", "u", sent_ok);
  line("10:00:02", "qmgr[3]: 2667D10E: removed");
  ordinary("10:00:03", "2667D10E");
  handshake("10:00:03", "smtp[7]");
  delivery("10:00:04", "smtp[7]", "2667D10E", "u", sent_ok);
  EXPECT_EQ(log.seen(), (Seen{"ignored report-mail", success}));
}

TEST_P(ReportMailTest, ReportWithSeveralRecipientsIsOneExemptSession) {
  report("09:59:59", "2667D10E");
  handshake("10:00:00", "smtp[7]");
  delivery("10:00:01", "smtp[7]", "2667D10E", "u", sent_ok);
  delivery("10:00:01", "smtp[7]", "2667D10E", "v", sent_ok);
  delivery("10:00:01", "smtp[7]", "2667D10E", "w", "status=bounced (550 5.1.1 no such user)");
  EXPECT_EQ(log.seen(), exempt);
}

TEST_P(ReportMailTest, RetriesHoursLaterAreExemptToo) {
  report("09:59:59", "2667D10E");
  handshake("10:00:00", "smtp[7]");
  delivery("10:00:01", "smtp[7]", "2667D10E", "u", "status=deferred (450 4.2.0 later)");
  line("18:00:00", "qmgr[9]: 2667D10E: from=<tls@relay.example>, size=9, nrcpt=1 (queue active)");
  handshake("18:00:00", "smtp[8]");
  delivery("18:00:01", "smtp[8]", "2667D10E", "u", sent_ok);
  EXPECT_EQ(log.seen(), (Seen{"ignored report-mail", "ignored report-mail"}));
}

TEST_P(ReportMailTest, PlaintextFallbackOfAReportIsExempt) {
  report("09:59:59", "2667D10E");
  line("10:00:00", "smtp[7]: SSL_connect error to mx.a.example[198.51.100.1]:25: lost connection");
  line("10:00:00", "smtp[7]: 2667D10E: Cannot start TLS: handshake failure");
  delivery("10:00:01", "smtp[7]", "2667D10E", "u", sent_ok);
  EXPECT_EQ(log.seen(), exempt);
  // Without any TLS.
  report("10:00:02", "2667D10F");
  delivery("10:00:03", "smtp[7]", "2667D10F", "u", sent_ok);
  EXPECT_EQ(log.seen(), (Seen{"ignored report-mail", "ignored report-mail"}));
}

TEST_P(ReportMailTest, ReportThatPolicyStopsIsExempt) {
  report("09:59:59", "2667D10E");
  line("10:00:01",
       "smtp[7]: 2667D10E: to=<u@a.example>, relay=none, delay=0.2, "
       "delays=0.01/0.1/0.03/0, dsn=4.7.5, status=deferred (TLSA lookup error for "
       "mx.a.example:25)");
  EXPECT_EQ(log.seen(), exempt);
}

TEST_P(ReportMailTest, BounceOfAReportIsExemptAsWell) {
  report("09:59:59", "2667D10E");
  handshake("10:00:00", "smtp[7]");
  delivery("10:00:01", "smtp[7]", "2667D10E", "u", "status=bounced (550 5.1.1 no such user)");
  line("10:00:01", "cleanup[2]: 3778E21F: message-id=<20261122100001.3778E21F@relay.example>");
  line("10:00:01", "bounce[5]: 2667D10E: sender non-delivery notification: 3778E21F");
  line("10:00:01", "qmgr[3]: 3778E21F: from=<>, size=99, nrcpt=1 (queue active)");
  line("10:00:01", "qmgr[3]: 2667D10E: removed");
  handshake("10:00:02", "smtp[7]");
  delivery("10:00:03", "smtp[7]", "3778E21F", "tls", sent_ok);
  line("10:00:03", "qmgr[3]: 3778E21F: removed");
  // An ordinary bounce is ordinary mail.
  ordinary("10:00:04", "2667D10E");
  line("10:00:05", "bounce[5]: 2667D10E: sender non-delivery notification: 3778E21F");
  handshake("10:00:06", "smtp[7]");
  delivery("10:00:07", "smtp[7]", "3778E21F", "x", sent_ok);
  EXPECT_EQ(log.seen(), (Seen{"ignored report-mail", "ignored report-mail", success}));
}

// A report bounces at 10:00:01, and its notification goes through a content filter.
class FilteredBounceTest : public ReportMailTest {
 protected:
  void bounce(bool is_logged_first) {
    report("09:59:59", "2667D10E");
    handshake("10:00:00", "smtp[7]");
    delivery("10:00:01", "smtp[7]", "2667D10E", "u", "status=bounced (550 5.1.1 no such user)");
    const std::string notification =
        "bounce[5]: 2667D10E: sender non-delivery notification: 3778E21F";
    if (is_logged_first) line("10:00:01", notification);
    line("10:00:01", "cleanup[2]: 3778E21F: message-id=<20261122100001.3778E21F@relay.example>");
    if (!is_logged_first) line("10:00:01", notification);
    line("10:00:01", "qmgr[3]: 3778E21F: from=<>, size=99, nrcpt=1 (queue active)");
    line("10:00:01", "qmgr[3]: 2667D10E: removed");
  }
  void filter() {
    line("10:00:02",
         "smtp[6]: 3778E21F: to=<tls@relay.example>, relay=127.0.0.1[127.0.0.1]:10024, "
         "delay=0.2, delays=0.01/0.1/0.03/0, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 1)");
    line("10:00:02", "qmgr[3]: 3778E21F: removed");
  }
  // What the filter makes of it, in INSTANCE, with MESSAGE_ID and from SENDER.
  void queued_again(const std::string& message_id = "<20261122100001.3778E21F@relay.example>",
                    const std::string& sender = "", const std::string& instance = "postfix") {
    log.line("10:00:02 " + instance + "/cleanup[2]: 4889F320: message-id=" + message_id);
    log.line("10:00:02 " + instance + "/qmgr[3]: 4889F320: from=<" + sender +
             ">, size=99, nrcpt=1 (queue active)");
  }
  void deliver_again(const std::string& instance = "postfix") {
    log.line("10:00:03 " + instance +
             "/smtp[8]: Trusted TLS connection established to mx.b.example[198.51.100.2]:25: "
             "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)");
    log.line("10:00:03 " + instance +
             "/smtp[8]: 4889F320: to=<tls@b.example>, relay=mx.b.example[198.51.100.2]:25, "
             "delay=0.2, delays=0.01/0.1/0.03/0, dsn=2.0.0, status=sent (250 2.0.0 Ok)");
  }
  const std::string counted = "b.example mx.b.example[198.51.100.2] success";
};

INSTANTIATE_TEST_SUITE_P(Teller, FilteredBounceTest,
                         testing::Values(Teller::log, Teller::milter, Teller::both));

TEST_P(FilteredBounceTest, IsExemptUnderTheIdThatTheFilterGivesIt) {
  bounce(false);
  queued_again();
  filter();
  deliver_again();
  EXPECT_EQ(log.seen(),
            (Seen{"ignored report-mail", "ignored report-mail", "ignored report-mail"}));
}

// Lines of several processes may change places.
TEST_P(FilteredBounceTest, IsExemptWhereItsFirstLineIsThatOfTheBounce) {
  bounce(true);
  queued_again();
  filter();
  deliver_again();
  EXPECT_EQ(log.seen(),
            (Seen{"ignored report-mail", "ignored report-mail", "ignored report-mail"}));
}

// postmaster's copy (notify_classes has `bounce`) is a message of its own.
TEST_P(FilteredBounceTest, SoIsTheCopyForPostmaster) {
  report("09:59:59", "2667D10E");
  line("10:00:01", "cleanup[2]: 3778E22A: message-id=<20261122100001.3778E22A@relay.example>");
  line("10:00:01", "bounce[5]: 2667D10E: postmaster non-delivery notification: 3778E22A");
  line("10:00:01", "qmgr[3]: 2667D10E: removed");
  queued_again("<20261122100001.3778E22A@relay.example>", "double-bounce@relay.example");
  deliver_again();
  EXPECT_EQ(log.seen(), exempt);
}

// The filter may be faster than bounce(8), which logs when cleanup(8) has the notification.
TEST_P(FilteredBounceTest, IsExemptWhereTheFilterIsFasterThanTheLog) {
  for (const std::string sender : {"", "double-bounce@relay.example"}) {
    for (const bool is_active : {false, true}) {
      log.sink.seen.clear();
      report("09:59:59", "2667D10E");
      line("10:00:01", "cleanup[2]: 3778E21F: message-id=<20261122100001.3778E21F@relay.example>");
      const std::string again = "qmgr[3]: 4889F320: from=<" + sender + ">, size=9, nrcpt=1";
      line("10:00:01", "cleanup[2]: 4889F320: message-id=<20261122100001.3778E21F@relay.example>");
      if (is_active) line("10:00:01", again);
      line("10:00:02", "bounce[5]: 2667D10E: sender non-delivery notification: 3778E21F");
      if (!is_active) line("10:00:02", again);
      line("10:00:02", "qmgr[3]: 2667D10E: removed");
      deliver_again();
      EXPECT_EQ(log.seen(), exempt) << sender << is_active;
      line("10:00:04", "qmgr[3]: 4889F320: removed");
      line("10:00:04", "qmgr[3]: 3778E21F: removed");
    }
  }
}

TEST_P(FilteredBounceTest, WhatIsOnlyEarlyHidesNothing) {
  for (const std::string message_id : {
           "<20261122100001.3778E21F@relay.example>",  // From a sender of its own.
           "<20261122093001.3778E21F@relay.example>",  // Of half an hour before.
           "<20261122100001.3778E21D@relay.example>",  // Of a message that is no notification.
       }) {
    log.sink.seen.clear();
    report("09:59:59", "2667D10E");
    const bool is_sent = message_id == "<20261122100001.3778E21F@relay.example>";
    queued_again(message_id, is_sent ? "x@evil.example" : "");
    line("10:00:02", "bounce[5]: 2667D10E: sender non-delivery notification: 3778E21F");
    line("10:00:02", "qmgr[3]: 2667D10E: removed");
    deliver_again();
    EXPECT_EQ(log.seen(), Seen{counted}) << message_id;
    line("10:00:04", "qmgr[3]: 4889F320: removed");
    line("10:00:04", "qmgr[3]: 3778E21F: removed");
  }
}

TEST_P(FilteredBounceTest, FilterMayTakeItsTimeAndUseAnotherInstance) {
  bounce(false);
  filter();
  queued_again("<20261122100001.3778E21F@relay.example>", "", "postfix-out");
  deliver_again("postfix-out");
  EXPECT_EQ(log.seen(),
            (Seen{"ignored report-mail", "ignored report-mail", "ignored report-mail"}));
}

TEST_P(FilteredBounceTest, WhoDoesNotKnowTheBounceHidesNothing) {
  bounce(false);
  filter();
  log.sink.seen.clear();
  queued_again("<20261122100001.3778E21F@relay.example>", "x@evil.example");
  deliver_again();
  queued_again("<20261122110001.3778E21F@relay.example>");  // An hour off.
  deliver_again();
  queued_again("<20261122100001.4889F320@relay.example>");  // An ordinary bounce.
  deliver_again();
  queued_again("<20261122100001.2667D10E@relay.example>");  // The report's own id.
  deliver_again();
  queued_again("<2026112210000x.3778E21F@relay.example>");
  deliver_again();
  EXPECT_EQ(log.seen(), Seen(5, counted));
}

TEST_P(ReportMailTest, ContentFilterThatChangesTheQueueIdKeepsTheReportExempt) {
  report("09:59:58", "2667D10E");
  line("09:59:59",
       "smtp[6]: 2667D10E: to=<u@a.example>, relay=127.0.0.1[127.0.0.1]:10024, "
       "delay=0.2, delays=0.01/0.1/0.03/0, dsn=2.0.0, status=sent (250 2.0.0 Ok: "
       "queued as 3778E21F)");
  line("09:59:59", "qmgr[3]: 2667D10E: removed");
  report("09:59:59", "3778E21F");
  handshake("10:00:00", "smtp[7]");
  delivery("10:00:01", "smtp[7]", "3778E21F", "u", sent_ok);
  EXPECT_EQ(log.seen(), (Seen{"ignored report-mail", "ignored report-mail"}));
}

TEST_P(ReportMailTest, ReportOnASessionOfOrdinaryMailLeavesThatSessionCounted) {
  ordinary("09:59:58", "3778E21F");
  report("09:59:59", "2667D10E");
  handshake("10:00:00", "smtp[7]");
  delivery("10:00:01", "smtp[7]", "3778E21F", "u", sent_ok);
  delivery("10:00:02", "smtp[7]", "2667D10E", "u", sent_ok, "conn_use=2, ");
  EXPECT_EQ(log.seen(), Seen{success});
  EXPECT_EQ(log.sink.messages, 1U);
}

TEST_P(ReportMailTest, OrdinaryMailOnASessionOfAReportLeavesThatSessionExempt) {
  ordinary("09:59:58", "3778E21F");
  report("09:59:59", "2667D10E");
  handshake("10:00:00", "smtp[7]");
  delivery("10:00:01", "smtp[7]", "2667D10E", "u", sent_ok);
  delivery("10:00:02", "smtp[7]", "3778E21F", "u", sent_ok, "conn_use=2, ");
  EXPECT_EQ(log.seen(), exempt);
}

TEST(ReportMail, ForgedMessageIdsHideNothing) {
  Log log;
  log.lines({"09:59:59 postfix/cleanup[2]: 2667D10E: message-id=<tlsrpt.forged@evil.example>",
             "09:59:59 postfix/qmgr[3]: 2667D10E: from=<x@evil.example>, size=1, nrcpt=1 (queue "
             "active)",
             "10:09:59 postfix/qmgr[3]: 2667D10E: from=<x@evil.example>, size=1, nrcpt=1 (queue "
             "active)",
             established, sent});
  EXPECT_EQ(log.seen(), (Seen{"ignored report-mail-untrusted",
                              "a.example mx.a.example[198.51.100.1] success"}));
}

TEST(ReportMail, AnotherReportersReportsAreKnownBySenderAndMessageId) {
  CorrelatorOptions options;
  options.report_senders = {"Reports@relay.example"};
  Log log(options);
  log.lines({"09:59:59 postfix/cleanup[2]: 2667D10E: message-id=<tlsrpt.other@relay.example>",
             "09:59:59 postfix/qmgr[3]: 2667D10E: from=<reports@relay.example>, size=1, nrcpt=1 "
             "(queue active)",
             established, sent});
  EXPECT_EQ(log.seen(), (Seen{"ignored report-mail"}));
}

}  // namespace
}  // namespace tlsrpt::milter
