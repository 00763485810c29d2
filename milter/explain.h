// --explain: each log line with what was understood of it. Stores nothing.
#pragma once

#include <iosfwd>
#include <string_view>

#include "milter/correlate/correlator.h"
#include "milter/correlate/session_sink.h"
#include "milter/log/log_stamp.h"
#include "reporter/clock.h"

namespace tlsrpt::milter {

struct ExplainOptions {
  CorrelatorOptions correlator;
  std::vector<std::string> syslog_names;
};

// Reads log lines from IN to its end and writes each, escaped, with a line `  = ...` for everything
// that was understood of it. Message-IDs are compared with nothing: no store is opened.
void explain_log(std::istream& in, std::ostream& out, StampParser stamps,
                 policy::UtcSeconds reference, const ExplainOptions& options);

}  // namespace tlsrpt::milter
