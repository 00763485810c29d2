// Backoff: when something that failed is worth trying again. A value.
#pragma once

#include <algorithm>
#include <chrono>

namespace tlsrpt::milter {

class Backoff {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  // What failed for the first time is tried again soon; what keeps failing costs next to nothing.
  static constexpr std::chrono::seconds first_wait{1};
  static constexpr std::chrono::seconds longest_wait{30};

  bool may_try(Instant now) const { return now >= next_; }
  void failed(Instant now) {
    next_ = now + wait_;
    wait_ = std::min(2 * wait_, longest_wait);
  }
  void succeeded() { *this = Backoff(); }

 private:
  Instant next_{};
  std::chrono::seconds wait_ = first_wait;
};

}  // namespace tlsrpt::milter
