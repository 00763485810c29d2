// How values are kept in SQLite columns: days and seconds since 1970-01-01 (UTC), notes as UTF-8.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "policy/utc_day.h"

namespace tlsrpt::reporter {

// Bounds for columns that become narrower types.
inline constexpr std::int64_t max_uint32 = std::numeric_limits<std::uint32_t>::max();
inline constexpr std::int64_t least_day = std::numeric_limits<std::int32_t>::min();
inline constexpr std::int64_t most_day = std::numeric_limits<std::int32_t>::max();

inline std::int64_t number_of(policy::UtcDay day) { return day.time_since_epoch().count(); }

// REQUIRES: least_day <= number <= most_day.
inline policy::UtcDay to_day(std::int64_t number) {
  return policy::UtcDay(std::chrono::days(static_cast<std::int32_t>(number)));
}

inline std::optional<std::int64_t> to_seconds(std::optional<policy::UtcSeconds> instant) {
  if (!instant) return std::nullopt;
  return policy::unix_seconds(*instant);
}

// Longest note or error kept; they are shown in tables.
inline constexpr std::size_t max_note = 1000;

// TEXT as it is kept to be shown: bytes that are not UTF-8 escaped, at most max_note bytes, and no
// character cut in two.
std::string to_note(std::string_view text);

}  // namespace tlsrpt::reporter
