#include "reporter/report/smallest_form.h"

#include <gtest/gtest.h>

#include "reporter/report/gzip.h"
#include "reporter/report/report_builder.h"
#include "reporter/report/report_reader.h"
#include "tests/support/random_report.h"

namespace tlsrpt::reporter {
namespace {

using policy::Outcome;
using testing_support::report_day;
using testing_support::report_fact;
using testing_support::report_settings;

StoredReport report_of(int hosts) {
  std::vector<policy::Fact> facts{report_fact("a.example", Outcome::success, 5)};
  for (int i = 0; i < hosts; ++i) {
    facts.push_back(report_fact("a.example", Outcome::validation_failure, 2));
    facts.back().mx_host = "mx" + std::to_string(i * 7919) + ".a.example";
  }
  const auto evaluation = evaluate("a.example", facts, {});
  return *build_report(*evaluation, report_settings(), report_day, "a.example", 3, {});
}

Report read(const StoredReport& stored) {
  return read_report_json(*gzip_decompress(stored.json_gz, max_report_json))->report;
}

TEST(SmallestForm, HasTheSameNamesAndCountsAndFewerDetails) {
  const StoredReport stored = report_of(200);
  const auto smallest = smallest_form(stored);
  ASSERT_TRUE(smallest.ok()) << smallest.error().message();
  EXPECT_LT(smallest->json_gz.size(), stored.json_gz.size() / 2);
  EXPECT_EQ(smallest->report_id, stored.report_id);
  EXPECT_EQ(smallest->file_name, stored.file_name);
  EXPECT_TRUE(is_of_full_form(stored.boundary));
  EXPECT_FALSE(is_of_full_form(smallest->boundary)) << smallest->boundary;
  EXPECT_FALSE(is_of_full_form("somebody else's"));
  EXPECT_LE(smallest->boundary.size(), 70U) << "RFC 2046, 5.1.1";
  const std::string json = *gzip_decompress(smallest->json_gz, max_report_json);
  EXPECT_NE(json.find("\"report-id\":\"" + stored.report_id + "\""), std::string::npos) << json;
  const Report before = read(stored);
  const Report after = read(*smallest);
  ASSERT_EQ(after.policies.size(), before.policies.size());
  EXPECT_EQ(after.policies[0].successful_sessions, 5U);
  EXPECT_EQ(after.policies[0].failed_sessions, 400U);
  ASSERT_EQ(after.policies[0].failure_details.size(), 1U);
  EXPECT_EQ(after.policies[0].failure_details[0].failed_session_count, 400U);
  EXPECT_EQ(after.organization_name, before.organization_name);
  EXPECT_EQ(smallest_form(stored)->json_gz, smallest->json_gz) << "the same bytes each time";
}

TEST(SmallestForm, OneThatIsSmallHasNone) {
  const auto smallest = smallest_form(report_of(1));
  ASSERT_FALSE(smallest.ok());
  EXPECT_EQ(smallest.error().code(), policy::Errc::limit);
  StoredReport damaged = report_of(1);
  damaged.json_gz = "no gzip";
  EXPECT_FALSE(smallest_form(damaged).ok());
}

}  // namespace
}  // namespace tlsrpt::reporter
