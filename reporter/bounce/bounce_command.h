// `tlsrpt-reporter --bounce`: takes in the one bounce on standard input, as a mail system's pipe
// hands it over, and the bounces of a Maildir in a flush.
#pragma once

#include <istream>

#include "reporter/command/command.h"
#include "reporter/flush/flush_log.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {

// 0: taken in, or about none of ours; 65: no notification, so that whoever wrote hears of it; 75:
// it could not be looked at, be it that the store is locked or absent or that we have a bug, so
// that the mail system tries again: it takes all else for final, and a bounce comes only once.
int run_bounce(const CommandContext& context);
// The same with another INPUT.
int run_bounce(const CommandContext& context, std::istream& input);

// Takes in what lies in SETTINGS.bounce_maildir, if there is one. LOG is told what stands in the
// way, once a day; it stops nothing else.
void take_bounces(Store& store, const Settings& settings, policy::UtcSeconds now, FlushLog& log);

}  // namespace tlsrpt::reporter
