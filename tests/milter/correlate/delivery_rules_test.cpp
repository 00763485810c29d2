// Design, section 3: tests named after its numbered rules, here those that a delivery line decides.
#include "milter/correlate/delivery_rules.h"

#include <gtest/gtest.h>

#include "tests/milter/log_fixture.h"

namespace tlsrpt::milter {
namespace {

TEST(Rule5, TlsIsRequiredAndNotOfferedOrRefused) {
  Log log;
  log.line(refused("TLS is required, but was not offered by host mx.a.example[198.51.100.1]"));
  EXPECT_EQ(log.seen(), (Seen{"a.example mx.a.example[198.51.100.1] starttls-not-supported "
                              "starttls-not-offered"}));
  Log refusal;
  refusal.line(refused(
      "TLS is required, but host mx.a.example[198.51.100.1] refused to start TLS: 454 4.7.0 "
      "no"));
  EXPECT_EQ(refusal.seen(), (Seen{"a.example mx.a.example[198.51.100.1] starttls-not-supported "
                                  "starttls-refused-454"}));
}

TEST(Rule5, SoftFailureNamesTheHostAndTheNextMxIsAnotherSession) {
  Log log;
  log.lines(
      {"10:00:00 postfix/smtp[7]: 2667D10E: TLS is required, but was not offered by host "
       "mx1.a.example[198.51.100.9]",
       established, sent});
  EXPECT_EQ(log.seen(), (Seen{"a.example mx1.a.example[198.51.100.9] starttls-not-supported "
                              "starttls-not-offered",
                              "a.example mx.a.example[198.51.100.1] success"}));
}

TEST(Rule6, PlaintextIsJudgedByTheTlsField) {
  const std::string end = "dsn=2.0.0, status=sent (250 Ok)";
  const auto seen = [&](const char* tls) {
    return Log().line(delivery(std::string("tls=") + tls + ", ", end)).seen();
  };
  const std::string peer = "a.example mx.a.example[198.51.100.1] ";
  EXPECT_EQ(seen("may:none"), (Seen{peer + "starttls-not-supported"}));
  EXPECT_EQ(seen("may/requiretls:none"), (Seen{peer + "success"}));
  EXPECT_EQ(seen("none"), (Seen{"ignored tls-not-wanted a.example"}));
  EXPECT_EQ(seen("may"), (Seen{peer + "success"}));
  EXPECT_EQ(seen("secure"), (Seen{peer + "success"}));
  EXPECT_EQ(seen("dane"), (Seen{peer + "success tlsa"}));
  EXPECT_EQ(seen("halfdane"), (Seen{peer + "success tlsa"}));
  EXPECT_EQ(seen("dane:encrypt"), (Seen{peer + "tlsa-invalid all-TLSA-records-unusable tlsa"}));
  EXPECT_EQ(seen("martian"), (Seen{"not-understood"}));
}

TEST(Rule6, WithoutTlsFieldTheServiceMustHaveLoggedTls) {
  Log log;
  log.line(sent);
  log.line(
      "10:01:00 postfix/smtp[8]: Trusted TLS connection established to "
      "mx.b.example[198.51.100.2]:25: TLSv1.3");
  log.line(
      "10:02:00 postfix/smtp[9]: 2667D111: to=<u@c.example>, "
      "relay=mx.c.example[198.51.100.3]:25, delay=0.2, delays=0.01/0.1/0.03/0, dsn=2.0.0, "
      "status=sent (250 Ok)");
  log.line(
      "10:02:00 postfix/relay/smtp[9]: 2667D112: to=<u@d.example>, "
      "relay=mx.d.example[198.51.100.4]:25, delay=0.2, delays=0.01/0.1/0.03/0, dsn=2.0.0, "
      "status=sent (250 Ok)");
  EXPECT_EQ(log.seen(), (Seen{"a.example mx.a.example[198.51.100.1] no-tls-seen unproven",
                              "c.example mx.c.example[198.51.100.3] no-tls-seen",
                              "d.example mx.d.example[198.51.100.4] no-tls-seen unproven"}));
  EXPECT_EQ(log.sink.services, (Seen{"relay1 postfix/smtp"}));
}

TEST(Rule6, ADayAfterTheLastTlsLinePlaintextIsUnproven) {
  Log log;
  log.line(established);
  log.line(
      "+1 10:00:00 postfix/smtp[9]: 2667D111: to=<u@c.example>, "
      "relay=mx.c.example[198.51.100.3]:25, delay=0.2, delays=0.01/0.1/0.03/0, dsn=2.0.0, "
      "status=sent (250 Ok)");
  log.line(
      "+1 10:00:01 postfix/smtp[9]: 2667D112: to=<u@c.example>, "
      "relay=mx.c.example[198.51.100.3]:25, delay=0.2, delays=0.02/0.1/0.03/0, dsn=2.0.0, "
      "status=sent (250 Ok)");
  EXPECT_EQ(log.seen(), (Seen{"c.example mx.c.example[198.51.100.3] no-tls-seen",
                              "c.example mx.c.example[198.51.100.3] no-tls-seen unproven"}));
}

TEST(Rule6, NotPastEhloIsNoSession) {
  const std::string host = "mx.a.example[198.51.100.1]";
  for (const std::string& reason :
       {"host " + host + " refused to talk to me: 421 too busy (in reply to RCPT TO command)",
        "lost connection with " + host + " while receiving the initial server greeting",
        "lost connection with " + host + " while performing the EHLO handshake",
        "conversation with " + host + " timed out while performing the HELO handshake",
        "host " + host + " said: 502 5.5.2 what? (in reply to EHLO command)",
        "host " + host + " said: 502 5.5.2 what? (in reply to HELO command)"}) {
    Log log;
    log.line(delivery("", "dsn=4.0.0, status=deferred (" + reason + ")"));
    EXPECT_EQ(log.seen(), (Seen{"ignored before-ehlo a.example"})) << reason;
  }
  for (const std::string& reason :
       {"host " + host + " said: 450 (in reply to EHLO command) (in reply to RCPT TO command)",
        "lost connection with " + host + " while sending MAIL FROM",
        "conversation with " + host + " timed out while sending message body"}) {
    Log log;
    log.line(delivery("", "dsn=4.0.0, status=deferred (" + reason + ")"));
    EXPECT_EQ(log.seen(), (Seen{"a.example " + host + " no-tls-seen unproven"})) << reason;
  }
}

TEST(Rule6, OfferedButNotWantedIsNotWanted) {
  Log log;
  log.lines({"10:00:00 postfix/smtp[7]: Host offered STARTTLS: [mx.a.example]", sent});
  EXPECT_EQ(log.seen(), (Seen{"ignored tls-not-wanted a.example"}));
}

TEST(Rule7, RecipientsOfOneConnectionAreOneDelivery) {
  Log log;
  log.lines({established, sent,
             "10:00:01 postfix/smtp[7]: 2667D10E: to=<v@a.example>, "
             "relay=mx.a.example[198.51.100.1]:25, delay=0.2, delays=0.01/0.1/0.03/0.4, dsn=2.0.0, "
             "status=sent (250 Ok)"});
  EXPECT_EQ(log.seen(), (Seen{"a.example mx.a.example[198.51.100.1] success"}));
  EXPECT_EQ(log.sink.messages, 1U);
  Log plain;
  plain.lines({sent, sent});
  EXPECT_EQ(plain.seen().size(), 1U);
  // A retry by the same process has waited longer.
  plain.line(
      "10:00:09 postfix/smtp[7]: 2667D10E: to=<u@a.example>, "
      "relay=mx.a.example[198.51.100.1]:25, delay=8, delays=7/1/0.03/0, dsn=2.0.0, "
      "status=sent (250 Ok)");
  EXPECT_EQ(plain.seen().size(), 2U);
}

TEST(Rule8, UnusableTlsaRecordsAreInvalidThoughTheMailGoesOut) {
  for (const char* line :
       {"10:00:00 postfix/smtp[7]: warning: mx.a.example[198.51.100.1]:25: all TLSA records "
        "unusable, "
        "fallback to unauthenticated TLS",
        "10:00:00 postfix/tlsproxy[3]: warning: mx.a.example[198.51.100.1]:25: all TLSA records "
        "unusable, fallback to unauthenticated TLS"}) {
    Log log;
    log.lines({line, established, sent});
    EXPECT_EQ(log.seen(), (Seen{"a.example mx.a.example[198.51.100.1] tlsa-invalid "
                                "all-TLSA-records-unusable tlsa"}))
        << line;
  }
}

TEST(Rule8, Postfix35LogsUnsupportedRecordsOnly) {
  const auto warning =
      "10:00:00 postfix/smtp[7]: warning: unsupported selector 9 in RR: _25._tcp.mx.a.example IN "
      "TLSA 3 9 1 00";
  Log log;
  log.lines({warning, established, sent});
  EXPECT_EQ(log.seen(), (Seen{"a.example mx.a.example[198.51.100.1] tlsa-invalid "
                              "all-TLSA-records-unusable tlsa"}));
  // The process has looked it up, and says nothing of what it finds in its cache.
  log.lines(
      {"10:01:30 postfix/smtp[7]: Trusted TLS connection established to "
       "mx.a.example[198.51.100.1]:25: TLSv1.3",
       "10:01:30 postfix/smtp[7]: 2667D10F: to=<b@a.example>, "
       "relay=mx.a.example[198.51.100.1]:25, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent "
       "(250 ok)"});
  EXPECT_EQ(log.seen().size(), 2U);
  EXPECT_EQ(log.seen().back(), log.seen().front());
  // By now it has looked it up again, and found nothing to complain of.
  log.lines(
      {"10:05:00 postfix/smtp[7]: Trusted TLS connection established to "
       "mx.a.example[198.51.100.1]:25: TLSv1.3",
       "10:05:00 postfix/smtp[7]: 2667D110: to=<b@a.example>, "
       "relay=mx.a.example[198.51.100.1]:25, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent "
       "(250 ok)"});
  EXPECT_EQ(log.seen().back(), "a.example mx.a.example[198.51.100.1] success");
  Log verified;
  verified.lines({warning,
                  "10:00:00 postfix/smtp[7]: Verified TLS connection established to "
                  "mx.a.example[198.51.100.1]:25: TLSv1.3",
                  sent});
  EXPECT_EQ(verified.seen(), (Seen{"a.example mx.a.example[198.51.100.1] success"}));
}

TEST(Rule9, StoppedByPolicyIsOneSessionForEachMxHost) {
  const auto stopped = [](const char* reason) {
    return Log()
        .line(
            "10:00:00 postfix/smtp[7]: warning: TLS policy lookup error for "
            "a.example/mx.a.example: " +
            std::string(reason))
        .line("10:00:00 postfix/smtp[7]: warning: TLS policy lookup for a.example/mx.a.example: " +
              std::string(reason))
        .line(
            "10:00:01 postfix/smtp[7]: 2667D10E: to=<u@a.example>, relay=none, delay=0.2, "
            "delays=0.01/0.1/0.03/0, dsn=4.7.5, status=deferred (" +
            std::string(reason) + ")")
        .line(
            "10:00:01 postfix/smtp[7]: 2667D10E: to=<v@a.example>, relay=none, delay=0.2, "
            "delays=0.01/0.1/0.03/0, dsn=4.7.5, status=deferred (" +
            std::string(reason) + ")")
        .seen();
  };
  const std::string peer = "a.example mx.a.example[] ";
  EXPECT_EQ(stopped("TLSA lookup error for mx.a.example:25"),
            (Seen{peer + "dnssec-invalid tlsa-lookup-error tlsa"}));
  EXPECT_EQ(stopped("no TLSA records found"),
            (Seen{peer + "dane-required no-tlsa-records-found tlsa"}));
  EXPECT_EQ(stopped("non DNSSEC destination"),
            (Seen{peer + "dane-required non-dnssec-destination tlsa"}));
}

TEST(Rule9, AnMxOutsideTheStsPolicyHasNoAddress) {
  Log log;
  log.lines(
      {"10:00:00 postfix/smtp[7]: warning: MX name 'mx9.a.example' does not match STS MX "
       "pattern for 'a.example'",
       "10:00:01 postfix/smtp[7]: 2667D10E: to=<u@a.example>, relay=none, delay=0.2, "
       "delays=0.01/0.1/0.03/0, tls=secure?, dsn=4.7.5, status=deferred (MX name)"});
  EXPECT_EQ(log.seen(),
            (Seen{"a.example mx9.a.example[] validation-failure mx-host-mismatch sts"}));
}

TEST(Rule10, ConnectErrorsAndOurOwnFaultsAreNoSessions) {
  Log log;
  log.line("10:00:00 postfix/smtp[7]: connect to mx.a.example[198.51.100.1]:25: Connection refused")
      .line(
          "10:00:01 postfix/smtp[7]: 2667D10E: to=<u@a.example>, relay=none, delay=0.2, "
          "delays=0.01/0.1/0.03/0, dsn=4.4.1, status=deferred (connect to "
          "mx.a.example[198.51.100.1]:25: Connection refused)")
      .line(
          "10:00:01 postfix/error[9]: 2667D111: to=<u@a.example>, relay=none, delay=0.2, "
          "delays=0.01/0.1/0.03/0, dsn=4.4.1, status=deferred (delivery temporarily suspended)");
  EXPECT_EQ(log.seen(), Seen{});
  log.line(refused("TLS is required, but our TLS engine is unavailable"));
  EXPECT_EQ(log.seen(), (Seen{"ignored local-fault a.example"}));
}

TEST(Rule11, OtherPortsPrivateAddressesAndRelaysAreNotTheRecipients) {
  const auto seen = [](std::string_view host, CorrelatorOptions options = {}) {
    Log log(std::move(options));
    log.line("10:00:00 postfix/smtp[7]: Trusted TLS connection established to " +
             std::string(host) + ": TLSv1.3")
        .line("10:00:01 postfix/smtp[7]: 2667D10E: to=<u@a.example>, relay=" + std::string(host) +
              ", delay=0.2, delays=0.01/0.1/0.03/0, dsn=2.0.0, status=sent (250 Ok)");
    return log.seen();
  };
  EXPECT_EQ(seen("hub.example[198.51.100.1]:587"), (Seen{"ignored other-port a.example"}));
  EXPECT_EQ(seen("hub.example[10.0.0.1]:25"), (Seen{"ignored private-address a.example"}));
  EXPECT_EQ(seen("hub.example[fd00::1]:25"), (Seen{"ignored private-address a.example"}));
  CorrelatorOptions count_private;
  count_private.filter.count_private_relays = true;
  EXPECT_EQ(seen("hub.example[10.0.0.1]:25", count_private),
            (Seen{"a.example hub.example[10.0.0.1] success"}));
  CorrelatorOptions ignore;
  ignore.filter.ignore_relays = {"hub.example"};
  EXPECT_EQ(seen("HUB.example[198.51.100.1]:25", ignore), (Seen{"ignored relay a.example"}));
}

TEST(Rule11, WherePostfixNamesAnotherDomainTheSessionIsThatOnes) {
  Log log;
  log.lines({established,
             "10:00:00 postfix/smtp[7]: TLSRPT: status=success, domain=hub.example, "
             "receiving_mx=mx.a.example[198.51.100.1]",
             sent});
  EXPECT_EQ(log.seen(), (Seen{"hub.example mx.a.example[198.51.100.1] success"}));
}

TEST(Rule12, ATlsrptLineAloneIsTheHandshake) {
  Log log;
  log.lines(
      {"10:00:00 postfix/smtp[7]: TLSRPT: status=success, domain=a.example, "
       "receiving_mx=mx.a.example[198.51.100.1]",
       sent});
  EXPECT_EQ(log.seen(), (Seen{"a.example mx.a.example[198.51.100.1] success"}));
}

TEST(Rule12, OfA454TheTlsrptLineIsTheSession) {
  Log log;
  log.line(
         "10:00:00 postfix/smtp[7]: TLSRPT: status=failure, domain=a.example, "
         "receiving_mx=mx.a.example[198.51.100.1], failure_type=starttls_not_supported")
      .line(delivery("tls=may:none, ", "dsn=2.0.0, status=sent (250 Ok)"));
  EXPECT_EQ(log.seen(), (Seen{"a.example mx.a.example[198.51.100.1] starttls-not-supported "
                              "starttls-refused"}));
}

TEST(Rule12, BesideAHandshakeLineItAddsOnlyWhatThatLacks) {
  Log log;
  log.line(
         "10:00:00 postfix/smtp[7]: certificate verification failed for "
         "mx.a.example[198.51.100.1]:25: self-signed certificate")
      .line(
          "10:00:00 postfix/smtp[7]: TLSRPT: status=failure, domain=a.example, "
          "receiving_mx=mx.a.example[198.51.100.1], failure_type=validation_failure, "
          "failure_reason=self-signed_certificate")
      .line(established)
      .line(refused("Server certificate not verified"));
  EXPECT_EQ(log.seen(), (Seen{"a.example mx.a.example[198.51.100.1] certificate-not-trusted "
                              "self-signed-certificate"}));
}

TEST(Messages, OfAPlaintextSessionAreCountedWhicheverRecipientGotThem) {
  Log log;
  log.line(delivery("", "dsn=5.1.1, status=bounced (host mx.a.example[198.51.100.1] said: 550 no)"))
      .line(sent)
      .line(sent);
  EXPECT_EQ(log.seen().size(), 1U);
  EXPECT_EQ(log.sink.messages, 1U);
}

TEST(Messages, AProbeIsNone) {
  EXPECT_EQ(Log().line(delivery("", "dsn=2.1.5, status=deliverable (250 Ok)")).sink.messages, 0U);
}

}  // namespace
}  // namespace tlsrpt::milter
