#include "reporter/report/report_reader.h"

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "policy/ip_address.h"
#include "policy/text.h"
#include "reporter/report/report_name.h"

namespace tlsrpt::reporter {
namespace {

using nlohmann::json;
using policy::Errc;
using policy::Error;

// I-JSON numbers are exact up to here (RFC 7493, 2.2).
constexpr std::uint64_t max_exact_number = (std::uint64_t{1} << 53U) - 1;
// Of a text that is quoted in a complaint.
constexpr std::size_t max_quote = 60;
constexpr std::string_view bom = "\xEF\xBB\xBF";

std::string quote(std::string_view text) {
  return "\"" + std::string(text.substr(0, max_quote)) + (text.size() > max_quote ? "...\"" : "\"");
}

// Notices, while the parser works, what its result would no longer show.
class ParseWatch {
 public:
  explicit ParseWatch(Complaints& complaints) : complaints_(complaints) {}

  // Whether the parser is to keep the value.
  bool event(int depth, json::parse_event_t event, const json& parsed) {
    const auto level = static_cast<std::size_t>(std::max(depth, 0));
    if (level >= max_json_depth) {
      too_deep_ = true;
      return false;
    }
    if (event == json::parse_event_t::object_start) {
      if (keys_.size() <= level + 1) keys_.resize(level + 2);
      keys_[level + 1].clear();
    } else if (event == json::parse_event_t::key && level < keys_.size()) {
      const auto& name = parsed.get_ref<const std::string&>();
      // RFC 7493, 2.3: no duplicate names.
      if (!keys_[level].insert(name).second) complaints_.add(quote(name) + " stands twice");
    }
    return true;
  }

  bool too_deep() const { return too_deep_; }

 private:
  Complaints& complaints_;
  std::vector<std::set<std::string>> keys_;  // Of the object open at each depth.
  bool too_deep_ = false;
};

policy::Result<json> parse(std::string_view text, Complaints& complaints) {
  ParseWatch watch(complaints);
  const auto callback = [&watch](int depth, json::parse_event_t event, json& parsed) {
    return watch.event(depth, event, parsed);
  };
  try {
    json document = json::parse(text, callback);
    if (watch.too_deep()) return Error(Errc::limit, "JSON: nested too deep");
    return document;
  } catch (const json::exception& problem) {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: ..."
    const std::string_view what = problem.what();
    const std::size_t end = what.find("] ");
    return Error(
        Errc::syntax,
        "no JSON: " + std::string(end == std::string_view::npos ? what : what.substr(end + 2)));
  }
}

// Reads the members of one object and complains, with its place, about what it finds.
class ObjectReader {
 public:
  ObjectReader(const json& object, std::string place, Complaints& complaints)
      : object_(object), place_(std::move(place)), complaints_(complaints) {}

  void complain(const std::string& text) const {
    complaints_.add(place_.empty() ? text : place_ + ": " + text);
  }

  // The member, null where it is absent.
  const json* find(const char* key) const {
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }

  // The first of two keys, or with a complaint the second, which drafts and some software have.
  const json* find(const char* key, const char* other_key) const {
    if (const json* member = find(key)) return member;
    const json* member = find(other_key);
    if (member != nullptr) complain(std::string(other_key) + " should be " + key);
    return member;
  }

  const json* required(const char* key) const {
    const json* member = find(key);
    if (member == nullptr) complain(std::string(key) + " is missing");
    return member;
  }

  // The text of MEMBER, named KEY: empty where it is null or no text (complained about) or absent.
  std::string text(const json* member, const char* key) const {
    if (member == nullptr) return {};
    if (!member->is_string()) {
      complain(std::string(key) + " is " + member->type_name() + ", not a string");
      return {};
    }
    return member->get<std::string>();
  }

