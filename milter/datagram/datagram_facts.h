// DatagramFacts: what one TLSRPT datagram says of one handshake, in the terms of facts.
//
// Codes, policy strings and patterns are passed on as Postfix gave them, in their order. What is
// done to them: the domain is folded to lower-case A-labels, `policy-domain` is filled from `d`
// where it is absent (Postfix before 3.10.5), of the reply to EHLO only the host name stays, and
// hosts that cannot be names are left out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "milter/correlate/domain_filter.h"
#include "milter/correlate/session_sink.h"
#include "milter/datagram/tlsrpt_datagram.h"
#include "policy/fact.h"

namespace tlsrpt::milter {

// A policy, and the TLSRPT record of the domain that it was seen with.
struct SeenPolicy {
  policy::AppliedPolicy applied;
  std::string record;  // Empty: the datagram has none, or one beyond policy::max_seen_record.
  // What has the same number, from the same reader, is the same; never 0.
  std::uint64_t number = 0;
};

// Shared by all datagrams with the same policy, which may be long.
using SharedPolicy = std::shared_ptr<const SeenPolicy>;

// A handshake as one policy judged it.
struct DatagramSession {
  SharedPolicy policy;
  policy::Outcome outcome = policy::Outcome::success;
  std::string reason;
  std::string helo;  // The rest is empty for a success, which names no host.
  std::string sending_ip;
  std::string mx_host;  // Lower case; empty where what was given cannot be a name.
  std::string mx_ip;
  // Of what a datagram alone tells.
  mutable CountedRow counted;
};

struct DatagramFacts {
  std::string domain;  // Lower-case A-labels, or as given where it is no such name.
  std::vector<DatagramSession> sessions;  // One for each policy; never empty.
  std::size_t octets = 0;                 // Of all texts; share_facts() counts them.
  // False: reason, hosts and policies were forgotten for want of room (only_what_pairs()).
  bool is_whole = true;
};

// Shared by all datagrams that say the same, of one reader.
using SharedFacts = std::shared_ptr<const DatagramFacts>;
SharedFacts share_facts(DatagramFacts facts);
// Of FACTS what finds their line: domain, outcome and address of the first session.
SharedFacts only_what_pairs(const DatagramFacts& facts);

// Makes facts of datagrams. One thread.
class DatagramFactReader {
 public:
  explicit DatagramFactReader(DomainFilter& filter) : filter_(filter) {}

  DatagramFacts read(const TlsrptDatagram& datagram);
  // POLICY, whose number is not looked at, shared with what has the same.
  SharedPolicy share(SeenPolicy policy);

 private:
  SharedPolicy share(const DatagramPolicy& policy, std::string_view domain,
                     std::string_view record);
  SharedPolicy share_new(SeenPolicy policy);

  DomainFilter& filter_;
  std::string key_;  // Reused.
  std::unordered_map<std::string, SharedPolicy> policies_;
  std::size_t policy_octets_ = 0;  // Of their keys.
  std::uint64_t last_number_ = 0;
};

// The host name in a reply to EHLO: of its first line, what follows the code, be it an address
// literal; empty where that cannot be a name.
std::string helo_host(std::string_view reply);

}  // namespace tlsrpt::milter
