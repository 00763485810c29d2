#include "reporter/report/evaluation.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "policy/domain_name.h"
#include "policy/ip_address.h"
#include "policy/text.h"
#include "reporter/report/report_text.h"
#include "reporter/report/told_policies.h"

namespace tlsrpt::reporter {
namespace {

using policy::Fact;
using policy::Outcome;
using policy::PolicyType;

constexpr std::string_view not_offered = "starttls-not-offered";
constexpr std::string_view stripped = "starttls-stripped-suspected";
constexpr std::int16_t minutes_per_day = 24 * 60;
// I-JSON numbers are exact up to here (RFC 7493, 2.2); only a damaged store gets there.
constexpr std::uint64_t max_count = (std::uint64_t{1} << 53) - 1;

// The sum, held at max_count.
void add(std::uint64_t& sum, std::uint64_t count) {
  sum = std::min(max_count, sum + std::min(count, max_count));
}

bool is_outcome(Outcome outcome) {
  return outcome == Outcome::no_tls_seen || outcome <= Outcome::dane_required;
}

// Whether FACT is a session in plaintext that no policy forbade.
bool is_plaintext(const Fact& fact) {
  if (fact.policy.type != PolicyType::no_policy_found) return false;
  if (fact.outcome == Outcome::no_tls_seen) return true;
  return fact.outcome == Outcome::starttls_not_supported &&
         (fact.reason == not_offered || fact.reason == stripped);
}

// "3 1 1 ABCD..." (RFC 6698, 2.2, without grouping); another text is only cleaned.
std::string tlsa_text(std::string_view record) {
  std::string cleaned = clean_text(record, max_policy_line);
  const auto words = policy::split_words(cleaned);
  if (words.size() < 4) return cleaned;
  std::string hex;
  for (std::size_t i = 3; i < words.size(); ++i) hex += words[i];
  const auto is_hex = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  for (std::size_t i = 0; i < 3; ++i) {
    if (!policy::parse_number<std::uint8_t>(words[i])) return cleaned;
  }
  if (!std::all_of(hex.begin(), hex.end(), is_hex)) return cleaned;
  std::transform(hex.begin(), hex.end(), hex.begin(),
                 [](char c) { return c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c; });
  std::string text;
  for (std::size_t i = 0; i < 3; ++i) text.append(words[i]).append(" ");
  return text + hex;
}

// The A-labels of a domain name, none where TEXT is no such name (RFC 8460, 4.4 wants A-labels).
std::optional<std::string> to_a_labels(std::string_view text) {
  const auto name = policy::DomainName::parse(text);
  if (!name) return std::nullopt;
  return name->text();
}

// A pattern of RFC 8461, 4.1 with A-labels, none where TEXT is none.
std::optional<std::string> mx_pattern(std::string_view text) {
  const bool is_wildcard = text.starts_with("*.");
  const auto name = to_a_labels(is_wildcard ? text.substr(2) : text);
  if (!name) return std::nullopt;
  return (is_wildcard ? "*." : "") + *name;
}

// What an EHLO reply begins with: the host name. Postfix 3.10 hands over the whole reply.
std::string helo_name(std::string_view reply) {
  return clean_host_text(reply.substr(0, reply.find_first_of(" \t\r\n")));
}

// Sessions of one policy while they are added up. The keys are details without count.
struct PolicySums {
  std::uint64_t successful = 0;
  std::uint64_t failed = 0;
  std::map<FailureDetail, std::uint64_t> details;
};

FailureDetail detail_of(const Fact& fact) {
  FailureDetail detail;
  detail.result_type = result_type_of(fact);
  detail.sending_mta_ip = reported_sending_ip(fact);
  detail.receiving_mx_hostname = to_a_labels(fact.mx_host).value_or(clean_host(fact.mx_host));
  detail.receiving_mx_helo = helo_name(fact.helo);
  if (const auto address = policy::IpAddress::parse(fact.mx_ip)) {
    detail.receiving_ip = address->text();
  }
  detail.failure_reason_code = reason_of(fact);
  return detail;
}

// Most first; equal counts by their texts, so that equal facts give equal bytes.
bool comes_before(const FailureDetail& a, const FailureDetail& b) {
  if (a.failed_session_count != b.failed_session_count) {
    return a.failed_session_count > b.failed_session_count;
  }
  return a < b;
}

std::vector<FailureDetail> to_details(const std::map<FailureDetail, std::uint64_t>& sums) {
  std::vector<FailureDetail> details;
  details.reserve(sums.size());
  for (const auto& [key, count] : sums) {
    details.push_back(key);
    details.back().failed_session_count = count;
  }
  std::sort(details.begin(), details.end(), comes_before);
  return details;
}

// Decides what becomes of facts; remembers what tls_logged said.
class FactJudge {
 public:
  explicit FactJudge(const EvaluationContext& context) : context_(context) {}

