#include "reporter/report/report_json.h"

#include <gtest/gtest.h>

#include "policy/text.h"
#include "reporter/report/report_builder.h"
#include "reporter/report/report_name.h"
#include "reporter/report/report_reader.h"
#include "tests/support/random_report.h"

namespace tlsrpt::reporter {
namespace {

using policy::PolicyType;
using policy::ResultType;
using testing_support::RandomReports;
using testing_support::report_day;
using testing_support::report_settings;

Report empty_report() {
  Report report;
  report.organization_name = "Example \"Relay\"";
  report.contact_info = "tls-reports@relay.example";
  report.submitter = "relay.example";
  report.domain = "a.example";
  report.day = report_day;
  return report;
}

TEST(ReportJson, HasGooglesShape) {
  Report report = empty_report();
  report.policies.push_back({{PolicyType::no_policy_found, "a.example", {}, {}}, 3, 0, {}});
  EXPECT_EQ(report_json(report),
            R"({"organization-name":"Example \"Relay\"","date-range":{"start-datetime":)"
            R"("2026-11-22T00:00:00Z","end-datetime":"2026-11-22T23:59:59Z"},"contact-info":)"
            R"("tls-reports@relay.example","report-id":"20261122.a.example.1@relay.example",)"
            R"("policies":[{"policy":{"policy-type":"no-policy-found","policy-domain":)"
            R"("a.example"},"summary":{"total-successful-session-count":3,)"
            R"("total-failure-session-count":0}}]})");
}

TEST(ReportJson, WritesWhatIsKnownAndNothingElse) {
  Report report = empty_report();
  FailureDetail whole;
  whole.result_type = ResultType::certificate_expired;
  whole.sending_mta_ip = "192.0.2.25";
  whole.receiving_mx_hostname = "mx.a.example";
  whole.receiving_mx_helo = "helo.a.example";
  whole.receiving_ip = "2001:db8::1";
  whole.failed_session_count = 2;
  whole.additional_information = "https://relay.example/";
  whole.failure_reason_code = "reason";
  FailureDetail bare;
  bare.result_type = ResultType::sts_policy_fetch_error;
  bare.failed_session_count = 1;
  report.policies.push_back(
      {{PolicyType::sts, "a.example", {"version: STSv1"}, {"*.a.example"}}, 0, 3, {whole, bare}});
  report.policies.push_back({{PolicyType::tlsa, "mx.a.example", {"3 1 1 AB"}, {"x"}}, 1, 0, {}});
  const std::string json = report_json(report);
  EXPECT_EQ(
      json.substr(json.find("\"policies\"")),
      R"("policies":[{"policy":{"policy-type":"sts","policy-string":["version: STSv1"],)"
      R"("policy-domain":"a.example","mx-host":["*.a.example"]},"summary":{)"
      R"("total-successful-session-count":0,"total-failure-session-count":3},"failure-details":)"
      R"([{"result-type":"certificate-expired","sending-mta-ip":"192.0.2.25",)"
      R"("receiving-mx-hostname":"mx.a.example","receiving-mx-helo":"helo.a.example",)"
      R"("receiving-ip":"2001:db8::1","failed-session-count":2,"additional-information":)"
      R"("https://relay.example/","failure-reason-code":"reason"},{"result-type":)"
      R"("sts-policy-fetch-error","failed-session-count":1}]},{"policy":{"policy-type":"tlsa",)"
      R"("policy-string":["3 1 1 AB"],"policy-domain":"mx.a.example"},"summary":{)"
      R"("total-successful-session-count":1,"total-failure-session-count":0}}]})");
}

TEST(ReportJson, AnyReportIsReadBackWithoutComplaint) {
  RandomReports random(1);
  for (int round = 0; round < 120; ++round) {
    const std::string domain = random.domain();
    const auto day = report_day + std::chrono::days(random.below(4000));
    const Report report = make_report(random.evaluation(domain), report_settings(), day, domain,
                                      1 + random.below(2000));
    const std::string json = report_json(report);
    EXPECT_TRUE(policy::is_utf8(json));
    EXPECT_EQ(json.find("null"), std::string::npos);
    EXPECT_EQ(json.find(":\"\""), std::string::npos);
    EXPECT_EQ(json.find("[]"), std::string::npos);
    const auto read = read_report_json(json);
    ASSERT_TRUE(read.ok()) << json;
    EXPECT_EQ(read->complaints.list(), std::vector<std::string>{});
    EXPECT_EQ(read->report.organization_name, report.organization_name);
    EXPECT_EQ(read->report.contact_info, report.contact_info);
    EXPECT_EQ(read->report.submitter, report.submitter);
    EXPECT_EQ(read->report.domain, report.domain);
    EXPECT_EQ(read->report.day, report.day);
    EXPECT_EQ(read->report.revision, report.revision);
    EXPECT_EQ(read->report.policies, report.policies);
  }
}

// A report of MANY failure details, and a long policy.
Report large_report(unsigned many) {
  Report report = empty_report();
  PolicyResult entry;
  entry.policy = {PolicyType::sts, "a.example", std::vector<std::string>(300, "mx: a.example"), {}};
  for (unsigned i = 0; i < many; ++i) {
    FailureDetail detail;
    detail.result_type = static_cast<ResultType>(i % 11 + 1);
    detail.receiving_mx_hostname = "mx" + std::to_string(i) + ".a.example";
    detail.failed_session_count = i + 1;
    entry.failure_details.push_back(detail);
    entry.failed_sessions += i + 1;
  }
  report.policies.push_back(entry);
  return report;
}

TEST(FitReportJson, WhatFitsStaysAsItIs) {
  Report report = large_report(100);
  const std::string json = report_json(report);
  EXPECT_EQ(fit_report_json(report, json.size()), json);
}

TEST(FitReportJson, DetailsAreFoldedUntilItFitsAndCountsStay) {
  for (const std::uint64_t limit :
       {std::uint64_t{100'000}, std::uint64_t{20'000}, std::uint64_t{8'000}}) {
    Report report = large_report(5000);
    const std::uint64_t failed = report.policies[0].failed_sessions;
    const std::string json = fit_report_json(report, limit);
    EXPECT_LE(json.size(), limit);
    EXPECT_EQ(json, report_json(report));
    EXPECT_EQ(report.policies[0].policy.policy_string.size(), 300U);
    std::uint64_t sum = 0;
    for (const FailureDetail& each : report.policies[0].failure_details) {
      sum += each.failed_session_count;
    }
    EXPECT_EQ(sum, failed);
    EXPECT_EQ(report.policies[0].failed_sessions, failed);
  }
}

TEST(FitReportJson, PolicyStringsGoLastAndTheShortestFormIsAlwaysWritten) {
  Report report = large_report(50);
  EXPECT_LE(fit_report_json(report, 4096).size(), 4096U);
  EXPECT_TRUE(report.policies[0].policy.policy_string.empty());
  Report again = large_report(50);
  EXPECT_EQ(fit_report_json(again, 1), fit_report_json(report, 1));
  EXPECT_EQ(again.policies[0].failed_sessions, 1275U);
}

}  // namespace
}  // namespace tlsrpt::reporter
