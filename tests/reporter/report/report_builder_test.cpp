#include "reporter/report/report_builder.h"

#include <gtest/gtest.h>

#include "reporter/report/gzip.h"
#include "reporter/report/report_file.h"
#include "reporter/report/report_json.h"
#include "reporter/report/report_name.h"
#include "tests/support/random_report.h"

namespace tlsrpt::reporter {
namespace {

using policy::Outcome;
using testing_support::RandomReports;
using testing_support::report_day;
using testing_support::report_fact;
using testing_support::report_settings;

constexpr policy::UtcSeconds created = report_day + std::chrono::hours(30);

Evaluation sample(std::uint64_t sessions = 3) {
  return *evaluate("a.example", {report_fact("a.example", Outcome::success, sessions)}, {});
}

TEST(ReportBuilder, StoresTheReportWithItsNames) {
  const auto stored =
      build_report(sample(), report_settings(), report_day, "a.example", 2, created);
  ASSERT_TRUE(stored.ok());
  EXPECT_EQ(stored->id, 0);
  EXPECT_EQ(stored->day, report_day);
  EXPECT_EQ(stored->domain, "a.example");
  EXPECT_EQ(stored->revision, 2U);
  EXPECT_EQ(stored->report_id, "20261122.a.example.2@relay.example");
  EXPECT_EQ(stored->file_name, "relay.example!a.example!1795305600!1795391999!002.json.gz");
  EXPECT_EQ(stored->boundary, "=_tlsrpt_" + short_hash(stored->report_id));
  EXPECT_EQ(stored->created_at, created);
  const Report report = make_report(sample(), report_settings(), report_day, "a.example", 2);
  EXPECT_EQ(gzip_decompress(stored->json_gz, 100'000).value(), report_json(report));
}

TEST(ReportBuilder, EqualEvaluationsGiveEqualBytesWheneverTheyAreMade) {
  const auto build = [](policy::UtcSeconds at) {
    return *build_report(sample(), report_settings(), report_day, "a.example", 1, at);
  };
  EXPECT_EQ(build(created).json_gz, build(created + std::chrono::hours(1)).json_gz);
  EXPECT_EQ(build(created).boundary, build(created + std::chrono::hours(1)).boundary);
}

TEST(ReportBuilder, NothingToReportIsNoReport) {
  const auto stored =
      build_report(Evaluation{}, report_settings(), report_day, "a.example", 1, created);
  ASSERT_FALSE(stored.ok());
  EXPECT_EQ(stored.error().code(), policy::Errc::not_found);
}

TEST(ReportBuilder, OrganizationNamesAreCleaned) {
  Settings settings = report_settings();
  settings.organization_name = "Caf\xC3\xA9\xFF\n";
  EXPECT_EQ(make_report(sample(), settings, report_day, "a.example", 1).organization_name,
            "Caf\xC3\xA9\xEF\xBF\xBD");
}

TEST(ReportBuilder, TheSizeLimitIsThatOfTheJson) {
  std::vector<policy::Fact> facts;
  for (int i = 0; i < 400; ++i) {
    facts.push_back(report_fact("a.example", Outcome::tlsa_invalid, 1, "r" + std::to_string(i)));
  }
  Settings settings = report_settings();
  settings.max_report_size = 4096;
  const auto stored = build_report(*evaluate("a.example", facts, {}), settings, report_day,
                                   "a.example", 1, created);
  ASSERT_TRUE(stored.ok());
  const std::string json = gzip_decompress(stored->json_gz, 100'000).value();
  EXPECT_LE(json.size(), 4096U);
  EXPECT_NE(json.find("\"total-failure-session-count\":400"), std::string::npos);
}

TEST(ReportBuilder, FileNameAndJsonOfAnyReportAgree) {
  RandomReports random(2);
  for (int round = 0; round < 100; ++round) {
    const std::string domain = random.domain();
    const auto stored = build_report(random.evaluation(domain), report_settings(), report_day,
                                     domain, 1 + random.below(3), created);
    ASSERT_TRUE(stored.ok());
    const auto read = read_report_file(stored->json_gz, stored->file_name);
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read->report_id, stored->report_id);
    EXPECT_EQ(read->complaints.list(), std::vector<std::string>{});
  }
}

}  // namespace
}  // namespace tlsrpt::reporter
