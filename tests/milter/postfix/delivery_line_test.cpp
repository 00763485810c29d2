#include "milter/postfix/delivery_line.h"

#include <gtest/gtest.h>

namespace tlsrpt::milter {
namespace {

constexpr std::string_view fields =
    "relay=mx.a.example[198.51.100.1]:25, delay=0.22, delays=0.01/0.17/0.04/0, dsn=2.0.0, "
    "status=sent (250 2.0.0 Ok)";

TEST(DeliveryLine, HasRecipientRelayDelaysStatusAndReason) {
  const std::string text = "to=<u@a.example>, " + std::string(fields);
  const auto line = parse_delivery_line(text);
  ASSERT_TRUE(line);
  EXPECT_EQ(line->recipient, "u@a.example");
  EXPECT_EQ(line->domain, "a.example");
  ASSERT_TRUE(line->relay);
  EXPECT_EQ(line->relay->host, "mx.a.example");
  EXPECT_FALSE(line->reused);
  EXPECT_EQ(line->arrival_delays, "0.01/0.17");
  EXPECT_EQ(line->session_delays, "0.01/0.17/0.04");
  EXPECT_EQ(line->tls, "");
  EXPECT_EQ(line->status, "sent");
  EXPECT_EQ(line->reason, "250 2.0.0 Ok");
}

TEST(DeliveryLine, OptionalFields) {
  const std::string text =
      "to=<u@a.example>, orig_to=<root>, relay=mx.a.example[198.51.100.1]:25, conn_use=12, "
      "delay=1, delays=0/0/0/0, tls=dane:encrypt/requiretls?, dsn=4.7.5, status=deferred (why)";
  const auto line = parse_delivery_line(text);
  ASSERT_TRUE(line);
  EXPECT_EQ(line->recipient, "u@a.example");
  EXPECT_TRUE(line->reused);
  EXPECT_EQ(line->tls, "dane:encrypt/requiretls?");
  EXPECT_EQ(line->reason, "why");
}

TEST(DeliveryLine, NoInternetHost) {
  for (const char* relay : {"none", "mail.a.example[private/dovecot-lmtp]", "local", "dovecot"}) {
    const std::string text = "to=<u@a.example>, relay=" + std::string(relay) +
                             ", delay=1, delays=0/0/0/0, dsn=4.7.5, status=deferred (why)";
    const auto line = parse_delivery_line(text);
    ASSERT_TRUE(line) << relay;
    EXPECT_FALSE(line->relay) << relay;
  }
}

TEST(DeliveryLine, LocalPartsCannotImitateFields) {
  for (const char* local : {
           "\"a, relay=none\"", "\"x>y\"", "\"to=<z@other.example>,\"", "\"q\\\"uote\"",
           "\"x@victim.example>, relay=mx.v.example[198.51.100.9]:25, delay=1, delays=0/0/0/0, "
           "dsn=2.0.0, status=sent (\"",
           "\"x\\\">, relay=none, delay=1, delays=0/0/0/0, dsn=2.0.0, status=sent (\"",
           "a>, relay=none, delay=1, delays=0/0/0/0, dsn=2.0.0, status=sent (b",  // Postfix 3.4
       }) {
    const std::string text = "to=<" + std::string(local) + "@a.example>, " + std::string(fields);
    const auto line = parse_delivery_line(text);
    ASSERT_TRUE(line) << local;
    EXPECT_EQ(line->domain, "a.example") << local;
    ASSERT_TRUE(line->relay) << local;
    EXPECT_EQ(line->relay->address, "198.51.100.1") << local;
  }
}

TEST(DeliveryLine, RepliesCannotImitateFields) {
  const std::string text =
      "to=<u@a.example>, relay=mx.a.example[198.51.100.1]:25, delay=1, delays=0/0/0/0, dsn=5.1.1, "
      "status=bounced (host mx said: 550 to=<v@victim.example>, "
      "relay=mx.v.example[198.51.100.9]:25, delay=1, delays=0/0/0/0, dsn=2.0.0, status=sent (ok))";
  const auto line = parse_delivery_line(text);
  ASSERT_TRUE(line);
  EXPECT_EQ(line->domain, "a.example");
  EXPECT_EQ(line->status, "bounced");
  EXPECT_EQ(line->relay->address, "198.51.100.1");
}

TEST(DeliveryLine, CutLinesKeepWhatIsWhole) {
  const std::string text = "to=<u@a.example>, " + std::string(fields);
  for (std::size_t length = 0; length < text.size(); ++length) {
    const auto line = parse_delivery_line(std::string_view(text).substr(0, length));
    if (!line) continue;
    EXPECT_EQ(line->domain, "a.example");
    EXPECT_EQ(line->status, "sent");
  }
  for (const char* bad : {
           "to=<u@a.example>",
           "to=<u@a.example>, relay=, delay=1",
           "to=<u@a.example>, relay=none, delay=x, delays=0/0/0/0, dsn=2.0.0, status=sent (",
           "to=<u@a.example>, relay=none, delay=1, delays=0/0/0, dsn=2.0.0, status=sent (",
           "to=<u@a.example>, relay=none, delay=1, delays=0/0/0/0, dsn=2.0, status=sent (",
           "to=<u@a.example>, relay=none, delay=1, delays=0/0/0/0, dsn=2.0.0, status= (",
           "to=u@a.example, relay=none, delay=1, delays=0/0/0/0, dsn=2.0.0, status=sent (",
       }) {
    EXPECT_FALSE(parse_delivery_line(bad)) << bad;
  }
}

}  // namespace
}  // namespace tlsrpt::milter
