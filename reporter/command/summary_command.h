// `tlsrpt-reporter --summary`: what was counted on a day, as it is or would be reported.
#pragma once

#include "reporter/command/command.h"

namespace tlsrpt::reporter {

// Runs the command and returns its exit status. Reads only, asks no DNS, creates no store.
int run_summary(const CommandContext& context);

}  // namespace tlsrpt::reporter
