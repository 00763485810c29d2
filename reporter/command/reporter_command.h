// tlsrpt-reporter from command line to exit status: reads switches and settings, gives up root and
// hands over to the action.
#pragma once

#include <iosfwd>

namespace tlsrpt::reporter {

// The exit status of the program. Messages for people go to ERR, results to OUT. Throws only on
// bugs of ours (guarded_main.h).
int run_reporter(int argc, char* const* argv, std::ostream& out, std::ostream& err);

}  // namespace tlsrpt::reporter
