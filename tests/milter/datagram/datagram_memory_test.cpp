#include "milter/datagram/datagram_memory.h"

#include <gtest/gtest.h>

namespace tlsrpt::milter {
namespace {

DatagramFacts facts_of(const std::string& domain) {
  DatagramFacts facts;
  facts.domain = domain;
  return facts;
}

TEST(DatagramMemoryTest, KnowsWhatIsTheSameOctetForOctet) {
  DatagramMemory memory;
  EXPECT_EQ(memory.find("one"), nullptr);
  EXPECT_EQ(memory.keep("one", facts_of("a.example")).domain, "a.example");
  EXPECT_EQ(memory.keep(std::string("on\0e", 4), facts_of("b.example")).domain, "b.example");
  ASSERT_NE(memory.find("one"), nullptr);
  EXPECT_EQ(memory.find("one")->domain, "a.example");
  EXPECT_EQ(memory.find(std::string("on\0e", 4))->domain, "b.example");
  EXPECT_EQ(memory.find("one "), nullptr);
}

TEST(DatagramMemoryTest, ALongOneIsReadEachTime) {
  DatagramMemory memory;
  const std::string octets(DatagramMemory::max_length + 1, 'x');
  EXPECT_EQ(memory.keep(octets, facts_of("a.example")).domain, "a.example");
  EXPECT_EQ(memory.find(octets), nullptr);
}

TEST(DatagramMemoryTest, IsBounded) {
  DatagramMemory memory;
  const auto text = [](std::size_t number) {
    std::string octets = std::to_string(number);
    return octets.append(DatagramMemory::max_length - octets.size(), ' ');
  };
  constexpr std::size_t many = 3 * DatagramMemory::max_octets / DatagramMemory::max_length;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < many; ++i) memory.keep(text(i), facts_of("a.example"));
  for (std::size_t i = 0; i < many; ++i) kept += memory.find(text(i)) != nullptr ? 1U : 0U;
  EXPECT_LE(kept * DatagramMemory::max_length, DatagramMemory::max_octets);
  EXPECT_NE(memory.find(text(many - 1)), nullptr);
}

}  // namespace
}  // namespace tlsrpt::milter
