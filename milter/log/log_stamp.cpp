#include "milter/log/log_stamp.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

namespace tlsrpt::milter {
namespace {

using std::chrono::local_days;
using std::chrono::local_seconds;
using std::chrono::seconds;

// More digits than anybody writes (rsyslog 6, systemd 6); keeps the remembered text small.
constexpr std::size_t fraction_max = 30;
// A date without year recurs within so many years: 29 February may be left out at a century.
constexpr int years_back_max = 8;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Reads one stamp from left to right; a failed step makes all that follows fail.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::size_t place() const { return place_; }
  char peek() const { return place_ < text_.size() ? text_[place_] : '\0'; }
  bool skip(char wanted) {
    if (place_ >= text_.size() || text_[place_] != wanted) return false;
    ++place_;
    return true;
  }
  // A number of exactly COUNT digits.
  bool number(std::size_t count, unsigned* value) {
    if (text_.size() - place_ < count) return false;
    unsigned sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const char c = text_[place_ + i];
      if (!is_digit(c)) return false;
      sum = sum * 10 + static_cast<unsigned>(c - '0');
    }
    place_ += count;
    *value = sum;
    return true;
  }
  bool month_name(unsigned* month) {
    static constexpr std::string_view names = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (text_.size() - place_ < 3) return false;
    for (unsigned i = 0; i < 12; ++i) {
      if (std::memcmp(names.data() + std::size_t{3} * i, text_.data() + place_, 3) != 0) continue;
      place_ += 3;
      *month = i + 1;
      return true;
    }
    return false;
  }
  // "23", " 3" or "3".
  bool day_of_month(unsigned* day) {
    if (skip(' ')) return number(1, day);
    if (text_.size() - place_ >= 2 && is_digit(text_[place_ + 1])) return number(2, day);
    return number(1, day);
  }
  // "17:17:02"; a leap second counts as the second before it, so that its day is right.
  bool time_of_day(seconds* time) {
    unsigned hour = 0;
    unsigned minute = 0;
    unsigned second = 0;
    if (!number(2, &hour) || !skip(':') || !number(2, &minute) || !skip(':') ||
        !number(2, &second) || hour > 23 || minute > 59 || second > 60) {
      return false;
    }
    *time =
        std::chrono::hours(hour) + std::chrono::minutes(minute) + seconds(std::min(second, 59U));
    return true;
  }
  // One to fraction_max digits.
  bool digits() {
    const std::size_t begin = place_;
    while (is_digit(peek())) ++place_;
    return place_ > begin && place_ - begin <= fraction_max;
  }
  // "Z", "+13:00", "+1300" or "+13".
  bool offset(seconds* value) {
    if (skip('Z') || skip('z')) {
      *value = seconds(0);
      return true;
    }
    const bool west = peek() == '-';
    unsigned hours = 0;
    unsigned minutes = 0;
    if (!(skip('+') || skip('-')) || !number(2, &hours)) return false;
    if (skip(':') ? !number(2, &minutes) : is_digit(peek()) && !number(2, &minutes)) return false;
    if (hours > 23 || minutes > 59) return false;
    const seconds size = std::chrono::hours(hours) + std::chrono::minutes(minutes);
    *value = west ? -size : size;
    return true;
  }

 private:
  std::string_view text_;
  std::size_t place_ = 0;
};

struct Date {
  int year = 0;  // 0: not written.
  unsigned month = 0;
  unsigned day = 0;

  // The day, none where the calendar has no such day.
  std::optional<std::chrono::sys_days> in_year(int which) const {
    const std::chrono::year_month_day date{std::chrono::year(which), std::chrono::month(month),
                                           std::chrono::day(day)};
    if (!date.ok()) return std::nullopt;
    return std::chrono::sys_days(date);
  }
};

// A stamp as it stands in the line.
struct Written {
  Date date;
  seconds time{};
  std::optional<seconds> offset;  // None: local time.
  std::size_t digits_begin = 0;   // The fraction's digits; an empty range where there is none.
  std::size_t digits_end = 0;
  std::size_t length = 0;
};

bool scan_iso_date(Scanner* scan, Date* date) {
  return scan->number(2, &date->month) && scan->skip('-') && scan->number(2, &date->day) &&
         (scan->skip('T') || scan->skip('t') || scan->skip(' '));
}

