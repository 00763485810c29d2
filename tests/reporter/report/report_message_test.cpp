#include "reporter/report/report_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reporter/report/base64.h"
#include "reporter/report/gzip.h"
#include "reporter/report/mime_reader.h"
#include "reporter/report/report_builder.h"
#include "reporter/report/report_file.h"
#include "reporter/report/report_name.h"
#include "tests/support/fake_clock.h"
#include "tests/support/random_report.h"

namespace tlsrpt::reporter {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing_support::RandomReports;
using testing_support::report_day;
using testing_support::report_fact;
using testing_support::report_settings;

const std::string token = "0123456789abcdef0123456789abcdef";

StoredReport sample(const std::string& domain = "a.example",
                    const Settings& settings = report_settings()) {
  const auto evaluation =
      evaluate(domain,
               {report_fact(domain, policy::Outcome::success, 5),
                report_fact(domain, policy::Outcome::validation_failure, 2, "reason")},
               {});
  return *build_report(*evaluation, settings, report_day, domain, 1,
                       testing_support::at("2026-11-23T04:05:06Z"));
}

MessageAddressing addressing(const StoredReport& report) {
  return {"tls-reports@relay.example", "rua@a.example",
          make_message_id(report.report_id, 1, token)};
}

std::string rendered(const StoredReport& report) {
  auto message = render_report_message(report, addressing(report));
  EXPECT_TRUE(message.ok()) << (message.ok() ? "" : message.error().message());
  return message.ok() ? *std::move(message) : "";
}

TEST(ReportMessage, IsThisMessage) {
  StoredReport report = sample();
  const std::string delimiter = "--" + report.boundary;
  EXPECT_EQ(rendered(report),
            "From: tls-reports@relay.example\r\n"
            "To: rua@a.example\r\n"
            "Subject: Report Domain: a.example Submitter: relay.example Report-ID:\r\n"
            " <20261122.a.example.1@relay.example>\r\n"
            "Date: Mon, 23 Nov 2026 04:05:06 +0000\r\n"
            "Message-ID: "
            "<tlsrpt.20261122.a.example.1.1.0123456789abcdef0123456789abcdef@relay.example>\r\n"
            "MIME-Version: 1.0\r\n"
            "Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n"
            " boundary=\"" +
                report.boundary +
                "\"\r\n"
                "TLS-Report-Domain: a.example\r\n"
                "TLS-Report-Submitter: relay.example\r\n"
                "TLS-Required: No\r\n"
                "Auto-Submitted: auto-generated\r\n"
                "\r\n" +
                delimiter +
                "\r\n"
                "Content-Type: text/plain; charset=us-ascii\r\n"
                "Content-Transfer-Encoding: 7bit\r\n"
                "\r\n"
                "This is an aggregate TLS report (RFC 8460) from Example Relay.\r\n"
                "\r\n"
                "Recipient domain: a.example\r\n"
                "Period (UTC):     2026-11-22T00:00:00Z to 2026-11-22T23:59:59Z\r\n"
                "Submitter:        relay.example\r\n"
                "Contact:          tls-reports@relay.example\r\n"
                "Report-ID:        20261122.a.example.1@relay.example\r\n"
                "\r\n"
                "Sessions of our mail servers with yours, for each policy that applied:\r\n"
                "  no-policy-found a.example: 5 successful, 2 failed\r\n"
                "\r\n"
                "The attached file is the report itself: JSON, compressed with gzip.\r\n"
                "\r\n"
                "You receive it because of the TXT record at\r\n"
                "  _smtp._tls.a.example\r\n"
                "To receive no more reports, remove this address from its rua, or the record.\r\n"
                "\r\n" +
                delimiter +
                "\r\n"
                "Content-Type: application/tlsrpt+gzip;\r\n"
                " name=\"relay.example!a.example!1795305600!1795391999!001.json.gz\"\r\n"
                "Content-Transfer-Encoding: base64\r\n"
                "Content-Disposition: attachment;\r\n"
                " filename=\"relay.example!a.example!1795305600!1795391999!001.json.gz\"\r\n"
                "\r\n" +
                base64_lines(report.json_gz) + delimiter + "--\r\n");
}

TEST(ReportMessage, DatesAreThoseOfRfc5322) {
  using testing_support::at;
  EXPECT_EQ(mail_date(at("2026-11-22T00:00:00Z")), "Sun, 22 Nov 2026 00:00:00 +0000");
  EXPECT_EQ(mail_date(at("2028-02-29T23:59:59Z")), "Tue, 29 Feb 2028 23:59:59 +0000");
  EXPECT_EQ(mail_date(at("2027-01-01T12:34:56Z")), "Fri, 01 Jan 2027 12:34:56 +0000");
}

TEST(ReportMessage, TheSameDeliveryHasTheSameBytes) {
  EXPECT_EQ(rendered(sample()), rendered(sample()));
}

TEST(ReportMessage, LinesAreShortAsciiAndEndInCrlf) {
  RandomReports random(3);
  for (int round = 0; round < 60; ++round) {
    const std::string domain = random.domain();
    Settings settings = report_settings();
    settings.submitter = random.domain();
    settings.contact_info = "tls-reports@" + settings.submitter;
    std::string message = rendered(sample(domain, settings));
    ASSERT_FALSE(message.empty());
    while (!message.empty()) {
      const std::size_t end = message.find("\r\n");
      ASSERT_NE(end, std::string::npos);
      const std::string line = message.substr(0, end);
      EXPECT_LE(line.size(), 998U);
      EXPECT_TRUE(
          std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c < 127; }));
      message.erase(0, end + 2);
    }
  }
}

