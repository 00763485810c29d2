// `tlsrpt-reporter --flush`: does all that is due, and exits.
#pragma once

#include "reporter/command/command.h"

namespace tlsrpt::reporter {

// Runs the command and returns its exit status: 0 all that was due was tried, 64 a day that is not
// over, 75 nothing could be done (store locked, all DNS servers silent) or, with --wait, something
// is still pending, 78 the record map or the CA file cannot be used.
int run_flush(const CommandContext& context);

}  // namespace tlsrpt::reporter
