#include "milter/datagram/tlsrpt_datagram.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "milter/datagram/json_grammar.h"

namespace tlsrpt::milter {
namespace {

namespace dom = simdjson::dom;
using policy::DatagramLoss;
using Fault = std::optional<DatagramLoss>;  // None: good.
using policy::Outcome;
using policy::PolicyType;

// The format's own depth is 6; some more for keys that a later version may add.
constexpr std::size_t max_depth = 12;
constexpr std::size_t max_keys = 32;       // In one object; the format has at most 8.
constexpr std::size_t max_policies = 16;   // There are three types.
constexpr std::size_t max_failures = 256;  // Of all policies.
constexpr std::size_t max_texts = 4096;    // Likewise: lines of policies and patterns.

// tlsrpt_failure_t of tlsrpt.h. 901, its mark for an unfinished policy, means nothing outside.
constexpr auto codes = std::to_array<std::pair<std::int64_t, Outcome>>({
    {201, Outcome::starttls_not_supported},
    {202, Outcome::certificate_host_mismatch},
    {203, Outcome::certificate_not_trusted},
    {204, Outcome::certificate_expired},
    {205, Outcome::validation_failure},
    {301, Outcome::sts_policy_fetch_error},
    {302, Outcome::sts_policy_invalid},
    {303, Outcome::sts_webpki_invalid},
    {304, Outcome::tlsa_invalid},
    {305, Outcome::dnssec_invalid},
    {306, Outcome::dane_required},
});

constexpr std::string_view blanks = " \t\r\n";

// Whether more brackets than may be are open at once in TEXT, which has to begin with one. As
// simdjson counts them: without a pair that holds nothing.
bool opens_too_many(std::string_view text) {
  std::size_t depth = 0;
  bool in_text = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (in_text) {
      if (c == '\\') ++at;
      in_text = c != '"';
    } else if (c == '[' || c == '{') {
      const std::size_t next = text.find_first_not_of(blanks, at + 1);
      if (next != std::string_view::npos && (text[next] == ']' || text[next] == '}')) {
        at = next;
      } else if (++depth == max_depth) {
        return true;
      }
    } else if (depth == 0 && blanks.find(c) == std::string_view::npos) {
      return false;  // Neither object nor array.
    } else if (c == ']' || c == '}') {
      --depth;
    } else {
      in_text = c == '"';
    }
  }
  return false;
}

DatagramLoss fault_of(simdjson::error_code error, std::string_view text) {
  switch (error) {
    case simdjson::CAPACITY:
      return DatagramLoss::too_large;
    case simdjson::UTF8_ERROR:
      return DatagramLoss::not_utf8;
    case simdjson::DEPTH_ERROR:
      return DatagramLoss::too_deep;
    case simdjson::NUMBER_ERROR:
      // RFC 8259, 6, sets no limit to a number, but no key has a meaning for one as large.
      if (is_json(text)) return DatagramLoss::unknown_value;
      return DatagramLoss::not_json;
    case simdjson::STRING_ERROR:
      // Half a surrogate pair is JSON, and no text (RFC 8259, 8.2; RFC 7493, 2.1).
      return is_json(text) ? DatagramLoss::not_utf8 : DatagramLoss::not_json;
    default:
      // simdjson looks first whether the last bracket closes something.
      return opens_too_many(text) ? DatagramLoss::too_deep : DatagramLoss::not_json;
  }
}

Fault read(const dom::element& value, std::string_view& text) {
  if (value.get(text) != simdjson::SUCCESS) return DatagramLoss::wrong_type;
  return std::nullopt;
}

Fault read(const dom::element& value, std::int64_t& number) {
  const auto error = value.get(number);
  if (error == simdjson::NUMBER_OUT_OF_RANGE) return DatagramLoss::unknown_value;
  return error == simdjson::SUCCESS ? Fault() : DatagramLoss::wrong_type;
}

// Another version may mean anything by the other keys: it is looked at before them. None at all is
// libtlsrpt before 0.5.0.
Fault check_version(const dom::element& root) {
  dom::element value;
  if (root["dpv"].get(value) != simdjson::SUCCESS) return std::nullopt;
  std::string_view version;
  if (const Fault fault = read(value, version)) return fault;
  return version == "1" ? Fault() : DatagramLoss::wrong_version;
}

// Calls READ(key, value) for each member of OBJECT; no key may come twice (RFC 7493, 2.3).
template <class Read>
Fault for_each_key(const dom::element& value, const Read& read_key) {
  dom::object object;
  if (value.get(object) != simdjson::SUCCESS) return DatagramLoss::wrong_type;
  std::array<std::string_view, max_keys> seen;
  std::size_t keys = 0;
  for (const auto& [key, member] : object) {
    if (std::find(seen.begin(), seen.begin() + keys, key) != seen.begin() + keys)
      return DatagramLoss::duplicate_key;
    if (keys == max_keys) return DatagramLoss::too_many;
    seen[keys++] = key;
    if (const Fault fault = read_key(key, member)) return fault;
  }
  return std::nullopt;
}

template <class Read>
Fault for_each_element(const dom::element& value, const Read& read_element) {
  dom::array array;
  if (value.get(array) != simdjson::SUCCESS) return DatagramLoss::wrong_type;
  for (const dom::element element : array) {
    if (const Fault fault = read_element(element)) return fault;
  }
  return std::nullopt;
}

Fault read_code(const dom::element& value, Outcome& outcome) {
  std::int64_t number = 0;
  if (const Fault fault = read(value, number)) return fault;
  const auto* const known = std::find_if(codes.begin(), codes.end(),
                                         [&](const auto& code) { return code.first == number; });
  if (known == codes.end()) return DatagramLoss::unknown_value;
  outcome = known->second;
  return std::nullopt;
}

Fault read_failure(const dom::element& value, DatagramFailure& failure) {
  bool has_code = false;
  const Fault fault = for_each_key(value, [&](std::string_view key, const dom::element& member) {
    if (key == "c") {
      has_code = true;
      return read_code(member, failure.outcome);
    }
    if (key == "s") return read(member, failure.sending_ip);
    if (key == "n") return read(member, failure.mx_host);
    if (key == "h") return read(member, failure.helo);
    if (key == "r") return read(member, failure.mx_ip);
    if (key == "a") return read(member, failure.additional_information);
    if (key == "f") return read(member, failure.reason);
    return Fault();
  });
  if (fault) return fault;
  return has_code ? Fault() : DatagramLoss::missing_key;
}

Fault read_policy_type(const dom::element& value, PolicyType& type) {
  std::int64_t number = 0;
  if (const Fault fault = read(value, number)) return fault;
  for (const PolicyType known : {PolicyType::tlsa, PolicyType::sts, PolicyType::no_policy_found}) {
    if (number != static_cast<std::int64_t>(known)) continue;
    type = known;
    return std::nullopt;
  }
  return DatagramLoss::unknown_value;
}

// Collects the elements of arrays in vectors whose memory is used again.
class PolicyReader {
 public:
  PolicyReader(std::vector<std::string_view>& texts, std::vector<DatagramFailure>& failures)
      : texts_(texts), failures_(failures) {}

