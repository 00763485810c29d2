// FlushClock: the time as a flush sees it, and how far it can be believed.
//
// Clocks jump: a battery is empty, a virtual machine wakes up, somebody sets the wrong year.
// Whatever a flush does too early can be mended by the next one (a supplement, another attempt),
// but what it gives up for its age is gone: sessions too old to be reported, deliveries that
// expire, zones that count as without record, days that are pruned. So giving up goes by
// believed(), which follows the wall clock only where flushes have seen it pass: a clock that leaps
// ahead is believed when it still says so most of a day later. Nothing is lost by believing late.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "policy/utc_day.h"
#include "reporter/clock.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {

// From one flush to the next, so much time may pass without doubt. Longer than any usual cron.
inline constexpr std::chrono::hours undoubted_step{2};
// A clock that leapt ahead is believed so much later; less than a day, for a cron once a day.
inline constexpr std::chrono::hours doubt_lasts{20};
// Cron jobs are a day apart at most, and a host may be off for a weekend; a longer step is worth a
// word.
inline constexpr std::chrono::hours step_worth_a_word{72};

class FlushClock : public Clock {
 public:
  // CLOCK outlives the object. LAST: what the flush before this one kept, none for the first.
  FlushClock(const Clock& clock, const std::optional<FlushTime>& last);

  policy::UtcSeconds now() const override { return clock_.now(); }
  // The time by which things are given up for their age: at most now(), but for a clock set back.
  policy::UtcSeconds believed() const;

  // What is to be kept for the next flush.
  const FlushTime& kept() const { return kept_; }
  // It was set back since the last flush: what lies ahead of now() was written by a wrong clock.
  bool went_back() const { return went_back_; }
  // The wall clock of the flush before this one, none for the first.
  const std::optional<policy::UtcSeconds>& last_seen() const { return last_seen_; }
  // What an operator should know about it; empty: nothing.
  const std::string& warning() const { return warning_; }

 private:
  const Clock& clock_;
  FlushTime kept_;
  bool went_back_ = false;
  std::optional<policy::UtcSeconds> last_seen_;
  std::string warning_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

}  // namespace tlsrpt::reporter
