// TextLogReader: a log of text lines, as syslog daemons and postlogd(8) write it, in one file and
// those that it was rotated into.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "milter/log/log_follower.h"
#include "milter/log/log_line.h"
#include "milter/log/log_reader.h"
#include "milter/log/log_stamp.h"
#include "milter/log/log_watcher.h"
#include "reporter/clock.h"

namespace tlsrpt::milter {

class TextLogReader final : public LogReader {
 public:
  // Reads the log at PATH; it need not exist yet. CLOCK outlives the reader.
  TextLogReader(const std::string& path, StampParser stamps, LogLineSplitter splitter,
                const reporter::Clock& clock);

  policy::Status restore(std::string_view position, std::string_view memory) override;
  void begin_behind(policy::UtcSeconds until) override { follower_.begin_behind(until); }
  policy::Result<LogEntries> next() override;
  std::string position() const override { return follower_.position(); }
  std::string memory() const override { return stamps_.state(); }
  std::vector<std::string> take_notices() override { return follower_.take_notices(); }
  int wait_fd() override;
  bool take_events() override;

 private:
  std::string path_;
  StampParser stamps_;
  LogLineSplitter splitter_;
  LogFollower follower_;
  std::optional<LogWatcher> watcher_;  // Made when somebody waits.
  std::vector<LogEntry> entries_;      // Of the last block; kept for its memory.
};

}  // namespace tlsrpt::milter
