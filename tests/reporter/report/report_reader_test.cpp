#include "reporter/report/report_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A report with POLICIES as its list, the rest faultless.
std::string with_policies(const std::string& policies) {
  return R"({"organization-name":"Google Inc.","date-range":{"start-datetime":)"
         R"("2024-09-03T00:00:00Z","end-datetime":"2024-09-03T23:59:59Z"},"contact-info":)"
         R"("smtp-tls-reporting@google.com","report-id":"2024-09-03T00:00:00Z_a.example",)"
         R"("policies":)" +
         policies + "}";
}

const std::string plain_policy =
    R"([{"policy":{"policy-type":"no-policy-found","policy-domain":"a.example"},)"
    R"("summary":{"total-successful-session-count":3,"total-failure-session-count":0}}])";

// One failing sts entry with DETAIL as its only failure detail.
std::string with_detail(const std::string& detail) {
  return with_policies(
      R"([{"policy":{"policy-type":"sts","policy-string":["version: STSv1"],"policy-domain":)"
      R"("a.example","mx-host":["*.a.example"]},"summary":{"total-successful-session-count":1,)"
      R"("total-failure-session-count":2},"failure-details":[)" +
      detail + "]}]");
}

ReadReport good(const std::string& json) {
  auto read = read_report_json(json);
  EXPECT_TRUE(read.ok()) << (read.ok() ? "" : read.error().message());
  return read.ok() ? *std::move(read) : ReadReport{};
}

std::vector<std::string> complaints(const std::string& json) {
  return good(json).complaints.list();
}

Errc bad(const std::string& json) {
  const auto read = read_report_json(json);
  EXPECT_FALSE(read.ok());
  return read.ok() ? Errc::internal : read.error().code();
}

// TEXT with the first FROM replaced by TO.
std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

TEST(ReportReader, ReadsGooglesShapeWithoutComplaint) {
  const ReadReport read = good(with_policies(
      R"([{"policy":{"policy-type":"sts","policy-string":["version: STSv1","mode: enforce",)"
      R"("mx: *.a.example","max_age: 86400"],"policy-domain":"a.example","mx-host":)"
      R"(["*.a.example"]},"summary":{"total-successful-session-count":10,)"
      R"("total-failure-session-count":2},"failure-details":[{"result-type":)"
      R"("certificate-expired","sending-mta-ip":"2001:db8::1","receiving-ip":"192.0.2.1",)"
      R"("receiving-mx-hostname":"mx.a.example","failed-session-count":2}]}])"));
  EXPECT_THAT(read.complaints.list(), IsEmpty());
  EXPECT_EQ(read.report.organization_name, "Google Inc.");
  EXPECT_EQ(read.report.submitter, "google.com");
  EXPECT_EQ(read.report.domain, "a.example");
  EXPECT_EQ(read.report_id, "2024-09-03T00:00:00Z_a.example");
  EXPECT_EQ(policy::to_text(read.report.day), "2024-09-03");
  ASSERT_EQ(read.report.policies.size(), 1U);
  const PolicyResult& entry = read.report.policies[0];
  EXPECT_EQ(entry.policy.type, policy::PolicyType::sts);
  EXPECT_EQ(entry.policy.policy_string.size(), 4U);
  EXPECT_EQ(entry.policy.mx_host, std::vector<std::string>{"*.a.example"});
  EXPECT_EQ(entry.successful_sessions, 10U);
  EXPECT_EQ(entry.failed_sessions, 2U);
  ASSERT_EQ(entry.failure_details.size(), 1U);
  EXPECT_EQ(entry.failure_details[0].result_type, policy::ResultType::certificate_expired);
  EXPECT_EQ(entry.failure_details[0].sending_mta_ip, "2001:db8::1");
  EXPECT_EQ(entry.failure_details[0].receiving_ip, "192.0.2.1");
  EXPECT_EQ(entry.failure_details[0].receiving_mx_hostname, "mx.a.example");
}

