#include "policy/record_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_resolver.h"

namespace tlsrpt::policy {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing_support::dns_found;
using testing_support::dns_temporary;
using testing_support::DnsWorld;
using testing_support::FakeResolver;

DomainName domain(std::string_view text) { return *DomainName::parse(text); }

RecordCheck check(std::map<std::string, TxtAnswer> txt) {
  FakeResolver resolver({.txt = std::move(txt), .addresses = {}});
  auto checks = check_records(resolver, {domain("d.example")});
  EXPECT_EQ(checks.size(), 1U);
  return checks.at(0);
}

// What is found for one text at the right place.
RecordCheck check_text(const std::string& text) {
  return check({{"_smtp._tls.d.example", dns_found(text)}});
}

std::vector<std::string> codes(const RecordCheck& check) {
  std::vector<std::string> out;
  for (const Finding& finding : check.findings) {
    out.push_back(std::string(to_text(finding.severity)) + ' ' + finding.code);
  }
  return out;
}

const std::string good_record = "v=TLSRPTv1; rua=mailto:a@d.example";

TEST(RecordCheck, AGoodRecordHasNoFindings) {
  const RecordCheck result = check_text("v=TLSRPTv1; rua=mailto:a@d.example,https://r.example/x");
  EXPECT_EQ(to_text(result.state), "good");
  EXPECT_EQ(result.domain, "d.example");
  EXPECT_EQ(result.name, "_smtp._tls.d.example");
  EXPECT_EQ(result.record, "v=TLSRPTv1; rua=mailto:a@d.example,https://r.example/x");
  EXPECT_THAT(result.rua, ElementsAre("mailto:a@d.example", "https://r.example/x"));
  EXPECT_THAT(result.findings, IsEmpty());
}

TEST(RecordCheck, AnAbsentRecordIsSaidWithTheOneToAdd) {
  const RecordCheck result = check({});
  EXPECT_EQ(to_text(result.state), "absent");
  ASSERT_THAT(codes(result), ElementsAre("error absent"));
  EXPECT_THAT(result.findings[0].text, HasSubstr("\"v=TLSRPTv1; rua=mailto:tlsrpt@d.example\""));
  EXPECT_EQ(result.record, "");
}

TEST(RecordCheck, RecordsOfOtherKindsAreNoted) {
  const RecordCheck result = check_text("v=spf1 -all");
  EXPECT_EQ(to_text(result.state), "absent");
  EXPECT_THAT(codes(result), ElementsAre("error absent", "note other-record"));
}

TEST(RecordCheck, SeveralRecordsAreNone) {
  const RecordCheck result = check({{"_smtp._tls.d.example", dns_found(good_record, good_record)}});
  EXPECT_EQ(to_text(result.state), "faulty");
  ASSERT_THAT(codes(result), ElementsAre("error several-records"));
  EXPECT_THAT(result.findings[0].text, HasSubstr("2 TLSRPT records"));
  EXPECT_THAT(result.rua, IsEmpty());
}

TEST(RecordCheck, DnsFailureIsNoAbsence) {
  const RecordCheck result = check({{"_smtp._tls.d.example", dns_temporary("SERVFAIL")}});
  EXPECT_EQ(to_text(result.state), "dns-failed");
  ASSERT_THAT(codes(result), ElementsAre("error dns-failed"));
  EXPECT_THAT(result.findings[0].text, HasSubstr("SERVFAIL"));
}

struct NearMiss {
  const char* text;
  const char* code;
};

TEST(RecordCheck, WhatWasMeantToBeARecordIsRecognised) {
  for (const NearMiss& miss : std::initializer_list<NearMiss>{
           {"\"v=TLSRPTv1; rua=mailto:a@d.example\"", "literal-quotes"},
           {"'v=TLSRPTv1; rua=mailto:a@d.example'", "literal-quotes"},
           {"\xE2\x80\x9Cv=TLSRPTv1; rua=mailto:a@d.example\xE2\x80\x9D", "curly-quotes"},
           {"\x93v=TLSRPTv1; rua=mailto:a@d.example\x94", "curly-quotes"},
           {"v-TLSRPTv1; rua=mailto:a@d.example", "version-separator"},
           {"v:TLSRPTv1; rua=mailto:a@d.example", "version-separator"},
           {"v = TLSRPTv1; rua=mailto:a@d.example", "version-separator"},
           {"TLSRPTv1; rua=mailto:a@d.example", "version-separator"},
           {"V=TLSRPTv1; rua=mailto:a@d.example", "version-case"},
           {"v=tlsrptv1; rua=mailto:a@d.example", "version-case"},
           {"v=TLSRPTV1; rua=mailto:a@d.example", "version-case"},
           {"v=TLSRPTv2; rua=mailto:a@d.example", "unknown-version"},
           {"v=TLSRPTv10; rua=mailto:a@d.example", "unknown-version"},
           {"v=TLSRPTv1.0; rua=mailto:a@d.example", "unknown-version"},
           {"v=TLSRPT; rua=mailto:a@d.example", "unknown-version"},
           {"v=TLSRPTv1", "missing-semicolon"},
           {"v=TLSRPTv1 rua=mailto:a@d.example", "missing-semicolon"},
           {"v=TLSRPTv1, rua=mailto:a@d.example", "missing-semicolon"},
           {"v=TLSRPTv1\\; rua=mailto:a@d.example", "escaped-semicolon"},
           {"rua=mailto:a@d.example; v=TLSRPTv1;", "version-not-first"},
           {" v=TLSRPTv1; rua=mailto:a@d.example", "leading-blank"},
       }) {
    const RecordCheck result = check_text(miss.text);
    EXPECT_EQ(to_text(result.state), "faulty") << miss.text;
    EXPECT_THAT(codes(result), ElementsAre(std::string("error ") + miss.code)) << miss.text;
    EXPECT_EQ(result.record, "");
  }
}

TEST(RecordCheck, ANearMissBesideAGoodRecordIsAWarning) {
  const RecordCheck result =
      check({{"_smtp._tls.d.example", dns_found(good_record, std::string("v-TLSRPTv1; rua=x"))}});
  EXPECT_EQ(to_text(result.state), "good");
  EXPECT_THAT(codes(result), ElementsAre("warning version-separator"));
}

struct RuaCase {
  const char* fields;
  const char* finding;
  const char* state;
};

TEST(RecordCheck, FaultsInsideTheRecordAreNamed) {
  for (const RuaCase& c : std::initializer_list<RuaCase>{
           {"rua=mailto:a@d.example; pct=50", "note pct", "good"},
           {"rua=mailto:a@d.example; fo=1", "note unknown-field", "good"},
           {"rua=mailto:a@d.example,", "warning empty-item", "good"},
           {"rua=mailto:a@d.example!10m", "warning size-suffix", "good"},
           {"rua=mailto:a@d.example?subject=x", "warning header-fields", "good"},
           {"rua=a@d.example", "error missing-scheme", "faulty"},
           {"rua=mailto:a@d.example,b@d.example", "error missing-scheme", "faulty"},
           {"rua=http://d.example/r", "error http-scheme", "faulty"},
           {"rua=ftp://d.example/r", "error unsupported-scheme", "faulty"},
           {"rua=mailto:a@[192.0.2.1]", "error bad-address", "faulty"},
           {"rua=https://u@d.example/", "error bad-uri", "faulty"},
           {"rua=\xE2\x80\x9Cmailto:a@d.example\xE2\x80\x9D", "error curly-quotes", "faulty"},
           {"", "error no-rua", "faulty"},
           {"pct=50", "error no-rua", "faulty"},
           {"rua=", "error no-rua", "faulty"},
           {"RUA=mailto:a@d.example", "error rua-case", "faulty"},
           {"rua mailto:a@d.example", "error syntax", "faulty"},
           {"x", "error syntax", "faulty"},
       }) {
    const RecordCheck result = check_text("v=TLSRPTv1; " + std::string(c.fields));
    EXPECT_THAT(codes(result), Contains(c.finding)) << c.fields;
    EXPECT_EQ(to_text(result.state), c.state) << c.fields;
    EXPECT_EQ(result.record, "v=TLSRPTv1; " + std::string(c.fields));
  }
}

TEST(RecordCheck, PctIsExplained) {
  const RecordCheck result = check_text("v=TLSRPTv1; rua=mailto:a@d.example; pct=50");
  ASSERT_EQ(result.findings.size(), 1U);
  EXPECT_THAT(result.findings[0].text, HasSubstr("not in RFC 8460"));
}

TEST(RecordCheck, MisplacedRecordsAreFound) {
  for (const char* name :
       {"_smtp._tls.d.example.d.example", "smtp._tls.d.example", "_tls.d.example",
        "_smtp.tls.d.example", "_tls._smtp.d.example", "_smtp_tls.d.example", "d.example"}) {
    const RecordCheck result = check({{name, dns_found(good_record)}});
    EXPECT_EQ(to_text(result.state), "faulty") << name;
    ASSERT_THAT(codes(result), ElementsAre("error misplaced")) << name;
    EXPECT_THAT(result.findings[0].text, HasSubstr(std::string(name) + ","));
    EXPECT_THAT(result.findings[0].text, HasSubstr("it belongs at _smtp._tls.d.example"));
    // Beside a good record it only confuses.
    const RecordCheck both = check(
        {{"_smtp._tls.d.example", dns_found(std::string("v=TLSRPTv1; rua=mailto:b@d.example"))},
         {name, dns_found(good_record)}});
    EXPECT_EQ(to_text(both.state), "good") << name;
    EXPECT_THAT(codes(both), ElementsAre("note misplaced")) << name;
  }
}

TEST(RecordCheck, AWildcardIsNoMisplacement) {
  const RecordCheck result = check({{"_smtp._tls.d.example", dns_found(good_record)},
                                    {"smtp._tls.d.example", dns_found(good_record)},
                                    {"_tls.d.example", dns_found(good_record)},
                                    {"d.example", dns_found(std::string("v=spf1 -all"))}});
  EXPECT_EQ(to_text(result.state), "good");
  EXPECT_THAT(result.findings, IsEmpty());
}

TEST(RecordCheck, AFailedSideLookUpIsOnlyNoted) {
  const RecordCheck result = check({{"_smtp._tls.d.example", dns_found(good_record)},
                                    {"_tls.d.example", dns_temporary("timeout")}});
  EXPECT_EQ(to_text(result.state), "good");
  ASSERT_THAT(codes(result), ElementsAre("note not-looked-up"));
  EXPECT_THAT(result.findings[0].text, HasSubstr("_tls.d.example: timeout"));
}

TEST(RecordCheck, ErrorsComeFirst) {
  const RecordCheck result = check_text("v=TLSRPTv1; pct=1; rua=mailto:a@d.example!1m,b@d.example");
  EXPECT_THAT(codes(result),
              ElementsAre("error missing-scheme", "warning size-suffix", "note pct"));
}

TEST(RecordCheck, SeveralDomainsAreCheckedInOneRun) {
  FakeResolver resolver({.txt = {{"_smtp._tls.a.example", dns_found(good_record)},
                                 {"_smtp._tls.c.example", dns_temporary("timeout")},
                                 {"_tls.xn--bcher-kva.example", dns_found(good_record)}},
                         .addresses = {}});
  const auto checks =
      check_records(resolver, {domain("a.example"), domain("b.example"), domain("c.example"),
                               domain("B\xC3\xBC"
                                      "cher.example")});
  EXPECT_EQ(resolver.runs(), 1U);
  std::vector<std::string> states;
  for (const RecordCheck& one : checks) {
    states.push_back(one.domain + ' ' + std::string(to_text(one.state)));
  }
  EXPECT_THAT(states, ElementsAre("a.example good", "b.example absent", "c.example dns-failed",
                                  "xn--bcher-kva.example faulty"));
  EXPECT_THAT(check_records(resolver, {}), IsEmpty());
}

TEST(RecordCheck, HostileTextIsEscapedAndCut) {
  const RecordCheck result = check_text("tlsrpt \x1B[2J" + std::string(5000, 'x'));
  ASSERT_EQ(result.findings.size(), 1U);
  EXPECT_EQ(result.findings[0].text.find('\x1B'), std::string::npos);
  EXPECT_LT(result.findings[0].text.size(), 400U);
}

}  // namespace
}  // namespace tlsrpt::policy
