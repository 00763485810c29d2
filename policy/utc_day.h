// UTC days and instants as the report needs them: std::chrono values and their RFC 3339 texts.
//
// Local time appears nowhere here: RFC 8460, 4.1 counts in UTC days.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tlsrpt::policy {

// A UTC day, and an instant with the resolution that logs and stores keep.
using UtcDay = std::chrono::sys_days;
using UtcSeconds = std::chrono::sys_seconds;

inline UtcDay day_of(UtcSeconds instant) { return std::chrono::floor<std::chrono::days>(instant); }
inline std::int64_t unix_seconds(UtcSeconds instant) { return instant.time_since_epoch().count(); }
inline UtcSeconds from_unix_seconds(std::int64_t seconds) {
  return UtcSeconds(std::chrono::seconds(seconds));
}

// "2026-11-22"; years outside 0000 to 9999 are clamped to them.
std::string to_text(UtcDay day);
// "2026-11-22T10:00:00Z" (RFC 3339, 5.6: upper-case T and Z, no fraction).
std::string to_text(UtcSeconds instant);
// The day that exactly "YYYY-MM-DD" names, none for any other text or an impossible date.
std::optional<UtcDay> parse_day(std::string_view text);
// The instant that exactly "YYYY-MM-DDTHH:MM:SSZ" names.
std::optional<UtcSeconds> parse_instant(std::string_view text);

}  // namespace tlsrpt::policy
