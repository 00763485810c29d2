#include "policy/ip_network.h"

#include <gtest/gtest.h>

namespace tlsrpt::policy {
namespace {

void good(std::string_view text, std::string_view expected) {
  SCOPED_TRACE(text);
  const auto network = IpNetwork::parse(text);
  ASSERT_TRUE(network.ok()) << network.error().message();
  EXPECT_EQ(network->text(), expected);
  const auto again = IpNetwork::parse(network->text());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, *network);
}

void bad(std::string_view text, std::string_view reason) {
  SCOPED_TRACE(text);
  const auto network = IpNetwork::parse(text);
  ASSERT_FALSE(network.ok()) << network->text();
  EXPECT_EQ(network.error().code(), Errc::syntax);
  EXPECT_NE(network.error().message().find(reason), std::string::npos) << network.error().message();
}

TEST(IpNetwork, CidrNotationIsRead) {
  good("127.0.0.0/8", "127.0.0.0/8");
  good("0.0.0.0/0", "0.0.0.0/0");
  good("192.0.2.1", "192.0.2.1/32");
  good("192.0.2.1/32", "192.0.2.1/32");
  good("192.0.2.128/25", "192.0.2.128/25");
  good("2001:DB8::/32", "2001:db8::/32");
  good("::1", "::1/128");
  good("::/0", "::/0");
  good("2001:db8::8/125", "2001:db8::8/125");
}

TEST(IpNetwork, OtherTextIsRefusedWithItsReason) {
  bad("", "is not a network");
  bad("/8", "is not a network");
  bad("example.com/8", "is not a network");
  bad("10.0.0/8", "is not a network");
  bad("10.0.0.0/", "between 0 and 32");
  bad("10.0.0.0/33", "between 0 and 32");
  bad("10.0.0.0/-1", "between 0 and 32");
  bad("10.0.0.0/8/8", "between 0 and 32");
  bad("10.0.0.0/ 8", "between 0 and 32");
  bad("10.0.0.0/255.0.0.0", "between 0 and 32");
  bad("::/129", "between 0 and 128");
  bad("10.0.0.1/8", "bits set");
  bad("192.0.2.128/24", "bits set");
  bad("2001:db8::1/64", "bits set");
  bad("0.0.0.1/0", "bits set");
}

struct Case {
  const char* network;
  const char* address;
  bool inside;
};

TEST(IpNetwork, ContainsComparesThePrefixBitByBit) {
  for (const Case& c : std::initializer_list<Case>{{"127.0.0.0/8", "127.255.0.1", true},
                                                   {"127.0.0.0/8", "128.0.0.1", false},
                                                   {"192.0.2.128/25", "192.0.2.128", true},
                                                   {"192.0.2.128/25", "192.0.2.127", false},
                                                   {"172.16.0.0/12", "172.31.255.255", true},
                                                   {"172.16.0.0/12", "172.32.0.0", false},
                                                   {"192.0.2.1", "192.0.2.1", true},
                                                   {"192.0.2.1", "192.0.2.2", false},
                                                   {"0.0.0.0/0", "203.0.113.9", true},
                                                   {"0.0.0.0/0", "::", false},
                                                   {"::/0", "0.0.0.0", false},
                                                   {"::/0", "2001:db8::1", true},
                                                   {"2001:db8::/33", "2001:db8:7fff::1", true},
                                                   {"2001:db8::/33", "2001:db8:8000::1", false},
                                                   {"127.0.0.0/8", "::ffff:127.0.0.1", true},
                                                   {"::1", "::1", true},
                                                   {"::1", "::2", false}}) {
    const auto network = IpNetwork::parse(c.network);
    ASSERT_TRUE(network.ok());
    EXPECT_EQ(network->contains(IpAddress::parse(c.address).value()), c.inside)
        << c.network << ' ' << c.address;
  }
}

}  // namespace
}  // namespace tlsrpt::policy
