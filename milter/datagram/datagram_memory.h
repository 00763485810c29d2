// DatagramMemory: what datagrams have said that came lately.
//
// A datagram bears neither time nor number: of one domain with one result all are the same, octet
// for octet, and most need not be read again. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "milter/datagram/datagram_facts.h"
#include "milter/datagram/received_datagram.h"
#include "policy/text_hash.h"

namespace tlsrpt::milter {

class DatagramMemory {
 public:
  // Longer ones are not worth their place; beyond max_octets of them all are forgotten.
  static constexpr std::size_t max_length = 4096;
  static constexpr std::size_t max_octets = 4UL * 1024 * 1024;

  // What DATAGRAM says; null: that is not remembered.
  SharedFacts find(const ReceivedDatagram& datagram);
  // Remembers that DATAGRAM, which find() does not know, says FACTS; returns them.
  SharedFacts keep(const ReceivedDatagram& datagram, DatagramFacts facts);

 private:
  SharedFacts note_number(const ReceivedDatagram& datagram, const SharedFacts& facts);

  std::unordered_map<std::string, SharedFacts, policy::TextHash, std::equal_to<>> known_;
  std::size_t octets_ = 0;                                  // Of all of them.
  std::unordered_map<std::uint64_t, SharedFacts> by_text_;  // Of known_.
};

}  // namespace tlsrpt::milter
