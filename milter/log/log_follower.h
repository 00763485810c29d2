// LogFollower: reads one log file, and goes on reading it through rotation, copying and gzip.
//
// It hands out blocks of whole lines and says, after each, at which position it stands. Kept in the
// same transaction as what was learned from the block, that position makes reading exact: whenever
// the process dies, going on from the last kept position yields the same text as never having
// stopped. Lost is only what no one can know: lines written between the copy and the truncation of
// copytruncate, and files deleted before they were read (take_notices()).
//
// A renamed file is read to its end once a newer file of the log has text: by then its writer
// has moved on. It never blocks and never waits. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "milter/log/log_file.h"
#include "milter/log/log_position.h"
#include "milter/log/log_siblings.h"
#include "milter/log/log_stamp.h"
#include "policy/result.h"
#include "policy/utc_day.h"
#include "reporter/clock.h"

namespace tlsrpt::milter {

struct LogBlock {
  // Whole lines, each with its '\n'; only the last line of a rotated file may lack it. Valid until
  // the next call of next(). Empty: there is nothing more at present.
  std::string_view text;
  // What stamps without year refer to: now for the live file, the last change of a rotated one.
  policy::UtcSeconds reference{};
};

// For tests; the defaults are for everybody.
struct LogFollowerLimits {
  // Read at once: large enough that system calls do not count, small enough for the second cache.
  std::size_t buffer_bytes = 512UL * 1024;
  // A line longer than this is passed on cut. Postfix cuts its own at 2,000 bytes, rsyslog at 8
  // KiB.
  std::size_t line_max = 64UL * 1024;
};

class LogFollower {
 public:
  // Follows the log at PATH. STAMPS reads the first stamps of rotated files, to order them.
  LogFollower(std::string path, const StampParser& stamps, const reporter::Clock& clock,
              LogFollowerLimits limits = {});
  ~LogFollower() = default;
  LogFollower(const LogFollower&) = delete;
  LogFollower& operator=(const LogFollower&) = delete;

  // Goes on from a position() of an earlier life. To be called before next(). An empty text: from
  // the beginning of the present file. Errc::syntax: TEXT is no position; nothing has changed.
  policy::Status restore(std::string_view text);

  // Where there is no position: from the beginning of the file that has what was written after
  // UNTIL, be it rotated. To be called before next().
  void begin_behind(policy::UtcSeconds until) { known_until_ = until; }

  // The next block. Errc::not_found: there is no log; Errc::io: it cannot be read (the message says
  // why); Errc::temporary: files are being renamed right now. After an error it can be called
  // again, and nothing has been skipped.
  policy::Result<LogBlock> next();

  // Where the block returned last ends; what restore() was given before the first one. Empty:
  // nothing was ever read.
  std::string position() const;

  // What was lost and is known, a sentence each, said once.
  std::vector<std::string> take_notices();

 private:
  // The file being read.
  struct Current {
    LogFile file;
    FileId id;
    std::string head;  // At most fingerprint_bytes.
    FileAge age;
    bool is_live = true;    // The log's path led to it when last looked at.
    bool is_final = false;  // Nobody writes to it any more.
  };
  // A file that was chosen to be read, and how it began then.
  struct Candidate {
    LogFile file;
    std::string head;
  };
  enum class Fill : std::uint8_t { got_text, at_end, replaced };

  policy::Result<LogBlock> next_block();
  policy::Result<std::string_view> read_lines(Fill* filled);

  policy::Status open_current();
  policy::Result<std::optional<Candidate>> find_first(policy::UtcSeconds until);
  policy::Status find_again(const LogPosition& wanted);
  policy::Status leave_behind(const LogPosition& wanted, bool in_place);
  policy::Status go_on(Candidate chosen, const LogPosition& from, bool is_final);
  policy::Status take_up(Candidate chosen, std::uint64_t offset, bool is_final);
  // Returns whether there is something to read now.
  policy::Result<bool> advance();
  policy::Result<std::optional<LogFile>> open_live() const;
  // The oldest file with text that was written after BEFORE, with TAKE_EMPTY also a log without
  // text; none: there is none yet.
  policy::Result<std::optional<Candidate>> find_successor(const LogSibling& before,
                                                          bool take_empty);
  policy::Result<Fill> fill();
  policy::Result<bool> is_unchanged(std::uint64_t read_end);

  std::string_view take_lines();
  std::string_view take_rest();
  std::string_view take(std::size_t count);
  void skip_cut_line();

  LogPosition here() const;
  LogBlock block_of(std::string_view text) const;
  void notice(const std::string& text);

  std::string path_;
  StampParser stamps_;
  const reporter::Clock& clock_;
  std::size_t line_max_;

  std::optional<LogPosition> start_;  // Restored, or of a file that is gone.
  std::optional<policy::UtcSeconds> known_until_;
  std::optional<Current> current_;

  // Text of current_ that was read and not yet returned: from text_begin_ to text_end_.
  std::vector<char> buffer_;
  std::size_t text_begin_ = 0;
  std::size_t text_end_ = 0;
  std::uint64_t offset_ = 0;  // Of text_begin_ in the text of the file.
  bool in_cut_line_ = false;

  std::vector<std::string> notices_;
  std::set<std::string> said_;
};

}  // namespace tlsrpt::milter
