#include "reporter/report/report_json.h"

#include <algorithm>

#include "policy/utc_day.h"
#include "policy/vocabulary.h"
#include "reporter/report/evaluation.h"
#include "reporter/report/report_name.h"

namespace tlsrpt::reporter {
namespace {

void write_known(JsonWriter& writer, std::string_view key, const std::string& text) {
  if (!text.empty()) writer.text_field(key, text);
}

void write_known(JsonWriter& writer, std::string_view key, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  writer.key(key);
  writer.begin_array();
  for (const std::string& text : texts) writer.text(text);
  writer.end_array();
}

void write_policy(JsonWriter& writer, const policy::AppliedPolicy& policy) {
  writer.key("policy");
  writer.begin_object();
  writer.text_field("policy-type", policy::to_text(policy.type));
  write_known(writer, "policy-string", policy.policy_string);
  writer.text_field("policy-domain", policy.policy_domain);
  // RFC 8460, 4.4: only where "policy-type" is "sts"; an array in spite of Appendix B.
  if (policy.type == policy::PolicyType::sts) write_known(writer, "mx-host", policy.mx_host);
  writer.end_object();
}

void write_detail(JsonWriter& writer, const FailureDetail& detail) {
  writer.begin_object();
  writer.text_field("result-type", policy::to_text(detail.result_type));
  write_known(writer, "sending-mta-ip", detail.sending_mta_ip);
  write_known(writer, "receiving-mx-hostname", detail.receiving_mx_hostname);
  write_known(writer, "receiving-mx-helo", detail.receiving_mx_helo);
  write_known(writer, "receiving-ip", detail.receiving_ip);
  writer.number_field("failed-session-count", detail.failed_session_count);
  write_known(writer, "additional-information", detail.additional_information);
  write_known(writer, "failure-reason-code", detail.failure_reason_code);
  writer.end_object();
}

std::size_t largest_detail_count(const Report& report) {
  std::size_t largest = 0;
  for (const PolicyResult& each : report.policies) {
    largest = std::max(largest, each.failure_details.size());
  }
  return largest;
}

}  // namespace

void write_policies(JsonWriter& writer, const std::vector<PolicyResult>& policies) {
  writer.begin_array();
  for (const PolicyResult& each : policies) {
    writer.begin_object();
    write_policy(writer, each.policy);
    writer.key("summary");
    writer.begin_object();
    writer.number_field("total-successful-session-count", each.successful_sessions);
    writer.number_field("total-failure-session-count", each.failed_sessions);
    writer.end_object();
    if (!each.failure_details.empty()) {
      writer.key("failure-details");
      writer.begin_array();
      for (const FailureDetail& detail : each.failure_details) write_detail(writer, detail);
      writer.end_array();
    }
    writer.end_object();
  }
  writer.end_array();
}

std::string report_json(const Report& report) {
  using std::chrono::seconds;
  const policy::UtcSeconds start = report.day;
  const policy::UtcSeconds end = start + std::chrono::days(1) - seconds(1);
  JsonWriter writer;
  writer.begin_object();
  writer.text_field("organization-name", report.organization_name);
  writer.key("date-range");
  writer.begin_object();
  writer.text_field("start-datetime", policy::to_text(start));
  writer.text_field("end-datetime", policy::to_text(end));
  writer.end_object();
  writer.text_field("contact-info", report.contact_info);
  writer.text_field("report-id",
                    make_report_id({report.day, report.domain, report.revision, report.submitter}));
  writer.key("policies");
  write_policies(writer, report.policies);
  writer.end_object();
  return writer.take();
}

std::string fit_report_json(Report& report, std::uint64_t max_size) {
  std::string json = report_json(report);
  for (std::size_t details = largest_detail_count(report); json.size() > max_size && details > 1;) {
    details /= 2;
    for (PolicyResult& each : report.policies) {
      each.failure_details = fold_details(std::move(each.failure_details), details);
    }
    json = report_json(report);
  }
  if (json.size() > max_size) {
    // Left out is not invented: a policy whose text is unknown is written without it, too.
    for (PolicyResult& each : report.policies) each.policy.policy_string.clear();
    json = report_json(report);
  }
  return json;
}

}  // namespace tlsrpt::reporter
