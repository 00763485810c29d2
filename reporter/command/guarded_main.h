// The outermost edge of both programs: what an exception or a full disk does to the exit status.
#pragma once

#include <functional>

#include "reporter/options/command_line.h"

namespace tlsrpt::reporter {

// Runs BODY and returns its exit status. An exception is a bug of ours (or lack of memory): it is
// told on standard error and becomes exit_software. Output that could not be written makes
// exit_temporary of exit_ok.
int guarded_main(Program program, const std::function<int()>& body) noexcept;

}  // namespace tlsrpt::reporter