TEST(ReportMessage, HeadersFileNameAndJsonOfAnyReportAgree) {
  RandomReports random(4);
  for (int round = 0; round < 60; ++round) {
    const std::string domain = random.domain();
    Settings settings = report_settings();
    settings.submitter = random.domain();
    settings.contact_info = "tls-reports@" + settings.submitter;
    const auto evaluation = random.evaluation(domain);
    const auto stored = build_report(evaluation, settings, report_day, domain, 1,
                                     testing_support::at("2026-11-23T00:10:00Z"));
    ASSERT_TRUE(stored.ok());
    const std::string message = rendered(*stored);
    const auto read = read_report_file(message, "any.eml");
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read->complaints.list(), std::vector<std::string>{});
    EXPECT_TRUE(std::all_of(message.begin(), message.end(), [](char c) {
      return (c >= ' ' && c < 127) || c == '\r' || c == '\n';
    }));
    EXPECT_EQ(read->report.domain, domain);
    EXPECT_EQ(read->report.policies, evaluation.policies);
    const MimeMessage mime = read_mime(message);
    EXPECT_EQ(mime.header.value("subject"),
              make_subject(domain, settings.submitter, stored->report_id));
    ASSERT_EQ(mime.parts.size(), 2U);
    EXPECT_EQ(mime.parts[1].file_name, stored->file_name);
    EXPECT_EQ(decode_body(mime.parts[1]).value(), stored->json_gz);
  }
}

TEST(ReportMessage, OrganizationNamesThatAreNotAsciiAreLeftToTheJson) {
  Settings settings = report_settings();
  settings.organization_name = "Caf\xC3\xA9";
  EXPECT_THAT(rendered(sample("a.example", settings)),
              HasSubstr("TLS report (RFC 8460) from relay.example.\r\n"));
}

TEST(ReportMessage, NothingThatStrangersChooseGetsIntoAHeader) {
  const StoredReport report = sample();
  for (const char* evil :
       {"", "a", "@", "a@", "@a", "a@b.example\r\nBcc: c@d.example", "a@b\n", "a@b.example\x7f",
        "\xFC@b.example", "a\u202E@b.example", " a@b.example", "a@b.example "}) {
    MessageAddressing each = addressing(report);
    each.recipient = evil;
    EXPECT_FALSE(render_report_message(report, each).ok()) << evil;
    each = addressing(report);
    each.mail_from = evil;
    EXPECT_FALSE(render_report_message(report, each).ok()) << evil;
  }
  for (const char* evil : {"", "a b", "a\r\n", "a\"b", "\xFF"}) {
    StoredReport each = report;
    each.domain = evil;
    EXPECT_FALSE(render_report_message(each, addressing(report)).ok()) << evil;
    each = report;
    each.file_name = evil;
    EXPECT_FALSE(render_report_message(each, addressing(report)).ok()) << evil;
    each = report;
    each.boundary = evil;
    EXPECT_FALSE(render_report_message(each, addressing(report)).ok()) << evil;
    each = report;
    each.report_id = evil;
    EXPECT_FALSE(render_report_message(each, addressing(report)).ok()) << evil;
    MessageAddressing other = addressing(report);
    other.message_id = evil;
    EXPECT_FALSE(render_report_message(report, other).ok()) << evil;
  }
}

TEST(ReportMessage, QuotedLocalPartsStayAsTheyAre) {
  const StoredReport report = sample();
  MessageAddressing each = addressing(report);
  each.recipient = "\"a, b\"@a.example";
  const auto message = render_report_message(report, each);
  ASSERT_TRUE(message.ok());
  EXPECT_THAT(*message, HasSubstr("\r\nTo: \"a, b\"@a.example\r\n"));
}

// RFC 6532, 3.2: the field as it is, for servers with SMTPUTF8.
TEST(ReportMessage, AddressesMayBeUtf8) {
  const StoredReport report = sample();
  MessageAddressing each = addressing(report);
  each.recipient = "ü@a.example";
  const auto message = render_report_message(report, each);
  ASSERT_TRUE(message.ok());
  EXPECT_THAT(*message, HasSubstr("\r\nTo: ü@a.example\r\n"));
  each.recipient = "\xFC@a.example";
  EXPECT_FALSE(render_report_message(report, each).ok());
}

TEST(ReportMessage, ADamagedStoredReportIsAnError) {
  StoredReport report = sample();
  report.json_gz.resize(report.json_gz.size() - 3);
  EXPECT_FALSE(render_report_message(report, addressing(report)).ok());
  report.json_gz = gzip_compress("{}").value();
  EXPECT_FALSE(render_report_message(report, addressing(report)).ok());
  report.json_gz = gzip_compress("{\"policies\":[]}").value();  // No submitter.
  EXPECT_FALSE(render_report_message(report, addressing(report)).ok());
}

}  // namespace
}  // namespace tlsrpt::reporter
