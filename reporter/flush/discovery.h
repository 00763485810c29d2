// Discovery: who wants reports about a domain, and where (RFC 8460, 3).
//
// The record map is asked first and overrides DNS; everything else is looked up in parallel.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "policy/resolver.h"
#include "policy/tlsrpt_record.h"
#include "reporter/options/record_map.h"

namespace tlsrpt::reporter {

enum class DiscoveryOutcome : std::uint8_t {
  record,     // There is one record that can be used.
  none,       // No record, or none that can be used: no report.
  temporary,  // DNS gave no answer: to be asked again.
  discard,    // The record map says so: a report is made and goes nowhere.
  broken,     // No domain name, or this version throws when it reads the record: not to be settled.
};

struct Discovery {
  DiscoveryOutcome outcome = DiscoveryOutcome::temporary;
  policy::TlsrptRecord record;  // Where outcome is record.
  std::string reason;           // Why none, temporary or broken; can be shown.
  bool from_dns = false;        // DNS was asked.
  bool as_seen = false;         // The record is the one that Postfix saw: DNS failed for too long.
};

// The one usable record of TEXTS; Errc::syntax or Errc::not_found: there is none, and why.
using RecordChooser =
    std::function<policy::Result<policy::TlsrptRecord>(const std::vector<std::string>& texts)>;

// What is known about each of DOMAINS, in their order. A text that is no domain name is broken.
// RESOLVER runs until all are answered; ON_ANSWER is called for each of DOMAINS that is. CHOOSE is
// another function in tests only.
std::vector<Discovery> discover(const std::vector<std::string>& domains, const RecordMap& map,
                                policy::Resolver& resolver,
                                const std::function<void()>& on_answer = {},
                                const RecordChooser& choose = policy::choose_tlsrpt_record);

}  // namespace tlsrpt::reporter
