// Gathers what `--check` judges: asks postconf(1), looks at files and sockets, asks the resolver
// one question. Changes nothing. Works as the user that both programs run as.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reporter/check/check_facts.h"
#include "reporter/command/command.h"

namespace tlsrpt::reporter {

// All of them. The local Postfix is asked whatever `log_source` is, unless `postfix_config` is
// none. Gives up root once it has become Postfix's user for a moment; an error: it cannot.
policy::Result<CheckFacts> gather_facts(const CommandContext& context);

// What postconf(1) says of the Postfix configured in DIRECTORY (empty: the default one).
PostfixFacts gather_postfix(const std::string& directory, const std::vector<std::string>& postconf);

// The services of `postconf -M` (one a line) with the overrides of `postconf -P`.
std::vector<PostfixService> parse_services(std::string_view master, std::string_view overrides,
                                           bool is_chrooted_by_default);

}  // namespace tlsrpt::reporter
