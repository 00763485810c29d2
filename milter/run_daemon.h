// tlsrpt-milter without an action: the daemon.
#pragma once

#include "reporter/command/command.h"

namespace tlsrpt::milter {

// Runs until SIGTERM or SIGINT; SIGHUP makes it read the options again. With -f in the foreground,
// saying what it has to say on standard error; otherwise it goes into the background as soon as
// everything is set up, and uses syslog(3) from then on. Exit statuses as catch_up(); 75 also where
// libmilter stops by itself.
int run_daemon(const reporter::CommandContext& context);

}  // namespace tlsrpt::milter