  std::uint64_t count(const char* key) const {
    const json* member = required(key);
    if (member == nullptr) return 0;
    if (!member->is_number_unsigned()) {
      complain(std::string(key) + " is no whole number");
      return 0;
    }
    const auto value = member->get<std::uint64_t>();
    if (value <= max_exact_number) return value;
    complain(std::string(key) + " is larger than 2^53");
    return max_exact_number;
  }

  // An array of strings; a lone string is taken for one with a complaint (RFC 8460, App. B).
  std::vector<std::string> texts(const json* member, const char* key) const {
    if (member == nullptr) return {};
    if (!member->is_array()) {
      std::string one = text(member, key);
      if (one.empty()) return {};
      complain(std::string(key) + " is a string, not an array of strings");
      return {std::move(one)};
    }
    std::vector<std::string> all;
    for (const json& element : *member) {
      std::string one = text(&element, key);
      if (!one.empty()) all.push_back(std::move(one));
    }
    return all;
  }

  // The array KEY; a lone object is taken for one with a complaint. Null where there is none.
  const json* list(const char* key) const {
    const json* member = find(key);
    if (member == nullptr || member->is_null()) return nullptr;
    if (!member->is_array() && !member->is_object()) {
      complain(std::string(key) + " is " + member->type_name() + ", not an array");
      return nullptr;
    }
    if (member->is_object()) complain(std::string(key) + " is an object, not an array");
    return member;
  }

  // The object KEY, an empty one where it is missing or something else.
  const json& object(const char* key) const {
    static const json nothing = json::object();
    const json* member = required(key);
    if (member == nullptr) return nothing;
    if (member->is_object()) return *member;
    complain(std::string(key) + " is " + member->type_name() + ", not an object");
    return nothing;
  }

