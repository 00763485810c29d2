// --catch-up: reads all that is new in the logs, commits, and is done.
#pragma once

#include "reporter/command/command.h"

namespace tlsrpt::milter {

// Exit status: exit_ok; exit_no_input: no log; exit_temporary: another collector holds the lock, or
// the store cannot be used now; exit_config: the settings cannot be used here.
int catch_up(const reporter::CommandContext& context);

}  // namespace tlsrpt::milter
