// Absence: a log that is not where it should be, and for so long that it is no rotation. A value.
#pragma once

#include <chrono>
#include <optional>

namespace tlsrpt::milter {

class Absence {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  // Rotation takes seconds; but some syslog daemons make the new file with its first line only, and
  // a relay may have nothing to log for a while.
  static constexpr std::chrono::minutes patience{2};

  // Whether it has been missing for too long, now that it IS_THERE or not.
  bool is_too_long(bool is_there, Instant now) {
    if (is_there) {
      since_.reset();
      return false;
    }
    if (!since_) since_ = now;
    return now - *since_ >= patience;
  }

 private:
  std::optional<Instant> since_;
};

}  // namespace tlsrpt::milter
