// tlsrpt-milter's command line: the daemon, --catch-up and --explain.
#pragma once

#include <iosfwd>

namespace tlsrpt::milter {

// Runs the program and returns its exit status (reporter/command/command.h).
int run_milter(int argc, char* const* argv, std::ostream& out, std::ostream& err);

}  // namespace tlsrpt::milter
