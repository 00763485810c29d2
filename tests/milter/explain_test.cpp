#include "milter/explain.h"

#include <gtest/gtest.h>

#include <sstream>

namespace tlsrpt::milter {
namespace {

TEST(Explain, TellsOfEachLineWhatWasUnderstood) {
  std::istringstream in(
      "2026-11-22T10:00:00Z relay1 postfix/smtp[7]: Trusted TLS connection established to "
      "mx.a.example[198.51.100.1]:25: TLSv1.3\n"
      "2026-11-22T10:00:01Z relay1 postfix/smtp[7]: 2667D10E: to=<u@a.example>, "
      "relay=mx.a.example[198.51.100.1]:25, delay=0.2, delays=0/0/0/0, dsn=2.0.0, status=sent "
      "(\x1B)\n"
      "2026-11-22T10:00:01Z relay1 postfix/smtp[7]: 2667D10E: to=<v@a.example>, "
      "relay=mx.a.example[198.51.100.1]:25, delay=0.2, delays=0/0/0/0, dsn=4.2.0, "
      "status=deferred (x)\n"
      "2026-11-22T10:00:01Z relay1 postfix/smtp[7]: 2667D10F: to=<v@a.example>, relay=none, "
      "delay=0.2, delays=0/0/0/0, dsn=4.4.1, status=deferred (connect to x: timed out)\n"
      "2026-11-22T10:00:01Z relay1 sshd[7]: hello\n"
      "no stamp\n");
  std::ostringstream out;
  ExplainOptions options;
  options.syslog_names = {"postfix"};
  explain_log(in, out, *StampParser::make("UTC"), policy::from_unix_seconds(1795454222), options);
  EXPECT_EQ(
      out.str(),
      "2026-11-22T10:00:00Z relay1 postfix/smtp[7]: Trusted TLS connection established to "
      "mx.a.example[198.51.100.1]:25: TLSv1.3\n"
      "  = TLS handshake with mx.a.example[198.51.100.1]:25 completed\n"
      "2026-11-22T10:00:01Z relay1 postfix/smtp[7]: 2667D10E: to=<u@a.example>, "
      "relay=mx.a.example[198.51.100.1]:25, delay=0.2, delays=0/0/0/0, dsn=2.0.0, status=sent "
      "(\\u{1b})\n"
      "  = session of a.example: success, MX host mx.a.example [198.51.100.1], policy "
      "no-policy-found, day 2026-11-22\n"
      "2026-11-22T10:00:01Z relay1 postfix/smtp[7]: 2667D10E: to=<v@a.example>, "
      "relay=mx.a.example[198.51.100.1]:25, delay=0.2, delays=0/0/0/0, dsn=4.2.0, "
      "status=deferred (x)\n"
      "  = delivery over a session that was told before\n"
      "2026-11-22T10:00:01Z relay1 postfix/smtp[7]: 2667D10F: to=<v@a.example>, relay=none, "
      "delay=0.2, delays=0/0/0/0, dsn=4.4.1, status=deferred (connect to x: timed out)\n"
      "  = delivery without a session\n"
      "2026-11-22T10:00:01Z relay1 sshd[7]: hello\n"
      "  = not a line of Postfix's smtp, tlsproxy, cleanup, qmgr or bounce\n"
      "no stamp\n"
      "  = no time stamp: not read\n");
}

}  // namespace
}  // namespace tlsrpt::milter
