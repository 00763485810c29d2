// Runs one program with a text on its standard input, hears what it says, waits for its end.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "policy/result.h"

namespace tlsrpt::reporter {

// What is kept of what a program says on standard error.
inline constexpr std::size_t max_child_errors = 4096;
// After SIGTERM a program has this long before SIGKILL.
inline constexpr std::chrono::milliseconds child_grace{2000};

struct ChildResult {
  int exit_status = 0;     // Where it exited by itself.
  int signal = 0;          // Where a signal ended it, else 0.
  bool timed_out = false;  // We ended it.
  bool read_all = false;   // It read its whole input.
  std::string errors;      // Beginning of its standard error, raw.
  std::string output;      // Beginning of its standard output, raw, as far as asked for.
};

// Runs ARGUMENTS[0] with ARGUMENTS and INPUT, at most TIMEOUT. INPUT is a file that is whole before
// the program starts, so that it never gets a part of it, even if we are killed. No shell;
// environment PATH and LC_ALL=C only; MAX_OUTPUT bytes of standard output are kept, for 0 it is
// /dev/null; signals are as at login; a process group of its own, of which nothing is left behind
// after a time-out. Any thread may call. Errc::not_found: no such program; Errc::io: it could not
// be started or watched.
policy::Result<ChildResult> run_child(const std::vector<std::string>& arguments,
                                      std::string_view input, std::chrono::milliseconds timeout,
                                      std::size_t max_output = 0);

}  // namespace tlsrpt::reporter
