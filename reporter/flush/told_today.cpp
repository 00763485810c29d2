#include "reporter/flush/told_today.h"

#include <chrono>

#include "reporter/flush/flush_schedule.h"

namespace tlsrpt::reporter {

bool is_news(Store& store, const std::string& text, policy::UtcSeconds now) {
  const std::string name = "told: " + text;
  const auto told = store.remembered(name);
  const bool is_known = told.ok() && *told && now < **told + std::chrono::days(1) &&
                        now > **told - clocks_differ;  // Not told by a clock that was ahead.
  if (is_known) return false;
  (void)store.remember(name, now);
  return true;
}

}  // namespace tlsrpt::reporter
