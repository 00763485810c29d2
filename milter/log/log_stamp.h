// StampParser: the time stamp at the start of a log line, as an instant.
//
// Understands
//   2026-11-24T06:03:14.001681+13:00   ISO 8601 / RFC 3339 (rsyslog, journalctl -o short-iso): any
//                                      fraction; offset +HH:MM, +HHMM, +HH or Z; without: local
//                                      time
//   Nov 23 17:17:02, Nov  3 17:17:02   RFC 3164 (syslog, postlogd): local time, no year
//   2026 Nov 23 17:17:02               the same with a year (syslog-ng's ts_format(full))
// each followed by one blank. Total: any bytes give a stamp or none. Most lines share their second
// with the line before; for those parse() only compares bytes. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "milter/log/local_time.h"
#include "policy/result.h"
#include "policy/utc_day.h"

namespace tlsrpt::milter {

struct Stamp {
  policy::UtcSeconds instant{};
  // Bytes of the line that the stamp takes, with the blank after it.
  std::size_t length = 0;
  // Written without offset in an hour that the clock showed twice: the pass is a guess.
  bool repeated = false;
};

class StampParser {
 public:
  // A parser for stamps without offset in the zone with this IANA name; empty: the system's.
  // Errc::not_found: there is no such zone.
  static policy::Result<StampParser> make(const std::string& zone_name);

  // The stamp at the start of LINE, none where there is none. A stamp without year is the latest
  // such date not later than REFERENCE + 1 day: the present for a live file, the time of the last
  // change for a rotated one.
  std::optional<Stamp> parse(std::string_view line, policy::UtcSeconds reference);

  // What decides the next stamps beside their text (see LocalTime): one word, or empty. Part of a
  // collector's pending state.
  std::string state() const { return zone_.state(); }
  // Goes on from state(); any other text: as fresh.
  void restore(std::string_view state);

 private:
  explicit StampParser(LocalTime zone) : zone_(zone) {}
  bool is_same_second(std::string_view line) const;
  std::optional<Stamp> parse_new(std::string_view line, policy::UtcSeconds reference);

  LocalTime zone_;
  // The last stamp's text, the digits of its fraction, and what it stands for.
  static constexpr std::size_t text_max = 64;
  std::array<char, text_max> text_{};
  std::size_t digits_begin_ = 0;
  std::size_t digits_end_ = 0;
  policy::UtcSeconds reference_{};
  Stamp last_;  // length 0: no last stamp.
};

}  // namespace tlsrpt::milter
