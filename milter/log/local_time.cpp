#include "milter/log/local_time.h"

#include <algorithm>
#include <cstdint>

#include "policy/text.h"

namespace tlsrpt::milter {
namespace {

using std::chrono::local_seconds;
using std::chrono::seconds;

// Going back by more than this inside a repeated hour begins the second pass. Lines of several
// processes may be a little out of order; half an hour is no disorder.
constexpr std::chrono::minutes pass_step{30};
// Two readings of one repeated hour lie no further apart than this.
constexpr std::chrono::hours longest_fold{3};

absl::CivilSecond to_civil(local_seconds reading) {
  return absl::CivilSecond(1970, 1, 1) + reading.time_since_epoch().count();
}

local_seconds from_civil(absl::CivilSecond civil) {
  return local_seconds(seconds(civil - absl::CivilSecond(1970, 1, 1)));
}

policy::UtcSeconds to_instant(absl::Time time) {
  return policy::from_unix_seconds(absl::ToUnixSeconds(time));
}

}  // namespace

policy::Result<LocalTime> LocalTime::of_zone(const std::string& name) {
  if (name.empty()) return LocalTime(absl::LocalTimeZone());
  absl::TimeZone zone;
  if (!absl::LoadTimeZone(name, &zone)) {
    return policy::Error(policy::Errc::not_found,
                         "no time zone '" + name + "' in the system's tz database");
  }
  return LocalTime(zone);
}

// Asks the zone, and remembers the span of readings around a unique one that share its offset.
absl::TimeZone::TimeInfo LocalTime::look_up(local_seconds reading) {
  const absl::TimeZone::TimeInfo info = zone_.At(to_civil(reading));
  if (info.kind != absl::TimeZone::TimeInfo::UNIQUE) return info;
  span_offset_ = reading.time_since_epoch() - to_instant(info.pre).time_since_epoch();
  span_begin_ = local_seconds::min();
  span_end_ = local_seconds::max();
  absl::TimeZone::CivilTransition change;
  // One second later, for PrevTransition() looks strictly before.
  if (zone_.PrevTransition(info.pre + absl::Seconds(1), &change)) {
    span_begin_ = from_civil(std::max(change.from, change.to));
  }
  if (zone_.NextTransition(info.pre, &change)) {
    span_end_ = from_civil(std::min(change.from, change.to));
  }
  return info;
}

LocalTime::Reading LocalTime::peek(local_seconds reading) {
  if (reading >= span_begin_ && reading < span_end_) {
    return {policy::UtcSeconds(reading.time_since_epoch() - span_offset_), false};
  }
  const absl::TimeZone::TimeInfo info = look_up(reading);
  return {to_instant(info.pre), info.kind == absl::TimeZone::TimeInfo::REPEATED};
}

LocalTime::Reading LocalTime::read(local_seconds reading) {
  const std::optional<local_seconds> last = std::exchange(last_, reading);
  Reading result = peek(reading);
  if (!result.repeated) {
    second_pass_ = false;
    return result;
  }
  if (!last || reading - *last > longest_fold || *last - reading > longest_fold) {
    second_pass_ = false;
  } else if (*last - reading > pass_step) {
    second_pass_ = true;
  }
  if (second_pass_) result.instant = to_instant(zone_.At(to_civil(reading)).post);
  return result;
}

std::string LocalTime::state() const {
  if (!last_) return {};
  return (second_pass_ ? "2:" : "1:") + std::to_string(last_->time_since_epoch().count());
}

void LocalTime::restore(std::string_view state) {
  last_.reset();
  second_pass_ = false;
  if (!state.starts_with("1:") && !state.starts_with("2:")) return;
  // Readings before 1970 are no log's.
  const auto last = policy::parse_number<std::uint32_t>(state.substr(2));
  if (!last) return;
  last_ = local_seconds(seconds(*last));
  second_pass_ = state.front() == '2';
}

}  // namespace tlsrpt::milter
