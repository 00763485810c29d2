// `tlsrpt-reporter --show FILE`: a report, whoever made it, as a table that a person can read.
#pragma once

#include "reporter/command/command.h"

namespace tlsrpt::reporter {

// Runs the command and returns its exit status: 0, 65 where FILE is no report, 66 where it cannot
// be opened. What is odd about the report is listed after it.
int run_show(const CommandContext& context);

}  // namespace tlsrpt::reporter
