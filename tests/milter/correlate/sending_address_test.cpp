#include "milter/correlate/sending_address.h"

#include <gtest/gtest.h>

#include <string>

namespace tlsrpt::milter {
namespace {

policy::IpAddress ip(const char* text) {
  const auto parsed = policy::IpAddress::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(policy::IpAddress());
}

TEST(SendingAddress, NamedAddressesComeFirstByFamily) {
  SendingAddress address({ip("192.0.2.1"), ip("192.0.2.2"), ip("2001:db8::1")});
  EXPECT_EQ(address.for_mx("203.0.113.5"), "192.0.2.1");
  EXPECT_EQ(address.for_mx("2001:db8:5::5"), "2001:db8::1");
}

TEST(SendingAddress, TheKernelKnowsTheRoute) {
  SendingAddress address({});
  EXPECT_EQ(address.for_mx("127.0.0.9"), "127.0.0.1");
  EXPECT_EQ(address.for_mx("127.0.0.9"), "127.0.0.1");  // remembered
  SendingAddress only_v6({ip("2001:db8::1")});
  EXPECT_EQ(only_v6.for_mx("127.0.0.9"), "127.0.0.1");
}

TEST(SendingAddress, WhatIsNoAddressHasNone) {
  SendingAddress address({ip("192.0.2.1")});
  for (const char* bad : {"", "mx.example", "192.0.2", "unknown"}) {
    EXPECT_EQ(address.for_mx(bad), "") << bad;
  }
}

TEST(SendingAddress, WithoutRouteThereIsNone) {
  // Multicast and broadcast are no destinations of a plain socket.
  EXPECT_FALSE(route_source(ip("255.255.255.255")));
}

TEST(SendingAddress, MemoryIsBounded) {
  SendingAddress address({});
  for (int i = 0; i < 12'000; ++i) {
    const std::string mx = "127.0." + std::to_string(i / 250) + "." + std::to_string(1 + i % 250);
    ASSERT_EQ(address.for_mx(mx), "127.0.0.1");
  }
}

}  // namespace
}  // namespace tlsrpt::milter
