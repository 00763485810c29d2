// Asks a resolver for the signed root zone, to learn whether it validates DNSSEC.
#pragma once

#include <string>

#include "reporter/check/check_facts.h"

namespace tlsrpt::reporter {

struct DnsProbe {
  Validation validation = Validation::failed;
  std::string server;  // The address that was asked.
};

// Asks the first name server in RESOLV_CONF, as Postfix would; without one, 127.0.0.1.
DnsProbe probe_resolver(const std::string& resolv_conf);
// Asks the server at ADDRESS and PORT.
Validation ask_for_root(const std::string& address, unsigned short port);

}  // namespace tlsrpt::reporter
