// `tlsrpt-reporter --check-domain DOMAIN...`: whether domains ask for TLS reports, and their
// faults.
#pragma once

#include "policy/resolver.h"
#include "reporter/command/command.h"

namespace tlsrpt::reporter {

// Runs the command and returns its exit status: 0 all records are good, 65 one is absent or faulty,
// 75 DNS failed for one (and none is known to be bad), 64 an argument is no domain name. Asks DNS,
// reads no store.
int run_check_domain(const CommandContext& context);

// The same with a given RESOLVER.
int run_check_domain(const CommandContext& context, policy::Resolver& resolver);

}  // namespace tlsrpt::reporter
