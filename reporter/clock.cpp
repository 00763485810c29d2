#include "reporter/clock.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include "policy/text.h"
#include "reporter/options/config_file.h"

namespace tlsrpt::reporter {
namespace {

using policy::Result;
using policy::UtcSeconds;

// The end of the year 9999, the last that RFC 3339 can write.
constexpr std::int64_t last_second = 253402300799;
// The file holds one number; anything longer is another file.
constexpr std::size_t max_clock_file = 4096;

class WallClock final : public Clock {
 public:
  UtcSeconds now() const override {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  }
};

class FixedClock final : public Clock {
 public:
  explicit FixedClock(UtcSeconds instant) : instant_(instant) {}
  UtcSeconds now() const override { return instant_; }

 private:
  UtcSeconds instant_;
};

// "@1795348800" or "1795348800".
std::optional<UtcSeconds> parse_unix_seconds(std::string_view text) {
  text = policy::trim(text);
  if (text.starts_with('@')) text.remove_prefix(1);
  const auto seconds = policy::parse_number<std::int64_t>(text);
  if (!seconds || *seconds > last_second) return std::nullopt;
  return policy::from_unix_seconds(*seconds);
}

Result<UtcSeconds> read_clock_file(const std::string& path) {
  const auto text = read_small_file(path, max_clock_file);
  if (!text.ok()) return text.error();
  const std::string_view all = *text;
  const auto instant = parse_unix_seconds(all.substr(0, all.find('\n')));
  if (!instant) {
    return policy::Error(policy::Errc::syntax,
                         policy::escape_untrusted(path) + ": first line is not @<unix seconds>");
  }
  return *instant;
}

// Reads the file at each call. Where that fails (the file is being replaced), the instant read
// last stands: now() cannot fail.
class FileClock final : public Clock {
 public:
  FileClock(std::string path, UtcSeconds first)
      : path_(std::move(path)), last_(policy::unix_seconds(first)) {}

  UtcSeconds now() const override {
    if (const auto instant = read_clock_file(path_); instant.ok()) {
      last_.store(policy::unix_seconds(*instant), std::memory_order_relaxed);
    }
    return policy::from_unix_seconds(last_.load(std::memory_order_relaxed));
  }

 private:
  std::string path_;
  mutable std::atomic<std::int64_t> last_;
};

}  // namespace

Result<std::unique_ptr<Clock>> make_clock(std::string* warning) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): read once, before threads, and nobody sets it.
  const char* variable = std::getenv("TLSRPT_CLOCK");
  if (variable == nullptr || *variable == '\0') {
    return std::unique_ptr<Clock>(std::make_unique<WallClock>());
  }
  const bool privileged = ::getuid() != ::geteuid() || ::getgid() != ::getegid();
  return make_clock(variable, privileged, warning);
}

Result<std::unique_ptr<Clock>> make_clock(std::string_view override_text, bool privileged,
                                          std::string* warning) {
  constexpr std::string_view file = "file:";
  const std::string shown = policy::escape_untrusted(override_text);
  if (privileged) {
    *warning = "TLSRPT_CLOCK is ignored: real and effective user or group differ";
    return std::unique_ptr<Clock>(std::make_unique<WallClock>());
  }
  *warning = "the clock is replaced by TLSRPT_CLOCK=" + shown;
  if (override_text.starts_with('@')) {
    if (const auto instant = parse_unix_seconds(override_text)) {
      return std::unique_ptr<Clock>(std::make_unique<FixedClock>(*instant));
    }
  } else if (override_text.starts_with(file)) {
    std::string path(override_text.substr(file.size()));
    auto first = read_clock_file(path);
    if (!first.ok()) return std::move(first).error().context("TLSRPT_CLOCK");
    return std::unique_ptr<Clock>(std::make_unique<FileClock>(std::move(path), *first));
  }
  warning->clear();
  return policy::Error(policy::Errc::syntax,
                       "TLSRPT_CLOCK=" + shown + " is neither @<unix seconds> nor file:PATH");
}

}  // namespace tlsrpt::reporter
