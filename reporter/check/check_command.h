// --check: whether the set-up of this machine does for reports, and what mends it.
#pragma once

#include <string>

#include "reporter/check/check_rules.h"
#include "reporter/command/command.h"

namespace tlsrpt::reporter {

// Exit status: exit_ok, or exit_config where something is to be mended.
int run_check(const CommandContext& context);

// What it prints of FINDINGS, which FACTS led to, for people or programs.
std::string check_text(const CheckFacts& facts, const CheckFindings& findings, Format format);

}  // namespace tlsrpt::reporter
