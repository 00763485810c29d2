// `tlsrpt-reporter --make-dkim-key FILE`: a key that signs reports, and what to publish of it.
#pragma once

#include "reporter/command/command.h"

namespace tlsrpt::reporter {

// Makes the key in the file, readable to the user that reports are sent as, and prints its record
// for a zone file with the options that use it as comments. A key that is there already stays, and
// its record is printed. exit_usage: no domain is known, or the switches contradict the key; else
// as fail_command() says.
int run_make_dkim_key(const CommandContext& context);

}  // namespace tlsrpt::reporter
