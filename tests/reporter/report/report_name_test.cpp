#include "reporter/report/report_name.h"

#include <gtest/gtest.h>

#include "policy/domain_name.h"

namespace tlsrpt::reporter {
namespace {

constexpr policy::UtcDay day = std::chrono::year(2026) / 11 / 22;
const ReportKey key{day, "a.example", 1, "relay.example"};

// A domain name of exactly SIZE octets.
std::string long_domain(std::size_t size) {
  std::string domain;
  while (domain.size() < size) {
    const std::size_t label = std::min<std::size_t>(63, size - domain.size());
    domain.append(label, 'a');
    if (domain.size() < size) domain += '.';
  }
  if (domain.back() == '.') domain.back() = 'a';
  return domain;
}

TEST(ReportName, ReportIdNamesDayDomainRevisionAndSubmitter) {
  EXPECT_EQ(make_report_id(key), "20261122.a.example.1@relay.example");
}

TEST(ReportName, ReportIdIsReadBack) {
  for (const std::uint32_t revision : {1U, 12U, 4'294'967'295U}) {
    const ReportKey each{day, "xn--bcher-kva.example", revision, "relay.example"};
    EXPECT_EQ(parse_report_id(make_report_id(each)), each);
  }
}

TEST(ReportName, ReportIdOfAnotherFormIsNotOurs) {
  for (const char* text :
       {"", "@", "20261122", "20261122.a.example.1", "20261122.1@relay.example",
        "2026-11-22T00:00:00Z_a.example", "20261131.a.example.1@relay.example",
        "20261122.A.example.1@relay.example", "20261122..1@relay.example",
        "20261122.a.example.-1@relay.example", "20261122.a.example.1@",
        "20261122.a.example.1@relay@example", "x0261122.a.example.1@relay.example"}) {
    EXPECT_FALSE(parse_report_id(text)) << text;
  }
}

TEST(ReportName, FileNameIsThatOfRfc8460) {
  EXPECT_EQ(make_file_name(key), "relay.example!a.example!1795305600!1795391999!001.json.gz");
  EXPECT_EQ(make_file_name({day, "a.example", 1234, "relay.example"}),
            "relay.example!a.example!1795305600!1795391999!1234.json.gz");
}

TEST(ReportName, FileNameIsReadBack) {
  const auto parts = parse_file_name(make_file_name(key));
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->sender, "relay.example");
  EXPECT_EQ(parts->domain, "a.example");
  EXPECT_EQ(parts->begin, policy::UtcSeconds(day));
  EXPECT_EQ(parts->end, policy::UtcSeconds(day) + std::chrono::seconds(86399));
  EXPECT_EQ(parts->unique_id, "001");
}

TEST(ReportName, FileNameWithoutUniqueIdOrCompressionIsRead) {
  const auto parts = parse_file_name("s.example!d.example!1470013207!1470186007.json");
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->unique_id, "");
}

TEST(ReportName, OtherFileNamesAreNotRead) {
  for (const char* name : {"", "report.json", "s!d!1.json", "s!d!1!x.json", "s!d!1!2!3!4.json.gz",
                           "!d!1!2.json", "s!!1!2.json", "s!d!1!2.zip", "s!d!-1!2.json"}) {
    EXPECT_FALSE(parse_file_name(name)) << name;
  }
}

TEST(ReportName, ShortNamesLieOnDiskAsTheyAre) {
  const std::string name = make_file_name(key);
  EXPECT_EQ(disk_name(name), name);
  EXPECT_EQ(message_disk_name(name, 2), "relay.example!a.example!1795305600!1795391999!001.2.eml");
}

TEST(ReportName, NamesOver240OctetsLieOnDiskAsTheirHash) {
  const std::string stem = "s.example!" + std::string(222, 'd');
  EXPECT_EQ(disk_name(stem + ".json.gz"), stem + ".json.gz");
  const std::string longer = stem + "d.json.gz";
  // Seen with sha256sum(1).
  EXPECT_EQ(longer.size(), 241U);
  EXPECT_EQ(disk_name(longer), short_hash(longer) + ".json.gz");
  EXPECT_EQ(message_disk_name(longer, 1), short_hash(longer) + ".1.eml");
}

TEST(ReportName, ShortHashIsTheBeginningOfSha256) {
  // FIPS 180-2, B.1: ba7816bf 8f01cfea 414140de 5dae2223 b00361a3 96177a9c ...
  EXPECT_EQ(short_hash("abc"), "ba7816bf8f01cfea414140de5dae2223");
}

TEST(ReportName, MessageIdHoldsTheReportIdAndTheToken) {
  EXPECT_EQ(make_message_id(make_report_id(key), 3, "0123456789abcdef0123456789abcdef"),
            "<tlsrpt.20261122.a.example.1.3.0123456789abcdef0123456789abcdef@relay.example>");
}

TEST(ReportName, SubjectIsThatOfRfc8460) {
  EXPECT_EQ(make_subject("a.example", "relay.example", make_report_id(key)),
            "Report Domain: a.example Submitter: relay.example Report-ID: "
            "<20261122.a.example.1@relay.example>");
}

TEST(ReportName, TheLongestDomainsRoundTrip) {
  const ReportKey longest{day, long_domain(253), 7, long_domain(252)};
  ASSERT_TRUE(policy::DomainName::parse(longest.domain).ok());
  EXPECT_EQ(parse_report_id(make_report_id(longest)), longest);
  EXPECT_EQ(parse_file_name(make_file_name(longest))->domain, longest.domain);
  EXPECT_LE(disk_name(make_file_name(longest)).size(), max_disk_name);
}

}  // namespace
}  // namespace tlsrpt::reporter
