// FakeClock: a Clock that stands still until the test moves it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "policy/utc_day.h"
#include "reporter/clock.h"

namespace tlsrpt::testing_support {

// "2026-11-22T10:00:00Z" as an instant; a misspelt one is a fault of the test.
inline policy::UtcSeconds at(std::string_view instant) {
  const auto parsed = policy::parse_instant(instant);
  if (!parsed) throw std::invalid_argument("not an instant: " + std::string(instant));
  return *parsed;
}

// "2026-11-22" as a day.
inline policy::UtcDay day(std::string_view text) {
  const auto parsed = policy::parse_day(text);
  if (!parsed) throw std::invalid_argument("not a day: " + std::string(text));
  return *parsed;
}

// Any thread may read and move it.
class FakeClock : public reporter::Clock {
 public:
  explicit FakeClock(policy::UtcSeconds now) : seconds_(policy::unix_seconds(now)) {}
  explicit FakeClock(std::string_view now) : FakeClock(at(now)) {}

  policy::UtcSeconds now() const override { return policy::from_unix_seconds(seconds_); }

  void set(policy::UtcSeconds now) { seconds_ = policy::unix_seconds(now); }
  void set(std::string_view now) { set(at(now)); }
  void advance(std::chrono::seconds by) { seconds_ += by.count(); }

 private:
  std::atomic<std::int64_t> seconds_;
};

}  // namespace tlsrpt::testing_support
