#include "milter/correlate/verify_memory.h"

#include <gtest/gtest.h>

namespace tlsrpt::milter {
namespace {

const policy::UtcSeconds noon = policy::from_unix_seconds(1795454222);

Peer peer_of(unsigned number) {
  Peer peer;
  peer.assign({"mx" + std::to_string(number) + ".example", "198.51.100.1", 25});
  return peer;
}

TEST(VerifyMemory, RemembersTheLastReasonOfAPeerForAnHour) {
  VerifyMemory memory;
  memory.remember("relay1", peer_of(1), noon, classify_verify_reason("num=62:x"));
  memory.remember("relay1", peer_of(1), noon, classify_verify_reason("num=10:x"));
  const auto recalled = memory.recall("relay1", peer_of(1), noon + verify_memory_time);
  ASSERT_TRUE(recalled);
  EXPECT_TRUE(recalled->outcome == policy::Outcome::certificate_expired);
  EXPECT_FALSE(
      memory.recall("relay1", peer_of(1), noon + verify_memory_time + std::chrono::seconds(1)));
  EXPECT_FALSE(memory.recall("relay2", peer_of(1), noon));
  EXPECT_FALSE(memory.recall("relay1", peer_of(2), noon));
}

TEST(VerifyMemory, TheOldestGoesFirst) {
  VerifyMemory memory;
  for (unsigned number = 0; number <= max_verify_memory; ++number)
    memory.remember("relay1", peer_of(number), noon, classify_verify_reason("num=10:x"));
  EXPECT_FALSE(memory.recall("relay1", peer_of(0), noon));
  EXPECT_TRUE(memory.recall("relay1", peer_of(1), noon));
}

}  // namespace
}  // namespace tlsrpt::milter