  Fault read_policy(const dom::element& value, DatagramPolicy& policy) const {
    bool has_type = false;
    bool has_result = false;
    std::optional<std::int64_t> failures;
    const Fault fault = for_each_key(value, [&](std::string_view key, const dom::element& member) {
      if (key == "policy-type") {
        has_type = true;
        return read_policy_type(member, policy.type);
      }
      if (key == "policy-domain") return read(member, policy.policy_domain);
      if (key == "policy-string") return read_texts(member, policy.policy_string);
      if (key == "mx-host") return read_texts(member, policy.mx_host);
      if (key == "failure-details") return read_failures(member, policy.failures);
      if (key == "t") return read(member, failures.emplace());
      if (key == "f") {
        has_result = true;
        return read_result(member, policy.success);
      }
      return Fault();
    });
    if (fault) return fault;
    if (!has_type || !has_result) return DatagramLoss::missing_key;
    if (failures && *failures != static_cast<std::int64_t>(policy.failures.size()))
      return DatagramLoss::unknown_value;
    return std::nullopt;
  }

 private:
  static Fault read_result(const dom::element& value, bool& success) {
    std::int64_t number = 0;
    if (const Fault fault = read(value, number)) return fault;
    if (number != 0 && number != 1) return DatagramLoss::unknown_value;
    success = number == 0;
    return std::nullopt;
  }

