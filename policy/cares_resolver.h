// The Resolver for real name servers, with c-ares.
//
// Each look-up asks one server after the other, in the order given and three times round with
// growing patience, until one says found or absent or the time is over. A server that said SERVFAIL
// or the like is not asked the same again. A server that let 64 questions in a row pass without a
// word counts as silent and is left out until the next run(), so that 10,000 look-ups end soon
// when the DNS is down. Only as many questions as OPTIONS.in_flight are under way, the others wait.
// Search lists, /etc/hosts and HOSTALIASES play no part; CNAMEs are followed by the name server,
// which must be a resolver.
//
// An object belongs to one thread. Callbacks run within run() and may start look-ups, not run().
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "policy/resolver.h"
#include "policy/result.h"

namespace tlsrpt::policy {

struct CaresOptions {
  std::vector<DnsServer> servers;            // Empty: those of /etc/resolv.conf.
  std::chrono::milliseconds timeout{10000};  // For one look-up, all tries of all servers included.
  // Questions under way. Twice as many overran the socket buffers of a local unbound.
  unsigned in_flight = 128;
};

// Errc::io: c-ares cannot start. Errc::limit: more than 32 servers.
Result<std::unique_ptr<Resolver>> make_cares_resolver(const CaresOptions& options);

}  // namespace tlsrpt::policy
