#include "reporter/flush/flush_log.h"

#include <algorithm>
#include <ostream>
#include <string>

namespace tlsrpt::reporter {
namespace {

constexpr std::string_view prefix = "tlsrpt-reporter: ";
// People cannot read faster, and a terminal over ssh should not slow the work down.
constexpr std::chrono::milliseconds between_updates{200};

}  // namespace

void FlushLog::end_line() {
  if (!open_line_) return;
  err_ << '\n';
  open_line_ = false;
}

void FlushLog::line(std::string_view text) {
  end_line();
  err_ << prefix << text << '\n';
}

void FlushLog::warn(std::string_view text) { line(text); }

void FlushLog::detail(std::string_view text) {
  if (verbose_) line(text);
}

void FlushLog::begin_stage(FlushStage stage) {
  stage_ = stage;
  started_ = std::chrono::steady_clock::now();
  done_before_ =
      stage == FlushStage::look_up ? counts_.looked_up : counts_.delivered + counts_.failed;
}

std::string pace_text(std::uint64_t done, std::uint64_t left, std::chrono::milliseconds passed) {
  if (passed < std::chrono::seconds(1) || done == 0) return "";
  const auto milliseconds = static_cast<std::uint64_t>(passed.count());
  const std::uint64_t per_minute = done * 60'000 / milliseconds;
  std::string text = per_minute >= 120 ? ", " + std::to_string(per_minute / 60) + "/s"
                                       : ", " + std::to_string(per_minute) + "/min";
  if (left == 0) return text;
  const std::uint64_t seconds = (left * milliseconds / done + 999) / 1000;
  text += ", ";
  if (seconds >= 60) text += std::to_string(seconds / 60) + " min ";
  return text + std::to_string(seconds % 60) + " s left";
}

std::string FlushLog::pace(std::chrono::steady_clock::time_point now) const {
  const bool look_ups = stage_ == FlushStage::look_up;
  const std::uint64_t done = look_ups ? counts_.looked_up : counts_.delivered + counts_.failed;
  const std::uint64_t all = look_ups ? counts_.to_look_up : counts_.due;
  return pace_text(done - std::min(done, done_before_), all - std::min(all, done),
                   std::chrono::duration_cast<std::chrono::milliseconds>(now - started_));
}

void FlushLog::show(bool final) {
  if (!terminal_ || verbose_) return;
  const auto now = std::chrono::steady_clock::now();
  if (!final && now - last_shown_ < between_updates) return;
  last_shown_ = now;
  const std::uint64_t done = counts_.delivered + counts_.failed;
  std::string text = "domains looked up " + std::to_string(counts_.looked_up) + "/" +
                     std::to_string(counts_.to_look_up) + ", reports made " +
                     std::to_string(counts_.reports) + ", deliveries done " + std::to_string(done) +
                     "/" + std::to_string(std::max(counts_.due, done));
  if (counts_.failed > 0) text += " (" + std::to_string(counts_.failed) + " failed)";
  text += pace(now);
  err_ << '\r' << text << "\x1b[K" << std::flush;
  open_line_ = true;
  if (final) end_line();
}

}  // namespace tlsrpt::reporter
