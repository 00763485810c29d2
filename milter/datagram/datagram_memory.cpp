#include "milter/datagram/datagram_memory.h"

#include <utility>

namespace tlsrpt::milter {
namespace {

// Each segment of the journal has numbers of its own for the same texts.
constexpr std::size_t max_numbers = 50000;

}  // namespace

SharedFacts DatagramMemory::find(const ReceivedDatagram& datagram) {
  if (datagram.octets.size() > max_length) return nullptr;
  if (datagram.text != 0) {
    if (const auto known = by_text_.find(datagram.text); known != by_text_.end())
      return known->second;
  }
  const auto found = known_.find(datagram.octets);
  return found == known_.end() ? nullptr : note_number(datagram, found->second);
}

SharedFacts DatagramMemory::keep(const ReceivedDatagram& datagram, DatagramFacts facts) {
  const std::string_view octets = datagram.octets;
  auto shared = share_facts(std::move(facts));
  if (octets.size() > max_length) return shared;
  if (octets_ + octets.size() > max_octets) {
    known_.clear();
    by_text_.clear();
    octets_ = 0;
  }
  octets_ += octets.size();
  return note_number(datagram, known_.emplace(octets, std::move(shared)).first->second);
}

SharedFacts DatagramMemory::note_number(const ReceivedDatagram& datagram,
                                        const SharedFacts& facts) {
  if (datagram.text == 0) return facts;
  if (by_text_.size() >= max_numbers) by_text_.clear();
  by_text_.emplace(datagram.text, facts);
  return facts;
}

}  // namespace tlsrpt::milter
