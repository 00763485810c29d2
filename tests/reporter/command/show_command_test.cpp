#include "reporter/command/show_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "reporter/command/table.h"
#include "reporter/report/gzip.h"
#include "reporter/report/report_builder.h"
#include "reporter/report/report_json.h"
#include "reporter/report/report_message.h"
#include "reporter/report/report_name.h"
#include "tests/support/fake_clock.h"
#include "tests/support/random_report.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

using policy::Outcome;
using ::testing::HasSubstr;
using ::testing::Not;
using testing_support::report_day;
using testing_support::report_fact;
using testing_support::report_settings;

class ShowCommand : public ::testing::Test {
 protected:
  // Writes BYTES to a file and shows it.
  int show(const std::string& bytes, const std::string& name = "report.json") {
    std::ofstream(folder_.file(name), std::ios::binary) << bytes;
    return show_path(folder_.file(name));
  }

  int show_path(const std::string& path) {
    line_.arguments = {path};
    out_.str("");
    err_.str("");
    return run_show({line_, settings_, clock_, out_, err_});
  }

  testing_support::TempDir folder_;
  testing_support::FakeClock clock_{"2026-11-23T00:00:00Z"};
  Settings settings_ = report_settings();
  CommandLine line_;
  std::ostringstream out_;
  std::ostringstream err_;
};

StoredReport sample() {
  policy::Fact sts = report_fact("a.example", Outcome::certificate_expired, 2);
  sts.policy = {
      policy::PolicyType::sts, "a.example", {"version: STSv1", "mode: enforce"}, {"*.a.example"}};
  const auto evaluation =
      evaluate("a.example",
               {report_fact("a.example", Outcome::success, 5), sts,
                report_fact("a.example", Outcome::validation_failure, 1, "tls-handshake-failure")},
               {});
  return *build_report(*evaluation, report_settings(), report_day, "a.example", 1,
                       testing_support::at("2026-11-23T00:10:00Z"));
}

const std::string sample_shown =
    "Domain        a.example\n"
    "Period (UTC)  2026-11-22T00:00:00Z to 2026-11-22T23:59:59Z\n"
    "Organization  Example Relay\n"
    "Contact       tls-reports@relay.example\n"
    "Report-ID     20261122.a.example.1@relay.example\n"
    "\n"
    "sts a.example: 0 successful, 2 failed\n"
    "    version: STSv1\n"
    "    mode: enforce\n"
    "    MX pattern: *.a.example\n"
    "    Sending IP  MX host       MX address    Sessions  Failure type\n"
    "    192.0.2.25  mx.a.example  198.51.100.1         2  certificate-expired\n"
    "\n"
    "no-policy-found a.example: 5 successful, 1 failed\n"
    "    Sending IP  MX host       MX address    Sessions  Failure type        Reason\n"
    "    192.0.2.25  mx.a.example  198.51.100.1         1  validation-failure  "
    "tls-handshake-failure\n";

TEST_F(ShowCommand, ShowsJsonGzipAndMailAlike) {
  const StoredReport report = sample();
  EXPECT_EQ(show(gzip_decompress(report.json_gz, 100'000).value()), exit_ok);
  EXPECT_EQ(out_.str(), sample_shown);
  EXPECT_EQ(show(report.json_gz, disk_name(report.file_name)), exit_ok);
  EXPECT_EQ(out_.str(), sample_shown);
  const auto message = render_report_message(
      report, {"tls-reports@relay.example", "rua@a.example",
               make_message_id(report.report_id, 1, "0123456789abcdef0123456789abcdef")});
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(show(*message, message_disk_name(report.file_name, 1)), exit_ok);
  EXPECT_EQ(out_.str(), sample_shown);
}

TEST_F(ShowCommand, ListsWhatIsOdd) {
  EXPECT_EQ(show(R"({"policies":[{"policy":{"policy-type":"sts"}}],"report-id":"\u001b[31m"})"),
            exit_ok);
  EXPECT_THAT(out_.str(),
              HasSubstr("\nNot as RFC 8460 wants it:\n  organization-name is missing\n"));
  EXPECT_THAT(out_.str(), HasSubstr("  policies[0].policy: policy-domain is missing\n"));
  EXPECT_THAT(out_.str(), HasSubstr("Report-ID     \\u{1b}[31m\n"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("\x1b")));
}

TEST_F(ShowCommand, BadDataAndMissingFilesHaveTheirExitStatus) {
  EXPECT_EQ(show("no report"), exit_data);
  EXPECT_THAT(err_.str(), HasSubstr("report.json: neither JSON nor gzip nor a message"));
  EXPECT_EQ(show(""), exit_data);
  EXPECT_EQ(show(gzip_compress("{").value()), exit_data);
  EXPECT_EQ(show(std::string(sample().json_gz, 0, 50)), exit_data);
  EXPECT_THAT(err_.str(), HasSubstr("gzip: cut off"));
  EXPECT_EQ(show_path(folder_.file("absent")), exit_no_input);
  EXPECT_EQ(show_path(folder_.path().string()), exit_no_input);
  EXPECT_EQ(out_.str(), "");
}

TEST_F(ShowCommand, StopsAtTwentyMegabytes) {
  EXPECT_EQ(show(gzip_compress(std::string(30'000'000, ' ')).value()), exit_data);
  EXPECT_THAT(err_.str(), HasSubstr("octets when decompressed"));
}

TEST_F(ShowCommand, TablesFitHundredColumnsWhateverStrangersChose) {
  testing_support::RandomReports random(7);
  for (int round = 0; round < 30; ++round) {
    const std::string domain = random.domain();
    ASSERT_EQ(
        show(report_json(make_report(random.evaluation(domain), settings_, report_day, domain, 1))),
        exit_ok);
    std::istringstream lines(out_.str());
    for (std::string text; std::getline(lines, text);) {
      EXPECT_LE(display_width(text), table_width) << text;
    }
  }
}

TEST_F(ShowCommand, ComplaintsFitATerminal) {
  ASSERT_EQ(show("Subject: Report Domain: a.example Submitter: b.example Report-ID: <" +
                     std::string(90, 'x') +
                     "@b.example>\r\nContent-Type: application/tlsrpt+json\r\n\r\n"
                     "{\"report-id\":\"y\",\"policies\":[]}",
                 "long.eml"),
            0);
  EXPECT_THAT(out_.str(), HasSubstr("the Subject's Report-ID says"));
  std::istringstream lines(out_.str());
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), table_width) << line;
}

TEST_F(ShowCommand, ShowsUnknownTypesAsTheyAreWritten) {
  ASSERT_EQ(show(R"({"policies":[{"policy":{"policy-type":"dnssec2"},
      "summary":{"total-successful-session-count":0,"total-failure-session-count":2},
      "failure-details":[{"result-type":"new-type\u001b","failed-session-count":1},
                         {"failed-session-count":1}]}]})"),
            0);
  EXPECT_THAT(out_.str(), HasSubstr("\ndnssec2 : 0 successful, 2 failed\n"));
  EXPECT_THAT(out_.str(), HasSubstr("1  new-type\\u{1b}\n"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("validation-failure")));
  EXPECT_THAT(out_.str(), Not(HasSubstr("no-policy-found")));
}

}  // namespace
}  // namespace tlsrpt::reporter
