// record_check: what is right and wrong with a domain's TLSRPT record, in words for its owner.
//
// The pure part of `--check-domain`: it looks up `_smtp._tls.D` and the places where the record is
// put by mistake, and says what to mend. Nothing is stored or sent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/domain_name.h"
#include "policy/resolver.h"

namespace tlsrpt::policy {

enum class Severity : std::uint8_t {
  error,    // No reports are sent, or not to all that are named.
  warning,  // Reports are sent, but not as was meant.
  note,     // Harmless.
};
// "error", "warning", "note".
std::string_view to_text(Severity severity);

struct Finding {
  Severity severity = Severity::note;
  std::string code;  // Stable, for programs: "several-records".
  std::string text;  // What is wrong and how to mend it; strangers' text in it is escaped and cut.

  friend bool operator==(const Finding&, const Finding&) = default;
};

enum class RecordState : std::uint8_t {
  good,        // Reports can be sent, nothing is in error.
  absent,      // No record, and nothing that looks as if it was meant to be one.
  faulty,      // Something is in error.
  dns_failed,  // The record could not be looked up: nothing is known.
};
// "good", "absent", "faulty", "dns-failed".
std::string_view to_text(RecordState state);

struct RecordCheck {
  std::string domain;
  std::string name;  // Where the record belongs: `_smtp._tls.<domain>`.
  RecordState state = RecordState::absent;
  std::string record;            // The one TLSRPT record found, as published; else empty.
  std::vector<std::string> rua;  // The destinations that reports would go to.
  std::vector<Finding> findings;
};

// Checks DOMAINS in one run of RESOLVER; one result each, in the same order.
std::vector<RecordCheck> check_records(Resolver& resolver, const std::vector<DomainName>& domains);

}  // namespace tlsrpt::policy
