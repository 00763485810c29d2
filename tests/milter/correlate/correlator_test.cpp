// Design, section 3: tests named after its numbered rules.
#include "milter/correlate/correlator.h"

#include <gtest/gtest.h>

#include "tests/milter/log_fixture.h"

namespace tlsrpt::milter {
namespace {

TEST(Rule1, DomainIsThatOfTheNextRecipientOfTheProcess) {
  Log log;
  log.line(established)
      .line(
          "10:00:00 postfix/smtp[8]: 2667D10F: to=<u@b.example>, relay=none, delay=0, "
          "delays=0/0/0/0, dsn=4.4.1, status=deferred (connect to mx.b.example[198.51.100.2]:25: "
          "Connection refused)")
      .line(sent);
  EXPECT_EQ(log.seen(), (Seen{"a.example mx.a.example[198.51.100.1] success"}));
  EXPECT_EQ(log.sink.messages, 1U);
}

TEST(Rule1, RecipientNotOriginalRecipientLastAtSignLowerCaseALabel) {
  Log log;
  log.lines({established,
             "10:00:01 postfix/smtp[7]: 2667D10E: to=<\"x@y\"@B\xC3\xBC"
             "CHER.Example>, "
             "orig_to=<o@other.example>, relay=mx.a.example[198.51.100.1]:25, delay=0.2, "
             "delays=0.01/0.1/0.03/0, dsn=2.0.0, status=sent (250 Ok)"});
  EXPECT_EQ(log.seen(), (Seen{"xn--bcher-kva.example mx.a.example[198.51.100.1] success"}));
}

TEST(Rule1, ReusedConnectionsAreNoSessions) {
  Log log;
  log.lines(
      {"10:00:00 postfix/smtp[7]: Trusted TLS connection reused to "
       "mx.a.example[198.51.100.1]:25: TLSv1.3",
       "10:00:01 postfix/smtp[7]: 2667D10E: to=<u@a.example>, "
       "relay=mx.a.example[198.51.100.1]:25, conn_use=2, delay=0.2, delays=0.01/0.1/0.03/0, "
       "dsn=2.0.0, status=sent (250 Ok)"});
  EXPECT_EQ(log.seen(), Seen{});
  EXPECT_EQ(log.sink.messages, 1U);
}

TEST(Rule1, WithoutRecipientWithinADayIsUnattributed) {
  Log log;
  log.lines({established, "+1 10:00:02 postfix/smtp[9]: warning: noise"});
  EXPECT_EQ(log.seen(), (Seen{"ignored unattributed"}));
}

TEST(Rule1, ProcessesOfOtherHostsServicesAndInstancesStayApart) {
  Log log;
  log.line(established);
  log.host = "relay2";
  log.line(sent);
  log.host = "relay1";
  log.line(
      "10:00:02 postfix/relay/smtp[7]: 2667D111: to=<u@c.example>, relay=none, delay=0, "
      "delays=0/0/0/0, dsn=4.4.1, status=deferred (connect)");
  log.line(
      "10:00:02 postfix-out/smtp[7]: 2667D112: to=<u@d.example>, relay=none, delay=0, "
      "delays=0/0/0/0, dsn=4.4.1, status=deferred (connect)");
  EXPECT_EQ(log.seen(), (Seen{"a.example mx.a.example[198.51.100.1] no-tls-seen unproven"}));
  log.line(sent);
  EXPECT_EQ(log.seen().size(), 2U);
  EXPECT_EQ(log.seen().back(), "a.example mx.a.example[198.51.100.1] success");
}

TEST(Rule2, EveryLevelOfTheSummaryLineIsASuccess) {
  for (const char* level : {"Verified", "Trusted", "Untrusted", "Anonymous"}) {
    Log log;
    log.line("10:00:00 postfix/smtp[7]: " + std::string(level) +
             " TLS connection established to mx.a.example[198.51.100.1]:25: TLSv1.3")
        .line(sent);
    EXPECT_EQ(log.seen(), (Seen{"a.example mx.a.example[198.51.100.1] success"})) << level;
  }
}

TEST(Rule2, WhatHappensAfterTheHandshakeChangesNothing) {
  for (const char* end :
       {"dsn=4.2.0, status=deferred (host mx.a.example[198.51.100.1] said: 450 no (in reply to "
        "RCPT "
        "TO command))",
        "dsn=5.1.1, status=bounced (host mx.a.example[198.51.100.1] said: 550 no)",
        "dsn=4.4.2, status=deferred (lost connection with mx.a.example[198.51.100.1] while "
        "performing the EHLO handshake)",
        "dsn=2.0.0, status=deliverable (250 Ok)", "dsn=5.0.0, status=undeliverable (550 no)"}) {
    Log log;
    log.line(established)
        .line(
            "10:00:01 postfix/smtp[7]: 2667D10E: to=<u@a.example>, "
            "relay=mx.a.example[198.51.100.1]:25, delay=0.2, delays=0.01/0.1/0.03/0, " +
            std::string(end));
    EXPECT_EQ(log.seen(), (Seen{"a.example mx.a.example[198.51.100.1] success"})) << end;
  }
}

TEST(Rule2, TlsproxyAndSmtpTellOfTheSameHandshake) {
  Log log;
  log.lines(
      {"10:00:00 postfix/tlsproxy[3]: Trusted TLS connection established to "
       "mx.a.example[198.51.100.1]:25: TLSv1.3",
       established, sent});
  EXPECT_EQ(log.seen(), (Seen{"a.example mx.a.example[198.51.100.1] success"}));
}

TEST(Rule3, ClassIsTheLatestReasonSinceThePreviousHandshake) {
  struct Case {
    const char* reason;
    const char* result;
  };
  for (
      const Case& each : {
          Case{"server certificate verification failed for @: certificate has expired",
               "certificate-expired"},
          Case{"CA certificate verification failed for @: certificate has expired",
               "certificate-expired"},
          Case{"server certificate verification failed for @: certificate not yet valid",
               "certificate-not-trusted certificate-not-yet-valid"},
          Case{"certificate verification failed for @: self-signed certificate",
               "certificate-not-trusted self-signed-certificate"},
          Case{"certificate verification failed for @: untrusted issuer /CN=num=62:certificate has "
               "expired",
               "certificate-not-trusted untrusted-issuer"},
          Case{"server certificate verification failed for @: num=62:hostname mismatch",
               "certificate-host-mismatch"},
          Case{"server certificate verification failed for @: num=65:no matching DANE TLSA records",
               "certificate-not-trusted dane-no-match tlsa"},
          Case{"server certificate verification failed for @: num=999:new",
               "certificate-not-trusted x509-err-999"},
          Case{
              "certificate verification failed for @: external policy failure (sts-webpki-invalid)",
              "sts-webpki-invalid sts"},
      }) {
    std::string reason = each.reason;
    reason.replace(reason.find('@'), 1, "mx.a.example[198.51.100.1]:25");
    Log log;
    log.line("10:00:00 postfix/smtp[7]: " + reason)
        .line(established)
        .line(refused("Server certificate not verified"));
    EXPECT_EQ(log.seen(),
              (Seen{"a.example mx.a.example[198.51.100.1] " + std::string(each.result)}))
        << each.reason;
  }
}

TEST(Rule3, WithoutReasonTheSummaryDecides) {
  Log log;
  log.line(established).line(refused("Server certificate not verified"));
  EXPECT_EQ(log.seen(), (Seen{"a.example mx.a.example[198.51.100.1] certificate-host-mismatch"}));
  Log untrusted;
  untrusted
      .line(
          "10:00:00 postfix/smtp[7]: Untrusted TLS connection established to "
          "mx.a.example[198.51.100.1]:25: TLSv1.3")
      .line(refused("Server certificate not trusted"));
  EXPECT_EQ(untrusted.seen(),
            (Seen{"a.example mx.a.example[198.51.100.1] certificate-not-trusted"}));
}

TEST(Rule3, ResumedSessionHasTheClassOfTheSessionThatItResumes) {
  const auto resumed =
      "10:00:00 postfix/smtp[7]: mx.a.example[198.51.100.1]:25: re-using session with untrusted "
      "certificate, look for details earlier in the log";
  Log log;
  log.line(resumed).line(established).line(refused("Server certificate not verified"));
  EXPECT_EQ(log.seen(), (Seen{"a.example mx.a.example[198.51.100.1] certificate-not-trusted "
                              "resumed-session"}));
  Log known;
  known
      .line(
          "09:59:00 postfix/smtp[7]: server certificate verification failed for "
          "mx.a.example[198.51.100.1]:25: certificate has expired")
      .line(established)
      .line(refused("Server certificate not verified"))
      .line(resumed)
      .line(established)
      .line(refused("Server certificate not verified"));
  EXPECT_EQ(known.seen(),
            (Seen{"a.example mx.a.example[198.51.100.1] certificate-expired",
                  "a.example mx.a.example[198.51.100.1] certificate-expired resumed-session"}));
}

TEST(Rule3, SoftFailureWithoutHostMeansTheLatestHandshake) {
  Log log;
  log.lines(
      {"10:00:00 postfix/smtp[7]: server certificate verification failed for "
       "mx1.a.example[198.51.100.9]:25: certificate has expired",
       "10:00:00 postfix/smtp[7]: Untrusted TLS connection established to "
       "mx1.a.example[198.51.100.9]:25: TLSv1.3",
       "10:00:00 postfix/smtp[7]: 2667D10E: Server certificate not verified", established, sent});
  EXPECT_EQ(log.seen(), (Seen{"a.example mx1.a.example[198.51.100.9] certificate-expired",
                              "a.example mx.a.example[198.51.100.1] success"}));
}

TEST(Rule3, WithTlsproxyTheReasonComesFromItsPid) {
  Log log;
  log.lines({"10:00:00 postfix/tlsproxy[3]: server certificate verification failed for "
             "mx.a.example[198.51.100.1]:25: certificate has expired",
             "10:00:00 postfix/tlsproxy[3]: Untrusted TLS connection established to "
             "mx.a.example[198.51.100.1]:25: TLSv1.3",
             established})
      .line(refused("Server certificate not verified"));
  EXPECT_EQ(log.seen(), (Seen{"a.example mx.a.example[198.51.100.1] certificate-expired"}));
}

TEST(Rule1, AStampFarInTheFutureStopsNoLimit) {
  Log log;
  log.line("+20000 10:00:00 postfix/smtp[9]: Host offered STARTTLS: [mx.b.example]");
  log.line(established);
  log.line("+2 10:00:00 postfix/smtp[8]: Host offered STARTTLS: [mx.b.example]");
  EXPECT_EQ(log.seen(), (Seen{"ignored unattributed"}));
}

TEST(Correlator, AStampFarInTheFutureEndsNoExemption) {
  Log log;
  log.line("09:59:00 postfix/cleanup[5]: 2667D10E: message-id=" + log.sink.own_message_id);
  log.line("+20000 10:00:00 postfix/smtp[9]: Host offered STARTTLS: [mx.b.example]");
  log.lines({established, sent});
  EXPECT_EQ(log.seen(), (Seen{"ignored report-mail"}));
}

TEST(Rule4, FailedHandshakeAndItsPlaintextRetryAreOneSession) {
  Log log;
  log.lines({"10:00:00 postfix/smtp[7]: SSL_connect error to mx.a.example[198.51.100.1]:25: -1",
             "10:00:00 postfix/smtp[7]: warning: TLS library problem: error:0A000438:...", sent});
  EXPECT_EQ(
      log.seen(),
      (Seen{"a.example mx.a.example[198.51.100.1] validation-failure tls-handshake-failure"}));
  EXPECT_EQ(log.sink.messages, 1U);
}

TEST(Rule3, WithTlsproxyTheLevelPairsHandshakesOfTwoProcesses) {
  Log log;
  log.lines(
      {"10:00:00 postfix/tlsproxy[3]: server certificate verification failed for "
       "mx.a.example[198.51.100.1]:25: certificate has expired",
       "10:00:00 postfix/tlsproxy[3]: Untrusted TLS connection established to "
       "mx.a.example[198.51.100.1]:25: TLSv1.3",
       "10:00:00 postfix/tlsproxy[4]: Trusted TLS connection established to "
       "mx.a.example[198.51.100.1]:25: TLSv1.3",
       established, sent,
       "10:00:02 postfix/smtp[8]: Untrusted TLS connection established to "
       "mx.a.example[198.51.100.1]:25: TLSv1.3",
       "10:00:02 postfix/smtp[8]: 2667D111: to=<u@a.example>, "
       "relay=mx.a.example[198.51.100.1]:25, delay=0.2, delays=0.01/0.1/0.03/0, dsn=4.7.5, "
       "status=deferred (Server certificate not verified)"});
  EXPECT_EQ(log.seen(), (Seen{"a.example mx.a.example[198.51.100.1] success",
                              "a.example mx.a.example[198.51.100.1] certificate-expired"}));
}

TEST(Rule4, WithTlsproxyTheDeliveryLineIsTheSession) {
  Log log;
  log.line(
         "10:00:00 postfix/tlsproxy[3]: TLS handshake failed for service=smtp "
         "peer=[198.51.100.1]:25")
      .line(refused("Cannot start TLS: handshake failure"))
      .line("10:00:02 postfix/smtp[9]: 2667D111: Cannot start TLS: handshake failure")
      .line(
          "10:00:02 postfix/smtp[9]: 2667D111: to=<u@b.example>, relay=none, delay=0, "
          "delays=0/0/0/0, dsn=4.4.1, status=deferred (connect)");
  EXPECT_EQ(log.seen(),
            (Seen{"a.example mx.a.example[198.51.100.1] validation-failure tls-handshake-failure",
                  "b.example [] validation-failure tls-handshake-failure"}));
}

TEST(Rule4, WithTlsproxyAMissingAddressComesFromTheOldestUnpairedFailure) {
  Log log;
  log.lines(
      {"10:00:00 postfix/tlsproxy[3]: TLS handshake failed for service=smtp "
       "peer=[198.51.100.8]:25",
       "10:00:00 postfix/smtp[7]: 2667D10E: Cannot start TLS: handshake failure", established,
       sent});
  EXPECT_EQ(log.seen(), (Seen{"a.example [198.51.100.8] validation-failure tls-handshake-failure",
                              "a.example mx.a.example[198.51.100.1] success"}));
}

TEST(Rule4, WithTlsproxyThePlaintextRetryBelongsToTheFailureWithItsAddress) {
  Log log;
  log.lines(
      {"10:00:00 postfix/tlsproxy[3]: TLS handshake failed for service=smtp "
       "peer=[198.51.100.8]:25",
       "10:00:00 postfix/tlsproxy[3]: TLS handshake failed for service=smtp "
       "peer=[198.51.100.1]:25",
       "10:00:00 postfix/smtp[7]: 2667D10E: Cannot start TLS: handshake failure", sent});
  EXPECT_EQ(
      log.seen(),
      (Seen{"a.example mx.a.example[198.51.100.1] validation-failure tls-handshake-failure"}));
  EXPECT_EQ(log.sink.messages, 1U);
}

TEST(Rule4, WithTlsproxyPlaintextToAnotherAddressIsASessionOfItsOwn) {
  Log log;
  log.lines(
      {"10:00:00 postfix/tlsproxy[3]: TLS handshake failed for service=smtp "
       "peer=[198.51.100.8]:25",
       "10:00:00 postfix/smtp[7]: 2667D10E: Cannot start TLS: handshake failure",
       delivery("tls=may:none, ", "dsn=2.0.0, status=sent (250 Ok)")});
  EXPECT_EQ(log.seen(), (Seen{"a.example mx.a.example[198.51.100.1] starttls-not-supported",
                              "a.example [198.51.100.8] validation-failure "
                              "tls-handshake-failure"}));
}

TEST(Rule1, ACutDeliveryLineLeavesNothingForTheNextDomain) {
  const std::string cut = "10:00:01 postfix/smtp[7]: 2667D10E: to=<" + std::string(1900, 'x');
  Log log;
  log.lines(
      {established, cut,
       "10:00:02 postfix/smtp[7]: Trusted TLS connection established to "
       "mx.b.example[198.51.100.2]:25: TLSv1.3",
       "10:00:03 postfix/smtp[7]: 2667D111: to=<u@b.example>, relay=mx.b.example[198.51.100.2]:25, "
       "delay=0.2, delays=0.01/0.1/0.03/0, dsn=2.0.0, status=sent (250 Ok)"});
  EXPECT_EQ(log.seen(), (Seen{"not-understood", "ignored unattributed",
                              "b.example mx.b.example[198.51.100.2] success"}));
}

TEST(Rule13, TheDayIsThatOfTheLineThatProvesTheOutcome) {
  Log log;
  log.lines(
      {"23:59:59 postfix/smtp[7]: Trusted TLS connection established to "
       "mx.a.example[198.51.100.1]:25: TLSv1.3",
       "+1 00:00:01 postfix/smtp[7]: 2667D10E: to=<u@a.example>, "
       "relay=mx.a.example[198.51.100.1]:25, delay=0.2, delays=0.01/0.1/0.03/0, dsn=2.0.0, "
       "status=sent (250 Ok)"});
  EXPECT_EQ(log.sink.days, (Seen{"2026-11-22"}));
}

TEST(Rule14, RelevantLinesThatFitNothingAreKeptNeverGuessed) {
  Log log;
  log.lines({"10:00:00 postfix/smtp[7]: Trusted TLS connection established to nobody",
             "10:00:00 postfix/smtp[7]: TLSRPT: status=odd, domain=a.example",
             "10:00:00 postfix/smtp[7]: SSL_connect error to host: -1",
             "10:00:00 postfix/smtp[7]: 2667D10E: to=<u@a.example>, relay=mx"});
  EXPECT_EQ(log.seen(),
            (Seen{"not-understood", "not-understood", "not-understood", "not-understood"}));
  EXPECT_EQ(log.sink.lines.back(), "relay1 postfix/smtp[7]: 2667D10E: to=<u@a.example>, relay=mx");
}

TEST(Rule15, LiteralsInvalidNamesAndIgnoredDomainsAreNotCounted) {
  const auto seen = [](std::string_view recipient, CorrelatorOptions options = {}) {
    Log log(std::move(options));
    log.line(established)
        .line("10:00:01 postfix/smtp[7]: 2667D10E: to=<" + std::string(recipient) +
              ">, relay=mx.a.example[198.51.100.1]:25, delay=0.2, delays=0.01/0.1/0.03/0, "
              "dsn=2.0.0, status=sent (250 Ok)");
    return log.seen();
  };
  EXPECT_EQ(seen("u@[198.51.100.1]"), (Seen{"ignored address-literal"}));
  EXPECT_EQ(seen("u@bad..example"), (Seen{"ignored invalid-domain"}));
  EXPECT_EQ(seen("u"), (Seen{"ignored invalid-domain"}));
  CorrelatorOptions options;
  options.filter.ignore_domains.push_back(*policy::DomainName::parse("A.example"));
  EXPECT_EQ(seen("u@a.example", options), (Seen{"ignored ignored-domain a.example"}));
}

TEST(Correlator, RememberedProcessesAreBounded) {
  Log log;
  for (unsigned pid = 1; pid <= max_processes + 10; ++pid) {
    log.line("10:00:00 postfix/smtp[" + std::to_string(pid) +
             "]: Trusted TLS connection established to mx.a.example[198.51.100.1]:25: TLSv1.3");
  }
  EXPECT_EQ(log.seen(), Seen(10, "ignored unattributed"));
}

}  // namespace
}  // namespace tlsrpt::milter
