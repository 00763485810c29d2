#include "milter/correlate/domain_filter.h"

#include <gtest/gtest.h>

namespace tlsrpt::milter {
namespace {

using policy::Ignored;

TEST(DomainFilter, FoldsAndRemembersDomains) {
  DomainFilter filter({});
  EXPECT_EQ(filter.domain("A.Example.").domain, "a.example");
  EXPECT_EQ(filter.domain("A.Example.").domain, "a.example");
  EXPECT_FALSE(filter.domain("a.example").ignored);
  EXPECT_TRUE(filter.domain("[IPv6:2001:db8::1]").ignored == Ignored::address_literal);
  EXPECT_TRUE(filter.domain("").ignored == Ignored::invalid_domain);
  EXPECT_TRUE(filter.domain("a b.example").ignored == Ignored::invalid_domain);
  EXPECT_TRUE(filter.domain(std::string(300, 'a')).ignored == Ignored::invalid_domain);
}

TEST(DomainFilter, DocumentationNetworksAreNotPrivate) {
  DomainFilter filter({});
  const auto kind = [&](std::string_view address, std::uint16_t port = 25) {
    Peer peer;
    peer.assign({"mx.a.example", address, port});
    return filter.relay(peer);
  };
  for (const char* address :
       {"192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "2001:db8::1", "8.8.8.8"}) {
    EXPECT_FALSE(kind(address)) << address;
  }
  for (const char* address : {"10.1.2.3", "172.16.0.1", "192.168.0.1", "127.0.0.1", "169.254.0.1",
                              "::1", "fe80::1", "fd00::1"}) {
    EXPECT_TRUE(kind(address) == Ignored::private_address) << address;
  }
  EXPECT_TRUE(kind("198.51.100.1", 587) == Ignored::other_port);
}

TEST(DomainFilter, IgnoredRelaysAreHostsOrAddresses) {
  FilterOptions options;
  options.ignore_relays = {"hub.example", "198.51.100.9"};
  DomainFilter filter(options);
  Peer peer;
  peer.assign({"HUB.example", "198.51.100.1", 25});
  EXPECT_TRUE(filter.relay(peer) == Ignored::relay);
  peer.assign({"mx.a.example", "198.51.100.9", 25});
  EXPECT_TRUE(filter.relay(peer) == Ignored::relay);
  peer.assign({"mx.a.example", "198.51.100.1", 25});
  EXPECT_FALSE(filter.relay(peer));
}

}  // namespace
}  // namespace tlsrpt::milter
