// TlsrptDatagram: one datagram of Postfix's own TLSRPT, as libtlsrpt 0.5 writes it.
//
// JSON text; the keys are those of libtlsrpt.c. `dpv` ("1") came with libtlsrpt 0.5.0: release
// candidates, such as the one in Debian 13, do not write it. Keys we do not know are skipped. What
// breaks the format is refused as a whole, with one word for the counters: half a datagram would be
// a wrong count.
//
//   {"dpv": "1", "d": recipient domain, "pr": TXT record, "policies": [
//     {"policy-type": 1 tlsa | 2 sts | 9 none, "policy-domain": text, "policy-string": [text],
//      "mx-host": [text], "t": number of failures, "f": 0 success | 1 failure,
//      "failure-details": [{"c": code, "s": sending address, "n": MX host, "h": reply to EHLO,
//        "r": MX address, "a": additional information, "f": reason}]}]}
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "policy/datagram_loss.h"
#include "policy/fact.h"
#include "policy/vocabulary.h"

namespace tlsrpt::milter {

// Postfix's datagrams have some 500 octets; an MTA-STS policy may have 64 KiB (RFC 8461, 3.3), but
// libtlsrpt has to get the whole into one datagram, too.
inline constexpr std::size_t max_datagram = 64UL * 1024;

// Views are valid until the parser's next call. An empty text: was absent, or empty.
struct DatagramFailure {
  policy::Outcome outcome = policy::Outcome::validation_failure;  // Never success.
  std::string_view sending_ip;
  std::string_view mx_host;
  std::string_view helo;  // The whole reply to EHLO: text of a stranger.
  std::string_view mx_ip;
  std::string_view additional_information;
  std::string_view reason;
};

struct DatagramPolicy {
  policy::PolicyType type = policy::PolicyType::no_policy_found;
  std::string_view policy_domain;
  std::span<const std::string_view> policy_string;  // In the order given.
  std::span<const std::string_view> mx_host;        // Likewise.
  std::span<const DatagramFailure> failures;
  bool success = false;
};

struct TlsrptDatagram {
  std::string_view domain;  // As given: letter case kept, not checked.
  std::string_view record;  // The TLSRPT record that Postfix saw.
  std::vector<DatagramPolicy> policies;
};

// Parses one datagram after the other without allocating. One thread.
class DatagramParser {
 public:
  DatagramParser();
  ~DatagramParser();
  DatagramParser(const DatagramParser&) = delete;
  DatagramParser& operator=(const DatagramParser&) = delete;

  // The datagram in OCTETS, valid until the next call; nullptr: it was refused, fault() says why.
  const TlsrptDatagram* parse(std::string_view octets);
  policy::DatagramLoss fault() const { return fault_; }

 private:
  struct Json;

  TlsrptDatagram datagram_;
  // What the spans in datagram_ lie in; never grown beyond what was reserved.
  std::vector<std::string_view> texts_;
  std::vector<DatagramFailure> failures_;
  std::vector<char> padded_;
  std::unique_ptr<Json> json_;
  policy::DatagramLoss fault_ = policy::DatagramLoss::not_json;
};

}  // namespace tlsrpt::milter
