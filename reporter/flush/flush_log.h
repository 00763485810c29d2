// FlushLog: what a flush says, and to whom.
//
// From cron it is silent unless something needs an operator (warn). On a terminal it shows one line
// of progress that is written over: what is done, of how many, at which rate, and the time left.
// With -v it tells every step.
#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

namespace tlsrpt::reporter {

// What takes the time.
enum class FlushStage : std::uint8_t { look_up, deliver };

struct FlushCounts {
  std::uint64_t looked_up = 0;  // Domains whose record was looked for.
  std::uint64_t to_look_up = 0;
  std::uint64_t reports = 0;    // Made.
  std::uint64_t due = 0;        // Deliveries that were due,
  std::uint64_t delivered = 0;  // attempts that succeeded,
  std::uint64_t failed = 0;     // and that did not.
};

// ", 120/s, 1 min 5 s left" for DONE in PASSED and LEFT to do; empty while that cannot be told.
std::string pace_text(std::uint64_t done, std::uint64_t left, std::chrono::milliseconds passed);

class FlushLog {
 public:
  // ERR outlives the object; TERMINAL: it is one that a person looks at.
  FlushLog(std::ostream& err, bool terminal, bool verbose)
      : err_(err), terminal_(terminal), verbose_(verbose) {}
  FlushLog(const FlushLog&) = delete;
  FlushLog& operator=(const FlushLog&) = delete;
  ~FlushLog() { end_line(); }

  // Something an operator should look at. TEXT is a whole line without its end, escaped.
  void warn(std::string_view text);
  // A step, told with -v only.
  void detail(std::string_view text);
  bool is_verbose() const { return verbose_; }

  FlushCounts& counts() { return counts_; }
  // Rate and time left are those of STAGE from now on.
  void begin_stage(FlushStage stage);
  // Shows the counts, at most a few times a second unless FINAL.
  void show(bool final = false);

 private:
  void end_line();
  std::string pace(std::chrono::steady_clock::time_point now) const;
  void line(std::string_view text);

  std::ostream& err_;
  bool terminal_;
  bool verbose_;
  FlushCounts counts_;
  bool open_line_ = false;
  std::chrono::steady_clock::time_point last_shown_;
  FlushStage stage_ = FlushStage::look_up;
  std::uint64_t done_before_ = 0;  // When the stage began.
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

}  // namespace tlsrpt::reporter
