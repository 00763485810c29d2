#include "reporter/report/report_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reporter/report/base64.h"
#include "reporter/report/gzip.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string json =
    R"({"organization-name":"Google Inc.","date-range":{"start-datetime":"2024-09-03T00:00:00Z",)"
    R"("end-datetime":"2024-09-03T23:59:59Z"},"contact-info":"smtp-tls-reporting@google.com",)"
    R"("report-id":"2024.09.03T00.00.00Z+a.example@google.com","policies":[{"policy":)"
    R"({"policy-type":"no-policy-found","policy-domain":"a.example"},"summary":)"
    R"({"total-successful-session-count":3,"total-failure-session-count":0}}]})";
const std::string file_name = "google.com!a.example!1725321600!1725407999!001.json.gz";

// A mail in Google's shape, with the JSON above.
std::string google_mail() {
  return "From: noreply-smtp-tls-reporting@google.com\r\nMIME-Version: 1.0\r\n"
         "TLS-Report-Domain: a.example\r\nTLS-Report-Submitter: google.com\r\n"
         "Subject: Report Domain: a.example Submitter: google.com\r\n"
         " Report-ID: <2024.09.03T00.00.00Z+a.example@google.com>\r\n"
         "Content-Type: multipart/report; boundary=\"000\"; report-type=tlsrpt\r\n\r\n"
         "--000\r\nContent-Type: text/plain\r\n\r\nHello {}\r\n"
         "--000\r\nContent-Type: application/tlsrpt+gzip; \r\n\tname=\"" +
         file_name +
         "\"\r\n"
         "Content-Disposition: attachment; filename=\"" +
         file_name +
         "\"\r\n"
         "Content-Transfer-Encoding: base64\r\n\r\n" +
         base64_lines(gzip_compress(json).value()) + "--000--\r\n";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

std::vector<std::string> complaints(const std::string& bytes, const std::string& name = "") {
  const auto read = read_report_file(bytes, name);
  EXPECT_TRUE(read.ok()) << (read.ok() ? "" : read.error().message());
  if (!read.ok()) return {"unreadable"};
  EXPECT_EQ(read->report.policies.at(0).successful_sessions, 3U);
  return read->complaints.list();
}

TEST(ReportFile, ReadsJsonGzipAndMail) {
  EXPECT_THAT(complaints(json), IsEmpty());
  EXPECT_THAT(complaints("\xEF\xBB\xBF \n" + json), ::testing::SizeIs(1));
  EXPECT_THAT(complaints(gzip_compress(json).value(), file_name), IsEmpty());
  EXPECT_THAT(complaints(google_mail(), "mail.eml"), IsEmpty());
}

TEST(ReportFile, LineEndsOfMailMayBeThoseOfUnix) {
  std::string mail = google_mail();
  std::erase(mail, '\r');
  EXPECT_THAT(complaints(mail), IsEmpty());
}

TEST(ReportFile, NamesThatContradictTheJsonAreComplainedAbout) {
  EXPECT_THAT(complaints(json, "x.example!a.example!1725321600!1725407999.json"),
              Contains("the file name's sender says x.example, the report google.com"));
  EXPECT_THAT(complaints(json, "google.com!a.example!1725321601!1725407999.json"),
              Contains(HasSubstr("the file name's begin says 2024-09-03T00:00:01Z")));
  EXPECT_THAT(complaints(json, "google.com!a.example!1725321600!1725408000.json"),
              Contains(HasSubstr("the file name's end says")));
  EXPECT_THAT(complaints(json, "renamed.json"), IsEmpty());
}

TEST(ReportFile, HeadersThatContradictTheJsonAreComplainedAbout) {
  const auto complains = [](const char* from, const char* to, const char* about) {
    EXPECT_THAT(complaints(replaced(google_mail(), from, to)), Contains(HasSubstr(about))) << to;
  };
  complains("TLS-Report-Domain: a", "TLS-Report-Domain: b", "the Subject's domain says a.example");
  complains("TLS-Report-Domain", "X", "TLS-Report-Domain is missing");
  complains("TLS-Report-Submitter: google", "TLS-Report-Submitter: x", "TLS-Report-Submitter says");
  complains("TLS-Report-Submitter", "X", "TLS-Report-Submitter is missing");
  complains("Report Domain: a.example Submitter", "Report", "the Subject is not that of");
  complains("<2024.09.03T00", "<2023.09.03T00", "the Subject's Report-ID says");
  complains("multipart/report;", "multipart/mixed;", "is multipart/mixed, not multipart/report");
  complains("report-type=tlsrpt", "x=y", "report-type is not tlsrpt");
  complains("tlsrpt+gzip", "tlsrpt+json", "but its content is not");
  complains("application/tlsrpt+gzip", "application/gzip", "the attachment is application/gzip");
  complains("filename=\"google", "filename=\"x!google", "is not that of RFC 8460, 5.1");
}

TEST(ReportFile, OurReportIdNamesTheDomain) {
  const std::string ours = replaced(json, "2024.09.03T00.00.00Z+a.example@google.com",
                                    "20240903.a.example.1@google.com");
  const std::string mail =
      "TLS-Report-Domain: b.example\r\nContent-Type: application/tlsrpt+json\r\n\r\n" + ours;
  EXPECT_THAT(complaints(mail), Contains("TLS-Report-Domain says b.example, the report a.example"));
}

TEST(ReportFile, MailWithoutMultipartAndMicrosoftsHtmlPartAreRead) {
  EXPECT_THAT(complaints("Content-Type: application/tlsrpt+json\n\n" + json),
              Contains(HasSubstr("not multipart/report")));
  EXPECT_THAT(complaints(replaced(google_mail(), "text/plain", "text/html")), IsEmpty());
}

TEST(ReportFile, MailWithoutReportIsRefused) {
  for (const std::string& text :
       {std::string("no report"), std::string(), std::string("Subject: x\n\nbody"),
        std::string("\0\0\0", 3), replaced(google_mail(), "base64\r\n\r\n", "base64\r\n\r\n!")}) {
    const auto read = read_report_file(text, "");
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error().code(), Errc::syntax);
  }
}

TEST(ReportFile, BombsAreStopped) {
  const std::string bomb = gzip_compress(std::string(max_report_json + 1, ' ')).value();
  const auto read = read_report_file(bomb, "");
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code(), Errc::limit);
  EXPECT_FALSE(read_report_file(std::string(max_report_file + 1, 'x'), "").ok());
}

TEST(ReportFile, EveryTruncationAndEveryChangedOctetIsSurvived) {
  const std::string mail = google_mail();
  for (std::size_t i = 0; i < mail.size(); i += 3) {
    static_cast<void>(read_report_file(mail.substr(0, i), file_name));
    std::string changed = mail;
    changed[i] = static_cast<char>(changed[i] ^ 0x55);
    static_cast<void>(read_report_file(changed, file_name));
  }
  for (std::size_t i = 0; i < json.size(); ++i) {
    EXPECT_FALSE(read_report_file(json.substr(0, i), "").ok());
  }
}

}  // namespace
}  // namespace tlsrpt::reporter