TEST(ReportReader, ReadsTheExampleOfRfc8460WithOneComplaint) {
  // Appendix B, without the line breaks inside of strings; erratum 6241: mx-host is no array.
  const auto read = good(
      R"({"organization-name":"Company-X","date-range":{"start-datetime":"2016-04-01T00:00:00Z",
      "end-datetime":"2016-04-01T23:59:59Z"},"contact-info":"sts-reporting@company-x.example",
      "report-id":"5065427c-23d3-47ca-b6e0-946ea0e8c4be","policies":[{"policy":{"policy-type":"sts",
      "policy-string":["version: STSv1","mode: testing","mx: *.mail.company-y.example",
      "max_age: 86400"],"policy-domain":"company-y.example","mx-host":"*.mail.company-y.example"},
      "summary":{"total-successful-session-count":5326,"total-failure-session-count":303},
      "failure-details":[{"result-type":"certificate-expired","sending-mta-ip":
      "2001:db8:abcd:0012::1","receiving-mx-hostname":"mx1.mail.company-y.example",
      "failed-session-count":100},{"result-type":"starttls-not-supported","sending-mta-ip":
      "2001:db8:abcd:0013::1","receiving-mx-hostname":"mx2.mail.company-y.example","receiving-ip":
      "203.0.113.56","failed-session-count":200,"additional-information":"https://x.example/"},
      {"result-type":"validation-failure","sending-mta-ip":"198.51.100.62","receiving-ip":
      "203.0.113.58","receiving-mx-hostname":"mx-backup.mail.company-y.example",
      "failed-session-count":3,"failure-reason-code":
      "X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED"}]}]})");
  EXPECT_THAT(read.complaints.list(),
              ::testing::ElementsAre("policies[0].policy: mx-host is a string, not an array of "
                                     "strings"));
  const auto& details = read.report.policies.at(0).failure_details;
  ASSERT_EQ(details.size(), 3U);
  EXPECT_EQ(details[1].additional_information, "https://x.example/");
  EXPECT_EQ(details[2].failure_reason_code, "X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED");
}

TEST(ReportReader, ReadsMicrosoftsShape) {
  // One session under two policies; a JSON text inside of policy-string; a fetch error with
  // nothing but its count.
  const ReadReport read = good(with_policies(
      R"([{"policy":{"policy-type":"sts","policy-string":["version: STSv1"],"policy-domain":)"
      R"("a.example"},"summary":{"total-successful-session-count":0,"total-failure-session-count":)"
      R"(4},"failure-details":[{"result-type":"sts-policy-fetch-error",)"
      R"("failed-session-count":4}]},)"
      R"({"policy":{"policy-type":"tlsa","policy-string":["[\"3 1 1 AB\",\"3 1 1 CD\"]"],)"
      R"("policy-domain":"a.example"},"summary":{"total-successful-session-count":0,)"
      R"("total-failure-session-count":4},"failure-details":[{"result-type":)"
      R"("validation-failure","failure-reason-code":"MX_HOSTS_MISMATCH",)"
      R"("failed-session-count":4}]}])"));
  EXPECT_THAT(read.complaints.list(), IsEmpty());
  ASSERT_EQ(read.report.policies.size(), 2U);
  EXPECT_EQ(read.report.policies[1].failure_details[0].failure_reason_code, "MX_HOSTS_MISMATCH");
}

TEST(ReportReader, ReadsStalwartsShapeWithComplaints) {
  std::string json = with_policies(
      R"([{"policy":{"policy-type":"no-policy-found","policy-string":[],"policy-domain":)"
      R"("a.example","mx-host":[]},"summary":{"total-successful-session-count":1,)"
      R"("total-failure-session-count":0},"failure-details":[]}])");
  json = replaced(json, R"("smtp-tls-reporting@google.com")", "null");
  json = replaced(json, "2024-09-03T23:59:59Z", "2024-09-04T00:00:00Z");
  const auto found = complaints(json);
  EXPECT_THAT(found, Contains("contact-info is null, not a string"));
  EXPECT_THAT(found, Contains("date-range: ends at the next midnight, not at 23:59:59Z"));
  EXPECT_EQ(found.size(), 2U);
}

