#include "reporter/flush/flush_clock.h"

#include <algorithm>

#include "reporter/flush/flush_schedule.h"

namespace tlsrpt::reporter {

FlushClock::FlushClock(const Clock& clock, const std::optional<FlushTime>& last) : clock_(clock) {
  const policy::UtcSeconds now = clock.now();
  kept_.seen = kept_.believed = now;
  if (!last) return;
  last_seen_ = last->seen;
  went_back_ = now < last->seen - clocks_differ;
  if (went_back_) {
    warning_ = "the clock was set back: the last flush was at " + policy::to_text(last->seen) +
               ", now it is " + policy::to_text(now);
  }
  if (now <= last->believed + undoubted_step) return;
  if (last->doubted_since && now >= *last->doubted_since + doubt_lasts) return;
  kept_.believed = last->believed;
  kept_.doubted_since = last->doubted_since.value_or(now);
  // A clock that was doubted, but then set back, begins anew.
  if (went_back_) kept_.doubted_since = now;
  if (!last->doubted_since && !went_back_ && now > last->seen + step_worth_a_word) {
    warning_ = "the last flush was at " + policy::to_text(last->seen) +
               "; if the clock is right, all is well, and nothing is given up for its age before " +
               policy::to_text(now + doubt_lasts);
  }
}

policy::UtcSeconds FlushClock::believed() const {
  // The wall clock may leap while we run, too.
  const auto passed =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - started_);
  const auto most = kept_.believed + passed + undoubted_step;
  if (kept_.doubted_since) return std::min(now(), kept_.believed + passed);
  return std::min(now(), most);
}

}  // namespace tlsrpt::reporter
