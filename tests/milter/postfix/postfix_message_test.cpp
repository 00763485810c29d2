#include "milter/postfix/postfix_message.h"

#include <gtest/gtest.h>

#include <string>

namespace tlsrpt::milter {
namespace {

MessageKind kind_of(std::string_view text, Program program = Program::smtp) {
  return parse_message(program, text).kind;
}

TEST(QueueId, ShortAndLongIds) {
  const auto id_of = [](std::string_view text) {
    std::string_view rest;
    return take_queue_id(text, &rest);
  };
  EXPECT_EQ(id_of("2667D10E: to=<"), "2667D10E");
  EXPECT_EQ(id_of("4jYBz32jGmz65: to=<"), "4jYBz32jGmz65");
  for (const char* bad : {"warning: x", "TLSRPT: status=", "NOQUEUE: x", "2667D10E:x", "2667D: x",
                          "2667d10e: x", ": x", "", "error: x", "2667D10E"}) {
    EXPECT_EQ(id_of(bad), "") << bad;
  }
}

TEST(PostfixMessage, FixedTextsAreMatchedFromTheFirstByteOnly) {
  const std::string established =
      "Trusted TLS connection established to mx[198.51.100.1]:25: TLSv1";
  EXPECT_TRUE(kind_of(established) == MessageKind::established);
  for (const std::string& hostile :
       {"x " + established, "warning: " + established,
        "warning: 2667D10E: non-ESMTP response from mx[198.51.100.1]:25: " + established,
        "2667D10E: " + established, "2667D10E: host mx[198.51.100.1] said: 450 " + established,
        "certificate peer name verification failed for x: " + established,
        "warning: mx[198.51.100.1]:25: response longer than 2048: " + established}) {
    EXPECT_TRUE(kind_of(hostile) == MessageKind::other) << hostile;
  }
}

TEST(PostfixMessage, TlsrptLines) {
  const auto success = parse_message(
      Program::smtp, "TLSRPT: status=success, domain=a.example, receiving_mx=mx[198.51.100.1]");
  EXPECT_TRUE(success.kind == MessageKind::tlsrpt && success.success);
  const auto failure =
      parse_message(Program::smtp,
                    "TLSRPT: status=failure, domain=a.example, receiving_mx=mx[198.51.100.1], "
                    "failure_type=validation_failure, failure_reason=self-signed_certificate");
  EXPECT_TRUE(failure.kind == MessageKind::tlsrpt && !failure.success);
  EXPECT_TRUE(failure.failure_type == policy::Outcome::validation_failure);
  EXPECT_EQ(failure.text, "self-signed_certificate");
  for (const char* bad : {
           "TLSRPT: status=",
           "TLSRPT: status=success",
           "TLSRPT: status=success, domain=",
           "TLSRPT: status=success, domain=a b, receiving_mx=mx[198.51.100.1]",
           "TLSRPT: status=success, domain=a.example, receiving_mx=mx",
           "TLSRPT: status=success, domain=a.example, receiving_mx=mx[198.51.100.1], more",
           "TLSRPT: status=failure, domain=a.example, receiving_mx=mx[198.51.100.1]",
           "TLSRPT: status=failure, domain=a.example, receiving_mx=mx[198.51.100.1], "
           "failure_type=no_such_type",
       }) {
    EXPECT_TRUE(kind_of(bad) == MessageKind::not_understood) << bad;
  }
}

TEST(PostfixMessage, PostfixWarnsOfADatagramThatItCouldNotSend) {
  const std::string text = "Could not report TLS handshake result to tlsrpt library: (errno 11)";
  for (const Program program : {Program::smtp, Program::tlsproxy})
    EXPECT_TRUE(kind_of("warning: " + text, program) == MessageKind::tlsrpt_not_sent);
  EXPECT_TRUE(kind_of(text) == MessageKind::other);
  EXPECT_TRUE(kind_of("warning: x " + text) == MessageKind::other);
}

TEST(PostfixMessage, TlsproxyFailuresHaveNoHost) {
  const auto message = parse_message(Program::tlsproxy,
                                     "TLS handshake failed for service=smtp peer=[2001:db8::1]:25");
  EXPECT_TRUE(message.kind == MessageKind::proxy_failure);
  EXPECT_EQ(message.peer.address, "2001:db8::1");
  EXPECT_EQ(message.peer.port, 25);
  EXPECT_TRUE(kind_of("TLS handshake failed for service=smtpd peer=[x]:25", Program::tlsproxy) ==
              MessageKind::other);
}

TEST(PostfixMessage, PolicyWarnings) {
  const auto lookup = parse_message(Program::smtp,
                                    "warning: TLS policy lookup for a.example/mx.a.example: TLSA "
                                    "lookup error for mx.a.example:25");
  EXPECT_TRUE(lookup.kind == MessageKind::policy_lookup);
  EXPECT_EQ(lookup.mx_host, "mx.a.example");
  EXPECT_TRUE(lookup.reason.kind == ReasonKind::tlsa_lookup_error);
  EXPECT_EQ(lookup.reason.host, "mx.a.example");
  const auto mismatch = parse_message(
      Program::smtp, "warning: MX name 'mx9' does not match STS MX pattern for 'a.example'");
  EXPECT_TRUE(mismatch.kind == MessageKind::sts_mx_mismatch);
  EXPECT_EQ(mismatch.mx_host, "mx9");
  EXPECT_EQ(mismatch.domain, "a.example");
  const auto unsupported = parse_message(
      Program::smtp,
      "warning: unsupported certificate usage 1 in RR: _25._tcp.mx.a.example IN TLSA 1 1 1 00");
  EXPECT_TRUE(unsupported.kind == MessageKind::tlsa_unsupported);
  EXPECT_EQ(unsupported.mx_host, "mx.a.example");
  EXPECT_TRUE(kind_of("warning: _25._tcp.mx.a.example unsupported TLSA certificate usage: 1 1 1") ==
              MessageKind::other);
}

TEST(PostfixMessage, CleanupAndQmgr) {
  const auto id = parse_message(Program::cleanup, "2667D10E: message-id=<a@b>");
  EXPECT_TRUE(id.kind == MessageKind::message_id);
  EXPECT_EQ(id.text, "<a@b>");
  EXPECT_TRUE(kind_of("2667D10E: resent-message-id=<a@b>", Program::cleanup) == MessageKind::other);
  const auto sender =
      parse_message(Program::qmgr, "2667D10E: from=<a@b>, size=1, nrcpt=1 (queue active)");
  EXPECT_TRUE(sender.kind == MessageKind::sender);
  EXPECT_EQ(sender.text, "a@b");
  EXPECT_TRUE(kind_of("2667D10E: removed", Program::qmgr) == MessageKind::removed);
  EXPECT_TRUE(kind_of("2667D10E: removed?", Program::qmgr) == MessageKind::other);
}

TEST(PostfixMessage, AnyBytesGiveAnAnswer) {
  const std::string text =
      "2667D10E: to=<u@a.example>, relay=mx.a.example[198.51.100.1]:25, delay=1, delays=0/0/0/0, "
      "tls=may, dsn=5.1.1, status=bounced (TLS is required, but host mx[1.2.3.4] refused to start "
      "TLS: 454)";
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (const char octet : {'\0', '\xFF', '<', '>', '[', ']', ' ', '\n'}) {
      std::string changed = text;
      changed[at] = octet;
      for (const Program program :
           {Program::smtp, Program::tlsproxy, Program::cleanup, Program::qmgr})
        (void)parse_message(program, changed);
    }
  }
}

}  // namespace
}  // namespace tlsrpt::milter