TEST(ReportReader, ReadsSys4sKeyOrderAndWholeEhloReplies) {
  const ReadReport read =
      good(R"({"policies":[{"summary":{"total-successful-session-count":0,)"
           R"("total-failure-session-count":)"
           R"(1},"policy":{"policy-type":"no-policy-found","policy-domain":"a.example"},)"
           R"("failure-details":[{"result-type":"validation-failure","receiving-mx-helo":)"
           R"("mx\r\nPIPELINING","failed-session-count":1}]}],"contact-info":"a@b.example",)"
           R"("organization-name":"b","date-range":{"start-datetime":"2025-09-20T00:00:00Z",)"
           R"("end-datetime":"2025-09-20T23:59:59Z"},)"
           R"("report-id":"2025-09-20T00:00:00Z_idx1_a.example"})");
  EXPECT_THAT(read.complaints.list(), IsEmpty());
  EXPECT_EQ(read.report.policies[0].failure_details[0].receiving_mx_helo, "mx\r\nPIPELINING");
}

TEST(ReportReader, ReadsMailRusOverlappingDetails) {
  const std::string json =
      with_detail(R"({"result-type":"sts-policy-fetch-error","failed-session-count":2},)"
                  R"({"result-type":"validation-failure","failed-session-count":1})");
  // RFC 8460, 4: types may overlap, so the sum of 3 is no fault.
  EXPECT_THAT(complaints(json), IsEmpty());
}

TEST(ReportReader, FindsTheDomainOfTlsaReports) {
  const std::string tlsa =
      R"({"policy":{"policy-type":"tlsa","policy-string":["3 1 1 AB"],"policy-domain":)"
      R"("mx.a.example"},"summary":{"total-successful-session-count":1,)"
      R"("total-failure-session-count":0}})";
  EXPECT_EQ(good(with_policies("[" + tlsa + "]")).report.domain, "mx.a.example");
  EXPECT_EQ(good(with_policies("[" + tlsa + "," + plain_policy.substr(1))).report.domain,
            "a.example");
  const auto ours = good(replaced(with_policies("[" + tlsa + "]"), "2024-09-03T00:00:00Z_a.example",
                                  "20240903.a.example.2@google.com"));
  EXPECT_EQ(ours.report.domain, "a.example");
  EXPECT_EQ(ours.report.revision, 2U);
}

TEST(ReportReader, ComplainsAboutEachMissingKey) {
  const std::string whole =
      with_detail(R"({"result-type":"tlsa-invalid","failed-session-count":2})");
  ASSERT_THAT(complaints(whole), IsEmpty());
  for (const char* key : {"organization-name", "date-range", "start-datetime", "end-datetime",
                          "contact-info", "report-id", "policy", "policy-type", "policy-domain",
                          "summary", "total-successful-session-count",
                          "total-failure-session-count", "result-type", "failed-session-count"}) {
    const auto found = complaints(
        replaced(whole, "\"" + std::string(key) + "\"", "\"x-" + std::string(key) + "\""));
    EXPECT_THAT(found, Contains(HasSubstr(std::string(key) + " is missing"))) << key;
  }
}

TEST(ReportReader, ComplainsAboutWrongTypesAndValues) {
  const std::string whole = with_detail(
      R"({"result-type":"tlsa-invalid","receiving-ip":"192.0.2.1","failed-session-count":2})");
  const auto complains = [&whole](const char* from, const char* to, const char* about) {
    EXPECT_THAT(complaints(replaced(whole, from, to)), Contains(HasSubstr(about))) << to;
  };
  complains("\"Google Inc.\"", "7", "organization-name is number, not a string");
  complains("smtp-tls-reporting@google.com", "https://x.example", "is no mail address");
  complains("2024-09-03T00:00:00Z", "yesterday", "start-datetime is no date-time");
  complains("2024-09-03T00:00:00Z", "2024-09-03T02:00:00+02:00", "is not YYYY-MM-DDTHH:MM:SSZ");
  complains("2024-09-03T00:00:00Z", "2024-09-03T12:00:00Z", "is not one UTC day");
  complains("\"sts\"", "\"STS\"", "unknown policy-type \"STS\"");
  complains("[\"version: STSv1\"]", "\"version: STSv1\"", "policy-string is a string");
  complains("[\"version: STSv1\"]", "[7]", "policy-string is number");
  complains("\"tlsa-invalid\"", "\"tlsa_invalid\"", "unknown result-type \"tlsa_invalid\"");
  complains("192.0.2.1", "192.0.2.256", "receiving-ip is no IP address");
  complains("\"failed-session-count\":2", "\"failed-session-count\":-2", "no whole number");
  complains("\"failed-session-count\":2", "\"failed-session-count\":2.5", "no whole number");
  complains("\"failed-session-count\":2", "\"failed-session-count\":\"2\"", "no whole number");
  complains("\"failed-session-count\":2", "\"failed-session-count\":3", "is larger than");
  complains("-failure-session-count\":2", "-failure-session-count\":0", "but no failed session");
  complains("\"mx-host\"", "\"mx-host-pattern\"", "mx-host-pattern should be mx-host");
  complains("\"report-id\"", "\"contact-info\":\"x@y\",\"report-id\"", "stands twice");
}

