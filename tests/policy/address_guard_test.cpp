#include "policy/address_guard.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tlsrpt::policy {
namespace {

IpAddress address(std::string_view text) { return IpAddress::parse(text).value(); }

std::vector<IpNetwork> networks(std::initializer_list<const char*> texts) {
  std::vector<IpNetwork> out;
  for (const char* text : texts) out.push_back(*IpNetwork::parse(text));
  return out;
}

const AddressGuard& plain_guard() {
  static const AddressGuard guard({}, {address("198.51.100.25"), address("2001:db8::25")});
  return guard;
}

void refused(std::string_view text, std::string_view reason) {
  SCOPED_TRACE(text);
  const auto why = plain_guard().refusal(address(text));
  ASSERT_TRUE(why.has_value());
  EXPECT_NE(why->find(reason), std::string::npos) << *why;
}

void open(std::string_view text) {
  const auto why = plain_guard().refusal(address(text));
  EXPECT_FALSE(why.has_value()) << text << ' ' << *why;
}

// Requirements 7.2.
TEST(AddressGuard, Ipv4OfOurOwnNetworksIsRefused) {
  refused("127.0.0.1", "loopback");
  refused("127.255.255.254", "loopback");
  refused("10.0.0.1", "RFC 1918");
  refused("172.16.0.1", "RFC 1918");
  refused("172.31.255.255", "RFC 1918");
  refused("192.168.1.1", "RFC 1918");
  refused("100.64.0.1", "carrier-grade");
  refused("100.127.255.255", "carrier-grade");
  refused("169.254.169.254", "link-local");
  refused("0.0.0.0", "unspecified");
  refused("0.1.2.3", "unspecified");
  refused("224.0.0.251", "multicast");
  refused("239.255.255.255", "multicast");
  refused("240.0.0.1", "reserved");
  refused("255.255.255.255", "broadcast");
  refused("192.0.0.170", "IETF");
  refused("192.88.99.1", "6to4 relay");
}

TEST(AddressGuard, Ipv6OfOurOwnNetworksIsRefused) {
  refused("::1", "loopback");
  refused("::", "unspecified");
  refused("fe80::1", "link-local");
  refused("febf::1", "link-local");
  refused("fc00::1", "unique local");
  refused("fd12:3456::1", "unique local");
  refused("ff02::1", "multicast");
  refused("fec0::1", "global unicast");
  refused("::2", "global unicast");
  refused("::127.0.0.1", "global unicast");         // IPv4-compatible.
  refused("::ffff:0:127.0.0.1", "global unicast");  // IPv4-translated (SIIT).
  refused("100::1", "global unicast");              // Discard prefix.
  refused("4000::1", "global unicast");             // Unassigned.
}

TEST(AddressGuard, V4MappedIsJudgedAsIpv4) {
  refused("::ffff:127.0.0.1", "loopback");
  refused("::ffff:10.1.2.3", "RFC 1918");
  open("::ffff:203.0.113.1");
}

TEST(AddressGuard, TransitionAddressesAreJudgedByTheIpv4AddressInThem) {
  refused("64:ff9b::127.0.0.1", "NAT64 address for 127.0.0.1, which is a loopback");
  refused("64:ff9b::10.0.0.1", "NAT64");
  refused("64:ff9b::169.254.169.254", "NAT64");
  refused("64:ff9b::198.51.100.25", "which is an address of this host");
  open("64:ff9b::203.0.113.1");
  refused("64:ff9b:1::10.0.0.1", "local NAT64");
  refused("64:ff9b:1:abcd::192.168.0.1", "local NAT64");
  refused("64:ff9b:1:a00:0:100::", "unknown layout");   // 10.0.0.1 behind a /48.
  refused("64:ff9b:1:ab:a:0:100:0", "unknown layout");  // 10.0.0.1 behind a /64.
  open("64:ff9b:1::203.0.113.1");
  refused("2002:7f00:1::1", "6to4 address for 127.0.0.1");
  refused("2002:c0a8:101::1", "6to4 address for 192.168.1.1");
  open("2002:cb00:7101::1");
  refused("2001:0:7f00:1::", "Teredo address for 127.0.0.1");              // Server.
  refused("2001:0:cb00:7101::80ff:fffe", "Teredo address for 127.0.0.1");  // Client, inverted.
  open("2001:0:cb00:7101::34ff:8efe");
}

TEST(AddressGuard, NeighboursOfRefusedNetworksAreOpen) {
  for (const char* text : {"1.0.0.1",       "9.255.255.255",   "11.0.0.0",        "100.63.255.255",
                           "100.128.0.0",   "126.255.255.255", "128.0.0.1",       "169.253.255.255",
                           "169.255.0.1",   "172.15.255.255",  "172.32.0.0",      "192.167.255.255",
                           "192.169.0.0",   "192.0.1.1",       "223.255.255.255", "203.0.113.1",
                           "198.51.100.24", "198.51.100.26",   "2000::1",         "2001:db8::24",
                           "2003::1",       "2a00:1450::1",    "3fff:ffff::1"}) {
    open(text);
  }
}

TEST(AddressGuard, TheHostsOwnAddressesAreRefused) {
  refused("198.51.100.25", "of this host");
  refused("2001:db8::25", "of this host");
}

TEST(AddressGuard, AllowedNetworksAreOpenWhateverElseSaysNo) {
  const AddressGuard guard(networks({"127.0.0.0/8", "198.51.100.25", "fd00::/8"}),
                           {address("198.51.100.25"), address("127.0.0.1")});
  EXPECT_FALSE(guard.refusal(address("127.0.0.1")));
  EXPECT_FALSE(guard.refusal(address("127.9.9.9")));
  EXPECT_FALSE(guard.refusal(address("::ffff:127.0.0.1")));
  EXPECT_FALSE(guard.refusal(address("198.51.100.25")));
  EXPECT_FALSE(guard.refusal(address("fd00::1")));
  EXPECT_TRUE(guard.refusal(address("fc00::1")));
  EXPECT_TRUE(guard.refusal(address("10.0.0.1")));
  EXPECT_TRUE(guard.refusal(address("::1")));
  // Only the address itself is compared: a gateway may lead anywhere.
  EXPECT_TRUE(guard.refusal(address("64:ff9b::127.0.0.1")));
}

TEST(AddressGuard, OwnAddressesComeFromTheInterfaces) {
  const auto own = own_addresses();
  ASSERT_TRUE(own.ok()) << own.error().message();
  EXPECT_NE(std::find(own->begin(), own->end(), address("127.0.0.1")), own->end());
}

}  // namespace
}  // namespace tlsrpt::policy
