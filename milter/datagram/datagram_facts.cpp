#include "milter/datagram/datagram_facts.h"

#include <algorithm>
#include <utility>

#include "policy/cut_text.h"
#include "policy/domain_name.h"
#include "policy/ip_address.h"
#include "policy/text.h"

namespace tlsrpt::milter {
namespace {

// Policies of the domains met in some minutes, most of some hundred octets; a full memory starts
// again.
constexpr std::size_t max_policies_shared = 20000;
constexpr std::size_t max_policy_octets = 8UL * 1024 * 1024;
// As long as a failure-reason-code of the log (attempt.cpp).
constexpr std::size_t max_reason_length = 200;
// RFC 1035, 2.3.4, and the longest text of an address.
constexpr std::size_t max_host_length = 255;
constexpr std::size_t max_address_length = 64;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_name_character(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
         c == '_';
}

// The address literals of RFC 5321, 4.1.3.
bool is_address_literal(std::string_view text) {
  return text.starts_with('[') && text.ends_with(']') && text.find('%') == std::string_view::npos &&
         policy::IpAddress::parse(text.substr(1, text.size() - 2)).has_value();
}

// TEXT, with A-labels where it is beyond ASCII; none where it cannot be the name of a host: what is
// left of such a one is another name. RFC 1123, 2.1, and the underscore that some hosts have.
std::string host_name(std::string_view text) {
  if (!policy::is_ascii(text)) {
    const auto folded = policy::DomainName::parse(text);
    return folded ? folded->text() : std::string();
  }
  const bool is_good =
      text.size() <= max_host_length &&
      (std::all_of(text.begin(), text.end(), is_name_character) || is_address_literal(text));
  return std::string(is_good ? text : std::string_view());
}

void append_text(std::string& key, std::string_view text) {
  key.append(std::to_string(text.size())).append(1, ':').append(text);
}

// What tells one policy from another, in the order of the format.
template <class Texts>
void make_key(std::string& key, std::string_view record, policy::PolicyType type,
              std::string_view domain, const Texts& policy_string, const Texts& mx_host) {
  key.assign(1, static_cast<char>('0' + static_cast<int>(type)));
  append_text(key, record);
  append_text(key, domain);
  for (const auto& text : policy_string) append_text(key, text);
  key.append(1, '|');
  for (const auto& text : mx_host) append_text(key, text);
}

DatagramSession session_of(const DatagramPolicy& policy) {
  DatagramSession session;
  if (policy.success) return session;
  // RFC 8460, 4.3.3: what is in no other category. libtlsrpt lets a program tell of a failure
  // without saying which; Postfix does not.
  session.outcome = policy::Outcome::validation_failure;
  if (policy.failures.empty()) return session;
  // Postfix tells one; of several the first is what all others follow from.
  const DatagramFailure& failure = policy.failures.front();
  session.outcome = failure.outcome;
  session.reason = policy::cut_text(failure.reason, max_reason_length);
  session.helo = helo_host(failure.helo);
  session.sending_ip = failure.sending_ip.substr(0, max_address_length);
  session.mx_host = policy::to_lower(host_name(failure.mx_host));
  session.mx_ip = failure.mx_ip.substr(0, max_address_length);
  return session;
}

}  // namespace

std::string helo_host(std::string_view reply) {
  if (reply.size() >= 4 && std::all_of(reply.begin(), reply.begin() + 3, is_digit) &&
      (reply[3] == '-' || reply[3] == ' '))
    reply.remove_prefix(4);
  return host_name(reply.substr(0, reply.find_first_of(" \t\r\n")));
}

SharedFacts share_facts(DatagramFacts facts) {
  facts.octets = facts.domain.size();
  for (const DatagramSession& session : facts.sessions) {
    for (const std::string* text :
         {&session.reason, &session.helo, &session.sending_ip, &session.mx_host, &session.mx_ip,
          &session.policy->record, &session.policy->applied.policy_domain})
      facts.octets += text->size();
    for (const auto* texts :
         {&session.policy->applied.policy_string, &session.policy->applied.mx_host}) {
      for (const std::string& text : *texts) facts.octets += text.size();
    }
  }
  // Shared by what remembers texts, and by all that wait or are remembered.
  return std::make_shared<const DatagramFacts>(std::move(facts));
}

SharedFacts only_what_pairs(const DatagramFacts& facts) {
  // Shared by all that have forgotten theirs.
  static const SharedPolicy none = std::make_shared<const SeenPolicy>();
  DatagramFacts left;
  left.domain = facts.domain;
  left.is_whole = false;
  DatagramSession& session = left.sessions.emplace_back();
  session.policy = none;
  session.outcome = facts.sessions.front().outcome;
  session.mx_ip = facts.sessions.front().mx_ip;
  return share_facts(std::move(left));
}

SharedPolicy DatagramFactReader::share(const DatagramPolicy& policy, std::string_view domain,
                                       std::string_view record) {
  const std::string_view policy_domain =
      policy.policy_domain.empty() ? domain : policy.policy_domain;
  make_key(key_, record, policy.type, policy_domain, policy.policy_string, policy.mx_host);
  const auto known = policies_.find(key_);
  if (known != policies_.end()) return known->second;
  SeenPolicy seen;
  seen.applied.type = policy.type;
  seen.applied.policy_domain = policy_domain;
  seen.applied.policy_string.assign(policy.policy_string.begin(), policy.policy_string.end());
  seen.applied.mx_host.assign(policy.mx_host.begin(), policy.mx_host.end());
  seen.record = record;
  return share_new(std::move(seen));
}

// POLICY under key_, which is not known yet.
SharedPolicy DatagramFactReader::share_new(SeenPolicy policy) {
  if (policies_.size() >= max_policies_shared || policy_octets_ >= max_policy_octets) {
    policies_.clear();
    policy_octets_ = 0;
  }
  policy_octets_ += key_.size();
  policy.number = ++last_number_;
  // Shared with all datagrams that have the same.
  auto shared = std::make_shared<const SeenPolicy>(std::move(policy));
  return policies_.emplace(key_, std::move(shared)).first->second;
}

SharedPolicy DatagramFactReader::share(SeenPolicy policy) {
  const policy::AppliedPolicy& applied = policy.applied;
  make_key(key_, policy.record, applied.type, applied.policy_domain, applied.policy_string,
           applied.mx_host);
  const auto known = policies_.find(key_);
  return known != policies_.end() ? known->second : share_new(std::move(policy));
}

DatagramFacts DatagramFactReader::read(const TlsrptDatagram& datagram) {
  DatagramFacts facts;
  const std::string& folded = filter_.domain(datagram.domain).domain;
  facts.domain = folded.empty() ? std::string(datagram.domain) : folded;
  // A record that is cut would be another one.
  const std::string_view record =
      datagram.record.size() <= policy::max_seen_record ? datagram.record : std::string_view();
  facts.sessions.reserve(datagram.policies.size());
  for (const DatagramPolicy& policy : datagram.policies) {
    DatagramSession session = session_of(policy);
    session.policy = share(policy, facts.domain, record);
    // The same policy judges a session once, and has failed where it says so anywhere.
    const auto same = std::find_if(
        facts.sessions.begin(), facts.sessions.end(),
        [&session](const DatagramSession& each) { return each.policy == session.policy; });
    if (same == facts.sessions.end()) {
      facts.sessions.push_back(std::move(session));
    } else if (same->outcome == policy::Outcome::success) {
      *same = std::move(session);
    }
  }
  return facts;
}

}  // namespace tlsrpt::milter
