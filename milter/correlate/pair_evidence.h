// PairEvidence: what the pairs of late tell of stamps and pids, for DatagramJoin.
//
// Minute by minute of the log it counts the lines that found a datagram: one of their pid or of
// another process, and knows the last one that found one of its moment. From it follows, for the
// surroundings of one line,
//
//  - whether pids of log and datagrams are the same: where all but a few pairs have two, Postfix
//    runs in a container whose log has its own; where a part has, one of several does;
//  - whether stamps are: a log that is read with a wrong time zone, or that shows an hour twice,
//    has no line that finds a datagram of its moment.
//
// Bounded: the last max_minutes. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "milter/correlate/state_codec.h"
#include "policy/utc_day.h"

namespace tlsrpt::milter {

class PairEvidence {
 public:
  // Twice as long as a line waits, and once more for an hour that is shown twice.
  static constexpr std::size_t max_minutes = 100;

  // Line NUMBER, stamped AT, found a datagram, of its pid or of another, and of its moment or not.
  void add(std::uint64_t number, policy::UtcSeconds at, bool same_pid, bool same_moment);
  // Whether all but a few of the pairs that are near AT have two pids, and there are some.
  bool all_pids_differ(policy::UtcSeconds at) const;
  // Whether a part of them has that is no accident, or this MAY_BE_FIRST and there are few.
  bool some_pids_differ(policy::UtcSeconds at, bool may_be_first) const;
  // Whether, in the ten minutes after line NUMBER, stamped AT, some line found a datagram of its
  // moment.
  bool stamps_agree(std::uint64_t number, policy::UtcSeconds at) const;

  void clear() { minutes_.clear(); }
  void write(StateWriter& writer) const;
  void read(StateReader& reader);

 private:
  struct Minute {
    policy::UtcSeconds begin{};
    std::uint64_t last_line = 0;  // Of those with a datagram of their moment.
    std::uint64_t same_pid = 0;
    std::uint64_t other_pid = 0;
  };
  // How many pairs near AT have one pid, and how many have two.
  struct Pids {
    std::uint64_t same = 0;
    std::uint64_t other = 0;
  };
  Pids pids_near(policy::UtcSeconds at) const;

  std::deque<Minute> minutes_;  // In the order in which they began.
};

}  // namespace tlsrpt::milter
