#include <gtest/gtest.h>

#include "milter/correlate/correlator.h"
#include "tests/milter/log_fixture.h"

namespace tlsrpt::milter {
namespace {

TEST(Correlator, StateMayBeSavedAndRestoredAtAnyLine) {
  const auto run = [](bool restart) {
    Log log;
    log.restart_each_line = restart;
    log.line("09:59:59 postfix/cleanup[2]: 2667D1FF: message-id=" + log.sink.own_message_id);
    log.lines({"10:00:00 postfix/tlsproxy[3]: server certificate verification failed for "
               "mx.a.example[198.51.100.1]:25: certificate has expired",
               "10:00:00 postfix/tlsproxy[3]: Untrusted TLS connection established to "
               "mx.a.example[198.51.100.1]:25: TLSv1.3",
               "10:00:00 postfix/tlsproxy[3]: TLS handshake failed for service=smtp "
               "peer=[198.51.100.8]:25",
               "10:00:00 postfix/smtp[7]: 2667D10E: Cannot start TLS: handshake failure",
               "10:00:00 postfix/smtp[7]: warning: MX name 'mx9.a.example' does not match STS MX "
               "pattern for 'a.example'",
               "10:00:00 postfix/smtp[7]: TLSRPT: status=success, domain=a.example, "
               "receiving_mx=mx7.a.example[198.51.100.7]",
               established})
        .line(refused("Server certificate not verified"))
        .line(refused("Server certificate not verified"))
        .line(
            "10:00:05 postfix/smtp[7]: 2667D1FF: to=<u@c.example>, "
            "relay=mx.c.example[198.51.100.3]:25, delay=0.2, delays=0.01/0.1/0.03/0, dsn=2.0.0, "
            "status=sent (250 Ok)");
    EXPECT_TRUE(log.restored);
    return log.seen();
  };
  EXPECT_EQ(run(false).size(), 5U);
  EXPECT_EQ(run(true), run(false));
}

TEST(Correlator, DamagedStateIsRefusedAndLeavesNothingBehind) {
  RecordingSink sink;
  Correlator correlator({}, sink);
  const std::string empty = correlator.state();
  for (const std::string& octets :
       {std::string("\x02"), std::string("\x01\x05\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F"),
        empty + "x", std::string(100, '\xFF')}) {
    EXPECT_FALSE(correlator.restore(octets).ok());
  }
  EXPECT_TRUE(correlator.restore(empty).ok());
}

}  // namespace
}  // namespace tlsrpt::milter
