// JournalWorld: a folder with a journal that systemd-journal-remote(8) writes, as journald would.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

#include "reporter/deliver/child_process.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {

class JournalWorld {
 public:
  using Fields = std::map<std::string, std::string>;

  std::string folder() const { return folder_.path().string(); }
  std::string file(const std::string& name = "system") const {
    return folder_.file(name + ".journal");
  }

  // Adds an entry at the time AT_US to what write() will write.
  void add(std::uint64_t at_us, const Fields& fields) {
    text_ += "__REALTIME_TIMESTAMP=" + std::to_string(at_us) +
             "\n__MONOTONIC_TIMESTAMP=" + std::to_string(at_us - boot_us) +
             "\n_BOOT_ID=6b4518da07c344d5b8a236e3e71f36ce\n";
    for (const auto& [name, value] : fields) {
      text_ += name + "\n";
      for (unsigned i = 0; i < 8; ++i)  // The form for any bytes: length in 64 bits, value.
        text_ += static_cast<char>((value.size() >> (8 * i)) & 0xFFU);
      text_ += value + "\n";
    }
    text_ += "\n";
  }
  // The same, as Postfix's PROGRAM[PID] on relay1 logs it.
  void log(std::uint64_t at_us, const std::string& program, unsigned pid, const std::string& text) {
    add(at_us, {{"_TRANSPORT", "syslog"},
                {"SYSLOG_IDENTIFIER", program},
                {"_PID", std::to_string(pid)},
                {"_HOSTNAME", "relay1"},
                {"MESSAGE", text}});
  }

  // Appends what was added to the journal file NAME, made where there is none.
  void write(const std::string& name = "system") {
    const auto ran =
        reporter::run_child({"/lib/systemd/systemd-journal-remote", "--output=" + file(name), "-"},
                            text_, std::chrono::seconds(60));
    if (!ran.ok()) throw std::runtime_error("systemd-journal-remote: " + ran.error().message());
    if (ran->exit_status != 0 || ran->signal != 0)
      throw std::runtime_error("systemd-journal-remote: " + ran->errors);
    text_.clear();
  }

 private:
  static constexpr std::uint64_t boot_us = 1'600'000'000'000'000;

  testing_support::TempDir folder_;
  std::string text_;
};

}  // namespace tlsrpt::milter