  policy::Result<FactUse> use_of(const Fact& fact) {
    if (fact.outcome == Outcome::no_tls_seen && fact.minute >= 0) {
      auto proven = tls_logged(fact);
      if (!proven) return std::move(proven).error();
      if (!*proven) return FactUse::tls_unknown;
    }
    if (!context_.report_plaintext && is_plaintext(fact)) return FactUse::plaintext;
    return FactUse::reported;
  }

  std::vector<ProvenPlaintext> proven() const {
    std::vector<ProvenPlaintext> all;
    for (const auto& [key, is_proven] : known_) {
      const auto& [relay, service, minute] = key;
      if (is_proven) all.push_back({relay, service, minute});
    }
    return all;
  }

 private:
  policy::Result<bool> tls_logged(const Fact& fact) {
    const std::tuple key(fact.relay, fact.service, fact.minute);
    if (const auto known = known_.find(key); known != known_.end()) return known->second;
    if (!context_.tls_logged) return false;
    const policy::UtcSeconds instant = fact.day + std::chrono::minutes(fact.minute);
    auto answer = context_.tls_logged(fact.relay, fact.service, instant);
    if (answer) known_.emplace(key, *answer);
    return answer;
  }

  const EvaluationContext& context_;
  // By relay, service and minute.
  std::map<std::tuple<std::string, std::string, std::int16_t>, bool> known_;
};

void count_fact(const Fact& fact, PolicySums& sums) {
  if (fact.outcome == Outcome::success) {
    add(sums.successful, fact.sessions);
  } else {
    add(sums.failed, fact.sessions);
    add(sums.details[detail_of(fact)], fact.sessions);
  }
}

}  // namespace

policy::ResultType result_type_of(const Fact& fact) {
  return fact.outcome == Outcome::no_tls_seen ? policy::ResultType::starttls_not_supported
                                              : policy::to_result_type(fact.outcome);
}

std::string reason_of(const Fact& fact) {
  if (fact.outcome == Outcome::no_tls_seen && fact.reason.empty()) return std::string(not_offered);
  return clean_text(fact.reason, max_reason);
}

std::string reported_sending_ip(const Fact& fact) {
  const auto address = policy::IpAddress::parse(fact.sending_ip);
  // Behind NAT the address tells the recipient nothing and discloses our network (RFC 8460, 8).
  if (!address || address->is_private()) return {};
  return address->text();
}

policy::AppliedPolicy reported_policy(const Fact& fact, std::string_view domain) {
  policy::AppliedPolicy policy;
  policy.type = fact.policy.type;
  policy.policy_domain = to_a_labels(fact.policy.policy_domain).value_or(std::string(domain));
  if (policy.type == PolicyType::no_policy_found) return policy;
  const bool is_tlsa = policy.type == PolicyType::tlsa;
  for (const std::string& line : fact.policy.policy_string) {
    std::string text = is_tlsa ? tlsa_text(line) : clean_text(line, max_policy_line);
    if (!text.empty()) policy.policy_string.push_back(std::move(text));
  }
  if (is_tlsa) {
    auto& records = policy.policy_string;
    std::sort(records.begin(), records.end());
    records.erase(std::unique(records.begin(), records.end()), records.end());
    return policy;
  }
  for (const std::string& pattern : fact.policy.mx_host) {
    if (auto text = mx_pattern(pattern)) policy.mx_host.push_back(*std::move(text));
  }
  return policy;
}

std::vector<FailureDetail> fold_details(std::vector<FailureDetail> details, std::size_t max) {
  if (details.size() <= max) return details;
  std::sort(details.begin(), details.end(), comes_before);
  // The most that can stay beside one folded detail for each result type of the rest.
  std::size_t kept = details.size();
  std::set<policy::ResultType> folded_types;
  while (kept > 0 && kept + folded_types.size() > max) {
    --kept;
    folded_types.insert(details[kept].result_type);
  }
  std::map<FailureDetail, std::uint64_t> sums;
  for (std::size_t i = 0; i < details.size(); ++i) {
    const std::uint64_t count = std::exchange(details[i].failed_session_count, 0);
    FailureDetail key;
    key.result_type = details[i].result_type;
    add(sums[i < kept ? details[i] : key], count);
  }
  return to_details(sums);
}

void limit_details(std::vector<PolicyResult>& policies, std::size_t max) {
  const auto total_with = [&policies](std::size_t most) {
    std::size_t total = 0;
    for (const PolicyResult& each : policies) total += std::min(each.failure_details.size(), most);
    return total;
  };
  if (total_with(max + 1) <= max) return;
  std::size_t most = max;
  while (most > 1 && total_with(most) > max) --most;
  for (PolicyResult& each : policies) {
    each.failure_details = fold_details(std::move(each.failure_details), most);
  }
}

policy::Result<Evaluation> evaluate(std::string_view domain, const std::vector<Fact>& facts,
                                    const EvaluationContext& context) {
  Evaluation evaluation;
  FactJudge judge(context);
  std::map<policy::AppliedPolicy, PolicySums> policies;
  ToldPolicies told;
  std::vector<std::pair<const Fact*, policy::AppliedPolicy>> untold;
  for (const Fact& fact : facts) {
    if (!is_outcome(fact.outcome) || fact.minute >= minutes_per_day) {
      return policy::Error(policy::Errc::syntax,
                           std::string(domain) + ": a fact has an impossible outcome or minute");
    }
    const auto use = judge.use_of(fact);
    if (!use) return use.error();
    evaluation.uses.push_back(*use);
    const bool unknown = *use == FactUse::tls_unknown;
    add(unknown ? evaluation.tls_unknown : evaluation.sessions_seen, fact.sessions);
    if (*use != FactUse::reported) continue;
    // A row may have but messages: of a session whose own row has another policy or reason.
    add(evaluation.messages, fact.messages);
    if (fact.sessions == 0) continue;
    add(evaluation.sessions, fact.sessions);
    policy::AppliedPolicy policy = reported_policy(fact, domain);
    if (policy.type != PolicyType::no_policy_found && policy.policy_string.empty()) {
      untold.emplace_back(&fact, std::move(policy));
      continue;
    }
    told.add(policy);
    count_fact(fact, policies[std::move(policy)]);
  }
  for (const auto& [fact, policy] : untold) {
    count_fact(*fact, policies[told.entry_of(policy, fact->outcome)]);
  }
  for (const auto& [policy, sums] : policies) {
    evaluation.policies.push_back({policy, sums.successful, sums.failed, to_details(sums.details)});
  }
  evaluation.proven = judge.proven();
  limit_details(evaluation.policies, context.max_failure_details);
  return evaluation;
}

}  // namespace tlsrpt::reporter
