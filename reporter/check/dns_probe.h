// Asks a resolver for the signed root zone, to learn whether it validates DNSSEC.
#pragma once

#include <string>
#include <vector>

#include "reporter/check/check_facts.h"

namespace tlsrpt::reporter {

// The addresses of the name servers in the file RESOLV_CONF; without one, 127.0.0.1, as the
// resolver of the C library has it.
std::vector<std::string> name_servers(const std::string& resolv_conf);
// Asks the server at ADDRESS and PORT.
Validation ask_for_root(const std::string& address, unsigned short port);

}  // namespace tlsrpt::reporter