 private:
  const json& object_;
  std::string place_;
  Complaints& complaints_;
};

// Calls EACH(object, place) for the elements of LIST (or for LIST itself, where it is an object).
template <class Each>
void for_objects(const json* list, const std::string& place, std::size_t max,
                 Complaints& complaints, const Each& each) {
  if (list == nullptr) return;
  if (list->is_object()) {
    each(*list, place);
    return;
  }
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string here = place + "[" + std::to_string(i) + "]";
    if (i == max) {
      complaints.add(place + ": only the first " + std::to_string(max) + " are shown");
      return;
    }
    if ((*list)[i].is_object()) {
      each((*list)[i], here);
    } else {
      complaints.add(here + " is no object");
    }
  }
}

std::string read_address(const ObjectReader& reader, const char* key) {
  std::string text = reader.text(reader.find(key), key);
  if (!text.empty() && !policy::IpAddress::parse(text)) {
    reader.complain(std::string(key) + " is no IP address: " + quote(text));
  }
  return text;
}

// *UNKNOWN_TYPE is set where the type is none of RFC 8460.
FailureDetail read_detail(const ObjectReader& reader, std::optional<std::string>* unknown_type) {
  FailureDetail detail;
  const std::string type = reader.text(reader.required("result-type"), "result-type");
  if (const auto known = policy::parse_result_type(type)) {
    detail.result_type = *known;
  } else {
    if (!type.empty()) reader.complain("unknown result-type " + quote(type));
    *unknown_type = type;
  }
  detail.sending_mta_ip = read_address(reader, "sending-mta-ip");
  detail.receiving_ip = read_address(reader, "receiving-ip");
  const auto text = [&reader](const char* key) { return reader.text(reader.find(key), key); };
  detail.receiving_mx_hostname = text("receiving-mx-hostname");
  detail.receiving_mx_helo = text("receiving-mx-helo");
  detail.failed_session_count = reader.count("failed-session-count");
  // The second keys: the RFC's placeholder, and the example of its drafts.
  detail.additional_information = reader.text(
      reader.find("additional-information", "additional-info-uri"), "additional-information");
  detail.failure_reason_code =
      reader.text(reader.find("failure-reason-code", "failure-error-code"), "failure-reason-code");
  return detail;
}

// *UNKNOWN_TYPE is set where the type is none of RFC 8460.
policy::AppliedPolicy read_policy(const ObjectReader& reader,
                                  std::optional<std::string>* unknown_type) {
  policy::AppliedPolicy policy;
  const std::string type = reader.text(reader.required("policy-type"), "policy-type");
  if (const auto known = policy::parse_policy_type(type)) {
    policy.type = *known;
  } else {
    if (!type.empty()) reader.complain("unknown policy-type " + quote(type));
    *unknown_type = type;
  }
  policy.policy_domain = reader.text(reader.required("policy-domain"), "policy-domain");
  // Missing is no fault: a sender that knows only the type has nothing to write there.
  policy.policy_string = reader.texts(reader.find("policy-string"), "policy-string");
  policy.mx_host = reader.texts(reader.find("mx-host", "mx-host-pattern"), "mx-host");
  return policy;
}

// Sums that cannot be (RFC 8460, 4.2 and 4.4). Types may overlap, so that the sum of all details
// may exceed the total.
void check_counts(const PolicyResult& result, const ObjectReader& reader) {
  if (result.failed_sessions == 0 && !result.failure_details.empty()) {
    reader.complain("failure-details, but no failed session");
  }
  if (result.failed_sessions > 0 && result.failure_details.empty()) {
    reader.complain("failed sessions without failure-details");
  }
  for (const FailureDetail& detail : result.failure_details) {
    if (detail.failed_session_count > result.failed_sessions) {
      reader.complain("a failed-session-count is larger than total-failure-session-count");
      return;
    }
  }
}

PolicyResult read_result(const json& object, const std::string& place, ReadReport& read) {
  Complaints& complaints = read.complaints;
  const std::size_t index = read.report.policies.size();
  const ObjectReader reader(object, place, complaints);
  PolicyResult result;
  std::optional<std::string> unknown;
  result.policy =
      read_policy(ObjectReader(reader.object("policy"), place + ".policy", complaints), &unknown);
  if (unknown) read.unknown_policy_types[index] = *std::move(unknown);
  const ObjectReader summary(reader.object("summary"), place + ".summary", complaints);
  result.successful_sessions = summary.count("total-successful-session-count");
  result.failed_sessions = summary.count("total-failure-session-count");
  for_objects(reader.list("failure-details"), place + ".failure-details", max_read_details,
              complaints, [&](const json& detail, const std::string& here) {
                std::optional<std::string> unknown_type;
                FailureDetail one =
                    read_detail(ObjectReader(detail, here, complaints), &unknown_type);
                const std::size_t at = result.failure_details.size();
                if (unknown_type) read.unknown_result_types[{index, at}] = *std::move(unknown_type);
                result.failure_details.push_back(std::move(one));
              });
  check_counts(result, reader);
  return result;
}

// "+01:00" or "-01:00" as seconds east of UTC.
std::optional<std::chrono::seconds> parse_offset(std::string_view text) {
  if (text == "Z" || text == "z") return std::chrono::seconds(0);
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return std::nullopt;
  const auto hours = policy::parse_number<unsigned>(text.substr(1, 2));
  const auto minutes = policy::parse_number<unsigned>(text.substr(4, 2));
  if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const std::chrono::seconds offset = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
  return text[0] == '-' ? -offset : offset;
}

// An instant of RFC 3339, 5.6 in all its forms; none for any other text.
std::optional<policy::UtcSeconds> parse_rfc3339(std::string_view text) {
  if (text.size() < 20) return std::nullopt;
  std::string head(text.substr(0, 19));
  if (head[10] == 't' || head[10] == ' ') head[10] = 'T';
  const auto local = policy::parse_instant(head + "Z");
  text.remove_prefix(19);
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    const std::size_t digits = text.find_first_not_of("0123456789");
    if (digits == 0 || digits == std::string_view::npos) return std::nullopt;
    text.remove_prefix(digits);
  }
  const auto offset = parse_offset(text);
  if (!local || !offset) return std::nullopt;
  return *local - *offset;
}

