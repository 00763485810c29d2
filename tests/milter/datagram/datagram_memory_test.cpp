#include "milter/datagram/datagram_memory.h"

#include <gtest/gtest.h>

namespace tlsrpt::milter {
namespace {

DatagramFacts facts_of(const std::string& domain) {
  DatagramFacts facts;
  facts.domain = domain;
  return facts;
}

ReceivedDatagram received(std::string_view octets, std::uint64_t text = 0) {
  ReceivedDatagram datagram;
  datagram.octets = octets;
  datagram.text = text;
  return datagram;
}

// The domain that MEMORY remembers; empty: nothing.
std::string remembered(DatagramMemory& memory, const ReceivedDatagram& datagram) {
  const SharedFacts facts = memory.find(datagram);
  return facts != nullptr ? facts->domain : "";
}

TEST(DatagramMemoryTest, KnowsWhatIsTheSameOctetForOctet) {
  DatagramMemory memory;
  const std::string_view binary("on\0e", 4);
  EXPECT_EQ(memory.find(received("one")), nullptr);
  EXPECT_EQ(memory.keep(received("one"), facts_of("a.example"))->domain, "a.example");
  EXPECT_EQ(memory.keep(received(binary), facts_of("b.example"))->domain, "b.example");
  EXPECT_EQ(remembered(memory, received("one")), "a.example");
  EXPECT_EQ(remembered(memory, received(binary)), "b.example");
  EXPECT_EQ(memory.find(received("one ")), nullptr);
}

TEST(DatagramMemoryTest, KnowsATextByAnyNumberOfIts) {
  DatagramMemory memory;
  memory.keep(received("one", 1), facts_of("a.example"));
  memory.keep(received("two", 2), facts_of("b.example"));
  EXPECT_EQ(remembered(memory, received("one", 1)), "a.example");
  EXPECT_EQ(remembered(memory, received("two", 2)), "b.example");
  EXPECT_EQ(remembered(memory, received("one", 30)), "a.example");
  EXPECT_EQ(remembered(memory, received("one", 30)), "a.example");
  EXPECT_EQ(memory.find(received("three", 40)), nullptr);
  for (std::uint64_t number = 50; number < 200000; ++number)
    EXPECT_EQ(remembered(memory, received("two", number)), "b.example");
  EXPECT_EQ(remembered(memory, received("one", 1)), "a.example");
}

TEST(DatagramMemoryTest, ALongOneIsReadEachTime) {
  DatagramMemory memory;
  const std::string octets(DatagramMemory::max_length + 1, 'x');
  EXPECT_EQ(memory.keep(received(octets, 1), facts_of("a.example"))->domain, "a.example");
  EXPECT_EQ(memory.find(received(octets, 1)), nullptr);
}

TEST(DatagramMemoryTest, IsBounded) {
  DatagramMemory memory;
  const auto text = [](std::size_t number) {
    std::string octets = std::to_string(number);
    return octets.append(DatagramMemory::max_length - octets.size(), ' ');
  };
  constexpr std::size_t many = 3 * DatagramMemory::max_octets / DatagramMemory::max_length;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < many; ++i)
    memory.keep(received(text(i), i + 1), facts_of(std::to_string(i)));
  for (std::size_t i = 0; i < many; ++i) {
    const std::string domain = remembered(memory, received(text(i), i + 1));
    if (domain.empty()) continue;
    ++kept;
    EXPECT_EQ(domain, std::to_string(i));
  }
  EXPECT_LE(kept * DatagramMemory::max_length, DatagramMemory::max_octets);
  EXPECT_EQ(remembered(memory, received(text(many - 1))), std::to_string(many - 1));
}

}  // namespace
}  // namespace tlsrpt::milter
