// `tlsrpt-reporter --status`: what waits, what went wrong and with whom, and who has read how far.
#pragma once

#include "reporter/command/command.h"

namespace tlsrpt::reporter {

// Runs the command and returns its exit status. Reads only, asks no DNS, creates no store.
int run_status(const CommandContext& context);

}  // namespace tlsrpt::reporter
