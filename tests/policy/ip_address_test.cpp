#include "policy/ip_address.h"

#include <gtest/gtest.h>

namespace tlsrpt::policy {
namespace {

void good(std::string_view text, std::string_view expected) {
  SCOPED_TRACE(text);
  const auto address = IpAddress::parse(text);
  ASSERT_TRUE(address.has_value());
  EXPECT_EQ(address->text(), expected);
  EXPECT_EQ(IpAddress::parse(expected), address);
}

void bad(std::string_view text) {
  const auto address = IpAddress::parse(text);
  EXPECT_FALSE(address.has_value()) << text << " was read as " << address->text();
}

TEST(IpAddress, Ipv4IsDottedQuadWithoutLeadingZeros) {
  good("192.0.2.1", "192.0.2.1");
  good("0.0.0.0", "0.0.0.0");
  good("255.255.255.255", "255.255.255.255");
  EXPECT_TRUE(IpAddress::parse("192.0.2.1")->is_v4());
  for (const char* text : {"",
                           "1",
                           "1.2",
                           "1.2.3",
                           "1.2.3.4.5",
                           "1.2.3.",
                           ".1.2.3.4",
                           "256.0.0.1",
                           "01.2.3.4",
                           "1.2.3.04",
                           "0x7f.0.0.1",
                           "1.2.3.4 ",
                           " 1.2.3.4",
                           "1.2.3.4%eth0",
                           "1.2.3.4:25",
                           "1.2.3.-4",
                           "IPv6:1.2.3.4",
                           "[1.2.3.4]",
                           "example.com",
                           "1234567890123456789012345678901234567890"}) {
    bad(text);
  }
  bad(std::string_view("1.2.3.4\0", 8));
}

TEST(IpAddress, Ipv6TextFollowsRfc5952) {
  good("2001:DB8:0:0:0:0:0:1", "2001:db8::1");           // 4.2.1, 4.3
  good("2001:0db8::0001", "2001:db8::1");                // 4.1
  good("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1");  // 4.2.2
  good("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1");   // 4.2.2
  good("2001:0:0:1:0:0:0:1", "2001:0:0:1::1");           // 4.2.3
  good("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1");     // 4.2.3, first of equals
  good("::", "::");
  good("::1", "::1");
  good("1::", "1::");
  good("0:0:1:0:0:0:0:0", "0:0:1::");
  good("1:0:0:0:0:0:0:0", "1::");
  good("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8");
  good("1:2:3:4:5:6:0:0", "1:2:3:4:5:6::");
  good("64:ff9b::192.0.2.33", "64:ff9b::c000:221");
  good("::192.0.2.33", "::c000:221");
  good("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  EXPECT_FALSE(IpAddress::parse("::1")->is_v4());
}

TEST(IpAddress, TagAndZoneAreDropped) {
  good("IPv6:2001:db8::1", "2001:db8::1");
  good("ipv6:::1", "::1");
  good("fe80::1%eth0", "fe80::1");
  good("IPv6:fe80::1%2", "fe80::1");
  bad("fe80::1%");
  bad("IPv6:");
}

TEST(IpAddress, V4MappedIsTheIpv4Address) {
  good("::ffff:192.0.2.1", "192.0.2.1");
  good("::FFFF:c000:201", "192.0.2.1");
  good("0:0:0:0:0:ffff:127.0.0.1", "127.0.0.1");
  EXPECT_EQ(*IpAddress::parse("::ffff:192.0.2.1"), IpAddress::v4({192, 0, 2, 1}));
  EXPECT_EQ(IpAddress::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 1}).text(),
            "10.0.0.1");
}

TEST(IpAddress, BrokenIpv6IsRefused) {
  for (const char* text : {":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
                           "12345::", "g::1", "::1.2.3", "::01.2.3.4", "1:2:3:4:5:6:7::8:9",
                           "2001:db8::1/64", "[::1]", "::1 ", " ::1", "IPv6: ::1"}) {
    bad(text);
  }
  bad(std::string_view("::1\0", 4));
}

TEST(IpAddress, PrivateAddressesAreKnownByTheirNetworks) {
  for (const char* text : {"10.0.0.0",
                           "10.255.255.255",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.168.0.1",
                           "192.168.255.255",
                           "100.64.0.0",
                           "100.127.255.255",
                           "127.0.0.1",
                           "127.9.9.9",
                           "169.254.0.1",
                           "169.254.169.254",
                           "0.0.0.0",
                           "0.1.2.3",
                           "224.0.0.1",
                           "239.255.255.255",
                           "::",
                           "::1",
                           "fe80::1",
                           "febf::1",
                           "fec0::1",
                           "fc00::1",
                           "fdff:ffff::1",
                           "ff02::1",
                           "::ffff:10.0.0.1"}) {
    EXPECT_TRUE(IpAddress::parse(text)->is_private()) << text;
  }
}

TEST(IpAddress, PublicAndDocumentationAddressesAreNotPrivate) {
  for (const char* text : {"9.255.255.255",
                           "11.0.0.0",
                           "172.15.255.255",
                           "172.32.0.0",
                           "192.167.255.255",
                           "192.169.0.0",
                           "100.63.255.255",
                           "100.128.0.0",
                           "126.255.255.255",
                           "128.0.0.0",
                           "169.253.255.255",
                           "169.255.0.0",
                           "1.0.0.0",
                           "223.255.255.255",
                           "192.0.2.1",
                           "198.51.100.1",
                           "203.0.113.1",
                           "198.18.0.1",
                           "198.19.255.255",
                           "2001:db8::1",
                           "::2",
                           "1::",
                           "fbff::1",
                           "fe00::1",
                           "fe7f::1",
                           "2a00:1450::1",
                           "64:ff9b::a00:1"}) {
    EXPECT_FALSE(IpAddress::parse(text)->is_private()) << text;
  }
}

}  // namespace
}  // namespace tlsrpt::policy