bool scan_traditional_date(Scanner* scan, Date* date) {
  return scan->month_name(&date->month) && scan->skip(' ') && scan->day_of_month(&date->day) &&
         scan->skip(' ');
}

std::optional<Written> scan_stamp(std::string_view line) {
  Scanner scan(line);
  Written written;
  unsigned year = 0;
  bool is_iso = false;
  if (scan.number(4, &year)) {
    // No log is older; and 0 stands for no year.
    if (year < 1970) return std::nullopt;
    written.date.year = static_cast<int>(year);
    is_iso = scan.skip('-');
    if (!is_iso && !scan.skip(' ')) return std::nullopt;
  }
  if (!(is_iso ? scan_iso_date : scan_traditional_date)(&scan, &written.date) ||
      !scan.time_of_day(&written.time)) {
    return std::nullopt;
  }
  written.digits_begin = written.digits_end = scan.place();
  if (scan.skip('.') || scan.skip(',')) {
    written.digits_begin = scan.place();
    if (!scan.digits()) return std::nullopt;
    written.digits_end = scan.place();
  }
  if (is_iso && scan.peek() != ' ') {
    seconds offset{};
    if (!scan.offset(&offset)) return std::nullopt;
    written.offset = offset;
  }
  if (!scan.skip(' ')) return std::nullopt;
  written.length = scan.place();
  return written;
}

// The instant of a local time: in the year written, or the last such date not later than
// REFERENCE + 1 day.
std::optional<LocalTime::Reading> read_local(LocalTime* zone, const Written& written,
                                             policy::UtcSeconds reference) {
  const policy::UtcSeconds latest =
      written.date.year != 0 ? policy::UtcSeconds::max() : reference + std::chrono::days(1);
  // No zone is a day ahead of UTC, so no local year is beyond this one.
  const std::chrono::year_month_day top{policy::day_of(reference) + std::chrono::days(2)};
  const int first_year = written.date.year != 0 ? written.date.year : static_cast<int>(top.year());
  const int years_back = written.date.year != 0 ? 0 : years_back_max;
  for (int back = 0; back <= years_back; ++back) {
    const auto day = written.date.in_year(first_year - back);
    if (!day) continue;
    const local_seconds reading = local_days(day->time_since_epoch()) + written.time;
    if (zone->peek(reading).instant <= latest) return zone->read(reading);
  }
  return std::nullopt;
}

}  // namespace

policy::Result<StampParser> StampParser::make(const std::string& zone_name) {
  policy::Result<LocalTime> zone = LocalTime::of_zone(zone_name);
  if (!zone.ok()) return std::move(zone).error();
  return StampParser(*zone);
}

void StampParser::restore(std::string_view state) {
  zone_.restore(state);
  last_ = Stamp();
}

bool StampParser::is_same_second(std::string_view line) const {
  if (last_.length == 0 || line.size() < last_.length) return false;
  if (std::memcmp(line.data(), text_.data(), digits_begin_) != 0) return false;
  for (std::size_t i = digits_begin_; i < digits_end_; ++i) {
    if (!is_digit(line[i])) return false;
  }
  return std::memcmp(line.data() + digits_end_, text_.data() + digits_end_,
                     last_.length - digits_end_) == 0;
}

std::optional<Stamp> StampParser::parse(std::string_view line, policy::UtcSeconds reference) {
  if (reference == reference_ && is_same_second(line)) return last_;
  return parse_new(line, reference);
}

std::optional<Stamp> StampParser::parse_new(std::string_view line, policy::UtcSeconds reference) {
  const std::optional<Written> written = scan_stamp(line);
  if (!written) return std::nullopt;
  Stamp stamp;
  stamp.length = written->length;
  if (written->offset) {
    const auto day = written->date.in_year(written->date.year);
    if (!day) return std::nullopt;
    stamp.instant = *day + written->time - *written->offset;
  } else {
    const auto reading = read_local(&zone_, *written, reference);
    if (!reading) return std::nullopt;
    stamp.instant = reading->instant;
    stamp.repeated = reading->repeated;
  }
  static_assert(text_max >= sizeof("2026-11-24T06:03:14.+13:00 ") + fraction_max);
  std::copy_n(line.begin(), stamp.length, text_.begin());
  digits_begin_ = written->digits_begin;
  digits_end_ = written->digits_end;
  reference_ = reference;
  last_ = stamp;
  return stamp;
}

}  // namespace tlsrpt::milter
