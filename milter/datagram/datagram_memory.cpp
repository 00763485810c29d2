#include "milter/datagram/datagram_memory.h"

#include <utility>

namespace tlsrpt::milter {

const DatagramFacts* DatagramMemory::find(std::string_view octets) const {
  if (octets.size() > max_length) return nullptr;
  const auto found = known_.find(octets);
  return found == known_.end() ? nullptr : &found->second;
}

const DatagramFacts& DatagramMemory::keep(std::string_view octets, DatagramFacts facts) {
  if (octets.size() > max_length) {
    unremembered_ = std::move(facts);
    return unremembered_;
  }
  if (octets_ + octets.size() > max_octets) {
    known_.clear();
    octets_ = 0;
  }
  octets_ += octets.size();
  return known_.emplace(octets, std::move(facts)).first->second;
}

}  // namespace tlsrpt::milter
