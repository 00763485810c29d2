// Resolver: DNS look-ups, many at a time, as the policy and delivery parts need them.
//
// The implementation with c-ares is cares_resolver.h; tests use tests/support/fake_resolver.h.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "policy/domain_name.h"
#include "policy/ip_address.h"

namespace tlsrpt::policy {

// Where a name server listens.
struct DnsServer {
  IpAddress address;
  std::uint16_t port = 53;
};

// How a look-up ended.
enum class DnsOutcome : std::uint8_t {
  found,      // At least one record of the type asked for.
  absent,     // NXDOMAIN, or no record of that type (RFC 2308): final for now.
  temporary,  // SERVFAIL, REFUSED, time-out, no server reachable, or a malformed answer.
};

template <class Record>
struct DnsAnswer {
  DnsOutcome outcome = DnsOutcome::temporary;
  std::vector<Record> records;
  std::string error;  // Why temporary: "timeout", "SERVFAIL", ... Empty otherwise.
  // temporary, as our reading of the answer threw: a bug of ours, which asking again does not mend.
  bool our_fault = false;
};

// A TXT record with its character-strings joined without spaces (RFC 8460, 3; RFC 7208, 3.3).
using TxtAnswer = DnsAnswer<std::string>;
using AddressAnswer = DnsAnswer<IpAddress>;

class Resolver {
 public:
  virtual ~Resolver() = default;

  // Starts a look-up; DONE is called exactly once, from within run() (never from within this call).
  // NAME is asked as it is (no search list).
  virtual void look_up_txt(const std::string& name, std::function<void(TxtAnswer)> done) = 0;
  // A and AAAA together; found when either has an address.
  virtual void look_up_addresses(const std::string& name,
                                 std::function<void(AddressAnswer)> done) = 0;
  // Drives all started look-ups, and those that their callbacks start, to their end.
  virtual void run() = 0;
};

}  // namespace tlsrpt::policy
