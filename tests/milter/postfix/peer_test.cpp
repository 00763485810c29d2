#include "milter/postfix/peer.h"

#include <gtest/gtest.h>

namespace tlsrpt::milter {
namespace {

TEST(Peer, IsHostAddressAndPort) {
  const auto good = [](std::string_view text, std::string_view host, std::string_view address,
                       unsigned port, std::size_t taken) {
    std::size_t length = 0;
    const auto peer = parse_peer(text, &length);
    ASSERT_TRUE(peer) << text;
    EXPECT_EQ(peer->host, host) << text;
    EXPECT_EQ(peer->address, address) << text;
    EXPECT_EQ(peer->port, port) << text;
    EXPECT_EQ(length, taken) << text;
  };
  good("mx.a.example[198.51.100.1]:25: rest", "mx.a.example", "198.51.100.1", 25, 29);
  good("MX.a.example[2001:db8::1]:587, rest", "MX.a.example", "2001:db8::1", 587, 29);
  good("mx.a.example[198.51.100.1]", "mx.a.example", "198.51.100.1", 25, 26);
  good("mx.a.example[198.51.100.1]: text", "mx.a.example", "198.51.100.1", 25, 26);
  good("unknown[198.51.100.1]:25", "unknown", "198.51.100.1", 25, 24);
  good("mx[fe80::1%eth0]:25", "mx", "fe80::1", 25, 19);
}

TEST(Peer, AnythingElseIsNone) {
  for (const char* bad : {
           "",
           "none",
           "mx.a.example",
           "[198.51.100.1]:25",
           "mx[",
           "mx[198.51.100.1",
           "mx.a.example[private/dovecot-lmtp]",
           "mx.a.example[/run/lmtp]",
           "mx[abc]:25",
           "mx[%eth0]:25",
           "mx[fe80::1%]:25",
           "mx[198.51.100.1]:99999",  // no port number
           "mx example[198.51.100.1]:25",
           "mx\xC3\xBC[198.51.100.1]:25",
       }) {
    std::size_t length = 0;
    EXPECT_FALSE(parse_peer(bad, &length)) << bad;
  }
}

TEST(Peer, MatchesWhateverTheLetterCaseAndTrailingDot) {
  Peer peer;
  peer.assign({"MX.A.example.", "198.51.100.1", 25});
  EXPECT_EQ(peer.host, "mx.a.example");
  EXPECT_TRUE(peer.matches({"mx.a.EXAMPLE", "198.51.100.1", 25}));
  EXPECT_FALSE(peer.matches({"mx.a.example", "198.51.100.2", 25}));
  EXPECT_FALSE(peer.matches({"mx.a.example", "198.51.100.1", 26}));
  EXPECT_FALSE(peer.matches({"mx.a.exampl", "198.51.100.1", 25}));
}

}  // namespace
}  // namespace tlsrpt::milter
