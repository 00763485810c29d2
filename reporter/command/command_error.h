// How a command tells its caller that it failed.
#pragma once

#include "policy/result.h"
#include "reporter/command/command.h"

namespace tlsrpt::reporter {

// The exit status that fits ERROR: 66 absent or unreadable, 75 try again, 65 bad data, 70 our bug.
int exit_status_of(const policy::Error& error);

// Writes ERROR, escaped, to context.err and returns its exit status.
int fail_command(const CommandContext& context, const policy::Error& error);

}  // namespace tlsrpt::reporter