  Fault read_texts(const dom::element& value, std::span<const std::string_view>& span) const {
    const std::size_t start = texts_.size();
    const Fault fault = for_each_element(value, [&](const dom::element& element) -> Fault {
      if (texts_.size() == max_texts) return DatagramLoss::too_many;
      return read(element, texts_.emplace_back());
    });
    span = std::span(texts_).subspan(start);
    return fault;
  }

  Fault read_failures(const dom::element& value, std::span<const DatagramFailure>& span) const {
    const std::size_t start = failures_.size();
    const Fault fault = for_each_element(value, [&](const dom::element& element) -> Fault {
      if (failures_.size() == max_failures) return DatagramLoss::too_many;
      return read_failure(element, failures_.emplace_back());
    });
    span = std::span(failures_).subspan(start);
    return fault;
  }

  std::vector<std::string_view>& texts_;
  std::vector<DatagramFailure>& failures_;
};

Fault read_datagram(const dom::element& root, TlsrptDatagram& datagram,
                    const PolicyReader& reader) {
  if (const Fault fault = check_version(root)) return fault;
  const Fault fault = for_each_key(root, [&](std::string_view key, const dom::element& member) {
    if (key == "d") return read(member, datagram.domain);
    if (key == "pr") return read(member, datagram.record);
    if (key != "policies") return Fault();
    return for_each_element(member, [&](const dom::element& element) -> Fault {
      if (datagram.policies.size() == max_policies) return DatagramLoss::too_many;
      return reader.read_policy(element, datagram.policies.emplace_back());
    });
  });
  if (fault) return fault;
  if (datagram.domain.empty() || datagram.policies.empty()) return DatagramLoss::missing_key;
  return std::nullopt;
}

}  // namespace

struct DatagramParser::Json {
  dom::parser parser{max_datagram};
};

DatagramParser::DatagramParser()
    : padded_(max_datagram + simdjson::SIMDJSON_PADDING), json_(std::make_unique<Json>()) {
  datagram_.policies.reserve(max_policies);
  texts_.reserve(max_texts);
  failures_.reserve(max_failures);
}

DatagramParser::~DatagramParser() = default;

const TlsrptDatagram* DatagramParser::parse(std::string_view octets) {
  datagram_.domain = {};
  datagram_.record = {};
  datagram_.policies.clear();
  texts_.clear();
  failures_.clear();
  if (octets.size() > max_datagram) {
    fault_ = DatagramLoss::too_large;
    return nullptr;
  }
  // simdjson reads some octets past the end, which have to be ours.
  std::copy(octets.begin(), octets.end(), padded_.begin());
  auto error = json_->parser.allocate(max_datagram, max_depth);
  dom::element root;
  if (error == simdjson::SUCCESS)
    error = json_->parser.parse(padded_.data(), octets.size(), false).get(root);
  if (error != simdjson::SUCCESS) {
    fault_ = fault_of(error, octets);
    return nullptr;
  }
  if (const Fault fault = read_datagram(root, datagram_, PolicyReader(texts_, failures_))) {
    fault_ = *fault;
    return nullptr;
  }
  return &datagram_;
}

}  // namespace tlsrpt::milter