std::optional<policy::UtcSeconds> read_instant(const ObjectReader& reader, const char* key) {
  const std::string text = reader.text(reader.required(key), key);
  if (text.empty()) return std::nullopt;
  const auto instant = parse_rfc3339(text);
  if (!instant) {
    reader.complain(std::string(key) + " is no date-time of RFC 3339: " + quote(text));
  } else if (!policy::parse_instant(text)) {
    reader.complain(std::string(key) + " is not YYYY-MM-DDTHH:MM:SSZ: " + quote(text));
  }
  return instant;
}

void read_range(const ObjectReader& top, ReadReport& read) {
  const ObjectReader range(top.object("date-range"), "date-range", read.complaints);
  read.begin = read_instant(range, "start-datetime");
  read.end = read_instant(range, "end-datetime");
  if (read.begin) read.report.day = policy::day_of(*read.begin);
  if (!read.begin || !read.end) return;
  // RFC 8460, 4.1: a full UTC day.
  const bool whole_day = *read.begin == policy::UtcSeconds(read.report.day);
  const std::chrono::seconds length = *read.end - *read.begin;
  if (whole_day && length == std::chrono::days(1)) {
    range.complain("ends at the next midnight, not at 23:59:59Z");
  } else if (!whole_day || length != std::chrono::days(1) - std::chrono::seconds(1)) {
    range.complain("is not one UTC day");
  }
}

void read_identity(const ObjectReader& top, ReadReport& read) {
  Report& report = read.report;
  report.organization_name = top.text(top.required("organization-name"), "organization-name");
  report.contact_info = top.text(top.required("contact-info"), "contact-info");
  const std::size_t at = report.contact_info.rfind('@');
  if (at != std::string::npos) {
    report.submitter = policy::to_lower(std::string_view(report.contact_info).substr(at + 1));
  } else if (!report.contact_info.empty()) {
    top.complain("contact-info is no mail address: " + quote(report.contact_info));
  }
  read.report_id = top.text(top.required("report-id"), "report-id");
}

void find_domain(ReadReport& read) {
  Report& report = read.report;
  if (const auto key = parse_report_id(read.report_id)) {
    report.domain = key->domain;
    report.revision = key->revision;
    return;
  }
  for (const PolicyResult& each : report.policies) {
    if (report.domain.empty() || each.policy.type != policy::PolicyType::tlsa) {
      report.domain = each.policy.policy_domain;
      if (each.policy.type != policy::PolicyType::tlsa) return;
    }
  }
}

}  // namespace

void Complaints::add(std::string text) {
  if (texts_.size() < max_complaints) {
    texts_.push_back(std::move(text));
  } else {
    ++more_;
  }
}

std::vector<std::string> Complaints::list() const {
  std::vector<std::string> all = texts_;
  if (more_ > 0) all.push_back("and " + std::to_string(more_) + " more");
  return all;
}

policy::Result<ReadReport> read_report_json(std::string_view json_text) {
  if (json_text.size() > max_report_json) return Error(Errc::limit, "JSON: over 20 MiB");
  ReadReport read;
  if (json_text.starts_with(bom)) {
    json_text.remove_prefix(bom.size());
    read.complaints.add("begins with a byte order mark");
  }
  const auto document = parse(json_text, read.complaints);
  if (!document) return document.error();
  if (!document->is_object()) return Error(Errc::syntax, "no report: the JSON is no object");
  const ObjectReader top(*document, "", read.complaints);
  if (top.find("policies") == nullptr) {
    return Error(Errc::syntax, "no report: the JSON has no \"policies\"");
  }
  read_identity(top, read);
  read_range(top, read);
  for_objects(top.list("policies"), "policies", max_read_policies, read.complaints,
              [&read](const json& object, const std::string& place) {
                read.report.policies.push_back(read_result(object, place, read));
              });
  if (read.report.policies.empty()) top.complain("policies is empty");
  find_domain(read);
  return read;
}

}  // namespace tlsrpt::reporter
