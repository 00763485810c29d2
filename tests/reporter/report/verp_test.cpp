#include "reporter/report/verp.h"

#include <gtest/gtest.h>

#include "reporter/report/report_name.h"

namespace tlsrpt::reporter {
namespace {

const std::string token = "0123456789abcdef0123456789abcdef";
const std::string message_id = make_message_id("20261122.a.example.1@relay.example", 1, token);

TEST(Verp, NamesOneDelivery) {
  const std::string sender = make_verp_sender("Tls-Reports@relay.example", '+', message_id, 0x1f);
  EXPECT_EQ(sender, "Tls-Reports+0123456789abcdef012345671f@relay.example");
  const auto read = parse_verp_sender("<TLS-Reports+0123456789ABCDEF012345671F@Relay.Example>");
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->mail_from, "tls-reports@relay.example");
  EXPECT_EQ(read->number, 0x1f);
  EXPECT_TRUE(is_verp_token(read->token, message_id));
  EXPECT_FALSE(is_verp_token(read->token, "<tlsrpt.x.1.ff23456789abcdef0123456789abcdef@r>"));
  EXPECT_FALSE(is_verp_token("", "<1@a.example>"));
  EXPECT_FALSE(is_verp_token("", ""));
}

TEST(Verp, ALocalPartHasAtMost64Octets) {
  const std::string longest(29, 'x');
  EXPECT_EQ(verp_obstacle(longest + "@relay.example"), "");
  const std::string sender =
      make_verp_sender(longest + "@relay.example", '-', message_id, 0xffffffffff);
  EXPECT_EQ(sender.find('@'), 64U);
  EXPECT_TRUE(parse_verp_sender(sender).has_value());
  EXPECT_NE(verp_obstacle(longest + "x@relay.example"), "");
  EXPECT_NE(verp_obstacle("\"two words\"@relay.example"), "");
  EXPECT_NE(verp_obstacle("relay.example"), "");
}

TEST(Verp, WhereThereIsNoRoomOrNoTokenTheSenderIsPlain) {
  const std::string plain = "tls@relay.example";
  EXPECT_EQ(make_verp_sender(plain, '+', "<1@a.example>", 1), plain);
  EXPECT_EQ(make_verp_sender(plain, '+', "", 1), plain);
  EXPECT_EQ(make_verp_sender(plain, '+', message_id, 0), plain);
  EXPECT_EQ(make_verp_sender(plain, '+', message_id, std::int64_t{1} << 40U), plain);
  EXPECT_EQ(make_verp_sender("\"a b\"@relay.example", '+', message_id, 1), "\"a b\"@relay.example");
}

TEST(Verp, AnythingElseIsNone) {
  for (const char* other :
       {"", "@", "tls@relay.example", "tls+x@relay.example", "<>",
        "+0123456789abcdef012345671f@relay.example", "tls+0123456789abcdef01234567@relay.example",
        "tls+0123456789abcdef01234567ffffffffff1@relay.example",
        "tls+0123456789abcdeg012345671f@relay.example", "tls+0123456789abcdef012345671f"}) {
    EXPECT_FALSE(parse_verp_sender(other).has_value()) << other;
  }
}

}  // namespace
}  // namespace tlsrpt::reporter
