// DomainFilter: to which recipient domain a session belongs, or why to none.
//
// Design, section 3, rules 1, 11 and 15. Answers are cached: the collector asks for every session.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "milter/postfix/peer.h"
#include "policy/domain_name.h"
#include "policy/fact.h"
#include "policy/text_hash.h"

namespace tlsrpt::milter {

struct FilterOptions {
  // Host names and addresses, lower case: `ignore_relays`, and the bracketed hosts in relayhost and
  // transport of the local Postfix.
  std::vector<std::string> ignore_relays;
  std::vector<policy::DomainName> ignore_domains;
  bool count_private_relays = false;
};

class DomainFilter {
 public:
  explicit DomainFilter(FilterOptions options);

  struct Answer {
    std::string domain;  // A-labels; empty where it is none.
    std::optional<policy::Ignored> ignored;
  };
  // RAW is what stood behind the '@'. The reference is valid until the next call.
  const Answer& domain(std::string_view raw);

  // Why a session with PEER is in nobody's report; none: it is.
  std::optional<policy::Ignored> relay(const Peer& peer);

 private:
  template <class Value>
  using Cache = std::unordered_map<std::string, Value, policy::TextHash, std::equal_to<>>;

  bool is_private(const std::string& address);

  FilterOptions options_;
  Cache<Answer> domains_;
  Cache<bool> private_;
};

}  // namespace tlsrpt::milter