TEST(ReportReader, FailuresWithoutDetailsAreComplainedAbout) {
  EXPECT_THAT(complaints(with_policies(replaced(plain_policy, "failure-session-count\":0",
                                                "failure-session-count\":9"))),
              Contains("policies[0]: failed sessions without failure-details"));
}

TEST(ReportReader, ReadsInstantsInAllFormsOfRfc3339) {
  for (const char* start : {"2024-09-03T00:00:00.000Z", "2024-09-03t00:00:00z",
                            "2024-09-03 00:00:00Z", "2024-09-02T22:00:00-02:00"}) {
    const auto read = good(replaced(with_policies(plain_policy), "2024-09-03T00:00:00Z", start));
    ASSERT_TRUE(read.begin) << start;
    EXPECT_EQ(policy::to_text(*read.begin), "2024-09-03T00:00:00Z");
    EXPECT_EQ(read.complaints.list().size(), 1U) << start;
  }
}

TEST(ReportReader, ALoneObjectIsTakenForAList) {
  const std::string one = plain_policy.substr(1, plain_policy.size() - 2);
  const auto read = good(with_policies(one));
  EXPECT_EQ(read.report.policies.size(), 1U);
  EXPECT_THAT(read.complaints.list(), Contains("policies is an object, not an array"));
}

TEST(ReportReader, ByteOrderMarkIsComplainedAbout) {
  EXPECT_THAT(complaints("\xEF\xBB\xBF" + with_policies(plain_policy)),
              Contains("begins with a byte order mark"));
}

TEST(ReportReader, WhatIsNoReportIsRefused) {
  for (const char* text : {"", "{", "[]", "7", "null", "{}", "{\"policies\"}", "\xFF",
                           "{\"policies\":[\"\xFF\"]}", "{\"a\":1}", "{\"policies\":[]} x",
                           "{\"policies\":[01]}", "{\"policies\":[\"\\ud800\"]}"}) {
    EXPECT_EQ(bad(text), Errc::syntax) << text;
  }
}

TEST(ReportReader, PoliciesOfAnyOtherKindAreComplainedAbout) {
  EXPECT_THAT(complaints(with_policies("[]")), Contains("policies is empty"));
  EXPECT_THAT(complaints(with_policies("7")), Contains("policies is number, not an array"));
  EXPECT_THAT(complaints(with_policies("[7]")), Contains("policies[0] is no object"));
}

TEST(ReportReader, DeepNestingIsRefused) {
  const std::string deep(100'000, '[');
  EXPECT_EQ(bad(with_policies(deep + std::string(100'000, ']'))), Errc::limit);
  std::string objects;
  for (int i = 0; i < 1000; ++i) objects += "{\"a\":";
  EXPECT_EQ(bad(with_policies(objects + "1" + std::string(1000, '}'))), Errc::limit);
}

TEST(ReportReader, OversizeIsRefused) {
  EXPECT_EQ(bad(std::string(max_report_json + 1, ' ')), Errc::limit);
}

TEST(ReportReader, ManyComplaintsAreCounted) {
  std::string numbers = "[7";
  for (int i = 1; i < 80; ++i) numbers += ",7";
  const auto found = complaints(with_policies(numbers + "]"));
  ASSERT_EQ(found.size(), max_complaints + 1);
  EXPECT_EQ(found.back(), "and 31 more");  // 80, and that the list is empty.
}

TEST(ReportReader, ManyPoliciesAreCut) {
  std::string many = "[{}";
  for (std::size_t i = 0; i < max_read_policies; ++i) many += ",{}";
  EXPECT_EQ(good(with_policies(many + "]")).report.policies.size(), max_read_policies);
}

}  // namespace
}  // namespace tlsrpt::reporter
