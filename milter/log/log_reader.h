// LogReader: one log as its collector reads it, whatever it is kept in.
//
// It hands out blocks of entries, only those of Postfix's programs that are of interest, and says
// after each block where it stands. That position and what was learned from the block are committed
// together; whoever goes on from a committed position gets the same entries as one that never
// stopped. The calls are for blocks, not for lines: a log has thousands of lines in a block. It
// never blocks. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "milter/log/log_line.h"
#include "policy/result.h"
#include "policy/utc_day.h"

namespace tlsrpt::milter {

// One message of a program of Postfix.
struct LogEntry {
  policy::UtcSeconds at{};
  LogLine line;
  std::string_view text;  // The whole line, for what is not understood.
};

// What was read at once. Everything in it is valid until the next call of next().
struct LogEntries {
  std::span<const LogEntry> entries;
  // The newest stamp, also among lines that are of no interest.
  std::optional<policy::UtcSeconds> newest;
  std::uint64_t octets = 0;  // Read, of interest or not. 0: there is nothing more at present.
};

class LogReader {
 public:
  LogReader() = default;
  LogReader(const LogReader&) = delete;
  LogReader& operator=(const LogReader&) = delete;
  virtual ~LogReader() = default;

  // Goes on from a position() and memory() of an earlier life; both empty: as at a first start. To
  // be called before next(). Errc::syntax: they are none of this reader's; nothing has changed.
  virtual policy::Status restore(std::string_view position, std::string_view memory) = 0;

  // Where there is no position to go on from: lines stamped up to UNTIL are known from elsewhere,
  // those behind are wanted from as far back as they can be had. To be called before next().
  virtual void begin_behind(policy::UtcSeconds /*until*/) {}

  // The next block. Errc::not_found: there is no log; Errc::io: it cannot be read; Errc::temporary:
  // not now. After an error it can be called again, and nothing has been skipped.
  virtual policy::Result<LogEntries> next() = 0;

  // Where the last block ends.
  virtual std::string position() const = 0;
  // What decides how the lines behind position() are read, beside their text.
  virtual std::string memory() const { return {}; }

  // What was lost and is known, a sentence each, said once.
  virtual std::vector<std::string> take_notices() { return {}; }

  // To be polled for input: there may be more. Whoever waits calls it each time before, for the
  // first call begins to watch, and what changes later is told. -1: nobody tells; it is to be
  // looked after at least once a second.
  virtual int wait_fd() { return -1; }
  // Takes what wait_fd() has to tell, or looks itself where nobody does; whether next() is worth
  // calling.
  virtual bool take_events() { return true; }
};

// `log_source = none`: nothing to read, ever.
class NoLog final : public LogReader {
 public:
  policy::Status restore(std::string_view /*position*/, std::string_view /*memory*/) override {
    return policy::Unit();
  }
  policy::Result<LogEntries> next() override { return LogEntries(); }
  std::string position() const override { return {}; }
  bool take_events() override { return false; }
};

}  // namespace tlsrpt::milter
