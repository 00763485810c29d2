// LocalTime: clock readings of a time zone that were written without their offset, as instants.
//
// The zone's rules come from the system's tz database (absl::TimeZone, which also reads the slim
// files that end in a rule; it looks nothing up in the network). A value: copies are independent.
// One thread.
#pragma once

#include <absl/time/time.h>

#include <chrono>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "policy/result.h"
#include "policy/utc_day.h"

namespace tlsrpt::milter {

class LocalTime {
 public:
  struct Reading {
    policy::UtcSeconds instant{};
    // The clock showed this reading twice; which pass it was is a guess.
    bool repeated = false;
  };

  // The zone with an IANA name such as "Europe/Berlin"; an empty NAME: the system's (TZ, else
  // /etc/localtime, else UTC). Errc::not_found: no such zone in the system's database.
  static policy::Result<LocalTime> of_zone(const std::string& name);

  // The instant of READING, remembering it. In an hour that daylight saving time repeats: the first
  // pass, until a reading goes back by more than 30 minutes; then the second. A skipped reading is
  // that of a clock which has not been moved yet.
  Reading read(std::chrono::local_seconds reading);
  // The same in the first pass, remembering nothing.
  Reading peek(std::chrono::local_seconds reading);

  // What must be kept to go on where another LocalTime of the same zone stopped: one word, or
  // empty.
  std::string state() const;
  // Goes on from state(); any other text: as fresh.
  void restore(std::string_view state);

 private:
  explicit LocalTime(absl::TimeZone zone) : zone_(zone) {}
  absl::TimeZone::TimeInfo look_up(std::chrono::local_seconds reading);

  absl::TimeZone zone_;
  // Readings from span_begin_ up to span_end_ are unique and have the offset span_offset_.
  std::chrono::local_seconds span_begin_ = std::chrono::local_seconds::max();
  std::chrono::local_seconds span_end_ = std::chrono::local_seconds::min();
  std::chrono::seconds span_offset_{};
  // The memory.
  std::optional<std::chrono::local_seconds> last_;
  bool second_pass_ = false;
};

}  // namespace tlsrpt::milter
