// RecentLines: the lines of a log that were counted last, so that the same ones are known in
// another log of the same relay that is read instead.
//
// A stamp has the second at best, and syslog's may differ from the journal's by one; so what lies
// about the newest stamp is known line by line, by pid and message, and only what lies before by
// its stamp. Bounded: of a relay so busy that they do not fit the older ones go. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "milter/correlate/state_codec.h"
#include "milter/log/log_line.h"
#include "policy/utc_day.h"

namespace tlsrpt::milter {

class RecentLines {
 public:
  // Lines that are known at once.
  static constexpr std::size_t max_lines = 1000;

  // To be called before lines are added: NEWEST is the newest stamp of all so far that are not of
  // the future, or not alone so; none: there is none. A line stamped long after that and NOW moves
  // nothing.
  void advance(std::optional<policy::UtcSeconds> newest, policy::UtcSeconds now);
  void add(policy::UtcSeconds at, const LogLine& line);
  // Of a line that is followed by max_lines others it is enough to say that it was there.
  void pass(policy::UtcSeconds at);

  // All lines stamped up to then are to be taken as known, others are asked for by take(). None:
  // nothing was ever added, or not by this version.
  std::optional<policy::UtcSeconds> known_until() const;
  // Whether LINE is known, whose stamp may differ from AT by two seconds. It then is no more: what
  // was added twice can be taken twice.
  bool take(policy::UtcSeconds at, const LogLine& line);
  // Without one line for each of OTHERS.
  void remove(const RecentLines& others);

  void write(StateWriter& writer) const;
  void read(StateReader& reader);

 private:
  struct Line {
    policy::UtcSeconds at{};
    std::uint64_t mark = 0;  // Of pid and message.
    friend bool operator==(const Line&, const Line&) = default;
  };
  static std::uint64_t mark_of(const LogLine& line);
  void keep(const Line& line);

  std::optional<policy::UtcSeconds> gone_until_;  // Newest stamp of those that are not kept.
  policy::UtcSeconds horizon_{};                  // Stamps beyond are of the future.
  policy::UtcSeconds latest_{};                   // Of lines_, or later.
  std::deque<Line> lines_;                        // In the order of the log.
};

}  // namespace tlsrpt::milter
