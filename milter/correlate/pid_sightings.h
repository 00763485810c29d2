// PidSightings: when which pid was seen, for DatagramJoin: one for lines and one for datagrams.
//
// A pid that both have is that of one process: it never takes what is another's. Only of pids that
// the other side does not show may a line and a datagram be of one process nevertheless: it runs in
// a container whose log has its own.
//
// Stamps may come in any order. Bounded: of more than max_lives the older half is forgotten, and so
// not seen. One thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "milter/correlate/state_codec.h"
#include "policy/utc_day.h"

namespace tlsrpt::milter {

class PidSightings {
 public:
  static constexpr std::size_t max_lives = 4096;
  // What is closer is one life of a process. Nobody asks seen() for a shorter time.
  static constexpr std::chrono::minutes max_gap{10};

  void add(std::int64_t pid, policy::UtcSeconds at);
  // Whether PID was seen between FROM and TO, which are at least max_gap apart.
  bool seen(std::int64_t pid, policy::UtcSeconds from, policy::UtcSeconds to) const;
  // What ended MEMORY before NOW, and before the last of them: the other clock may be ahead.
  void forget_old(policy::UtcSeconds now, std::chrono::seconds memory);

  void clear();
  void write(StateWriter& writer) const;
  void read(StateReader& reader);

 private:
  struct Life {
    policy::UtcSeconds first{};
    policy::UtcSeconds last{};
  };

  std::vector<policy::UtcSeconds> ends() const;
  void forget_before(policy::UtcSeconds at);

  std::map<std::int64_t, std::vector<Life>> lives_;
  std::size_t size_ = 0;  // Of all lives.
};

}  // namespace tlsrpt::milter
