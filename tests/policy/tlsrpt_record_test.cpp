#include "policy/tlsrpt_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_resolver.h"

namespace tlsrpt::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Texts = std::vector<std::string>;

Texts rua_of(const TlsrptRecord& record) {
  Texts out;
  for (const RuaUri& uri : record.rua) out.push_back(uri.text());
  return out;
}

Texts faults_of(const TlsrptRecord& record) {
  Texts out;
  for (const RuaWarning& warning : record.warnings) out.emplace_back(to_text(warning.fault));
  return out;
}

// The destinations of a record, and the faults that were warned of.
void good(std::string_view text, const Texts& rua, const Texts& faults = {}) {
  SCOPED_TRACE(text);
  const auto record = parse_tlsrpt_record(text);
  ASSERT_TRUE(record.ok()) << record.error().message();
  EXPECT_EQ(record->text, text);
  EXPECT_EQ(rua_of(*record), rua);
  EXPECT_EQ(faults_of(*record), faults);
  const auto chosen = choose_tlsrpt_record({"v=spf1 -all", std::string(text)});
  ASSERT_TRUE(chosen.ok());
  EXPECT_EQ(*chosen, *record);
}

void bad(std::string_view text, std::string_view reason) {
  SCOPED_TRACE(text);
  const auto record = parse_tlsrpt_record(text);
  ASSERT_FALSE(record.ok()) << record->text;
  EXPECT_EQ(record.error().code(), Errc::syntax);
  EXPECT_THAT(record.error().message(), HasSubstr(reason));
}

// No TLSRPT record at all: discarded before the rest is looked at.
void foreign(std::string_view text) {
  SCOPED_TRACE(text);
  EXPECT_FALSE(is_tlsrpt_record(text));
  EXPECT_EQ(choose_tlsrpt_record({std::string(text)}).error().code(), Errc::not_found);
  EXPECT_TRUE(choose_tlsrpt_record({std::string(text), "v=TLSRPTv1;rua=mailto:a@x.example"}).ok());
  bad(text, "does not begin with");
}

const Texts a = {"mailto:a@x.example"};
const Texts ab = {"mailto:a@x.example", "mailto:b@y.example"};

// Requirements 1.1.
TEST(TlsrptRecord, Item1IsPublishedUnderSmtpTls) {
  EXPECT_EQ(tlsrpt_name("x.example"), "_smtp._tls.x.example");
  const auto idn = DomainName::parse(
      "B\xC3\xBC"
      "cher.example");
  ASSERT_TRUE(idn.ok());
  EXPECT_EQ(tlsrpt_name(idn->text()), "_smtp._tls.xn--bcher-kva.example");
}

// Requirements 1.2.
TEST(TlsrptRecord, Item2RecordsOfOtherKindsAreDiscarded) {
  const auto chosen =
      choose_tlsrpt_record({"v=spf1 -all", "v=DMARC1; p=none; rua=mailto:d@x.example",
                            "v=TLSRPTv1; rua=mailto:a@x.example", ""});
  ASSERT_TRUE(chosen.ok()) << chosen.error().message();
  EXPECT_EQ(rua_of(*chosen), a);
}

// Requirements 1.3.
TEST(TlsrptRecord, Item3OnlyExactlyOneRecordCounts) {
  const auto none = [](const Texts& records) {
    const auto chosen = choose_tlsrpt_record(records);
    return chosen.ok() ? "found " + chosen->text
                       : (chosen.error().code() == Errc::not_found ? chosen.error().message()
                                                                   : "wrong code");
  };
  const std::string one = "v=TLSRPTv1; rua=mailto:a@x.example";
  const std::string other = "v=TLSRPTv1; rua=mailto:b@y.example";
  EXPECT_EQ(none({}), "no TLSRPT record");
  EXPECT_EQ(none({"v=spf1 -all"}), "no TLSRPT record");
  EXPECT_EQ(none({one, one}), "2 TLSRPT records, only one is allowed");
  EXPECT_EQ(none({one, other}), "2 TLSRPT records, only one is allowed");
  EXPECT_EQ(none({one, "v=spf1 -all", other, one}), "3 TLSRPT records, only one is allowed");
  // A broken second record is a record, too: it has the version.
  EXPECT_EQ(none({one, "v=TLSRPTv1;"}), "2 TLSRPT records, only one is allowed");
}

TEST(TlsrptRecord, Item3TheOneRecordMayBeBroken) {
  const auto chosen = choose_tlsrpt_record({"v=TLSRPTv1; nonsense"});
  ASSERT_FALSE(chosen.ok());
  EXPECT_EQ(chosen.error().code(), Errc::syntax);
}

// Requirements 1.4: the resolver joins character-strings; what is joined may be long.
TEST(TlsrptRecord, Item4LongRecordsAreRead) {
  good(std::string("v=TLSRPTv1; rua=mai") + "lto:a@x.example", a);
  good(std::string("v=TLS") + "RPTv1; rua=mailto:a@x.example", a);
  std::string text = "v=TLSRPTv1; ";
  for (int i = 0; i < 400; ++i) text += "x" + std::to_string(i) + "=abcdef; ";
  ASSERT_GT(text.size(), 4096U);
  good(text + "rua=mailto:a@x.example", a);
}

// Requirements 1.5.
TEST(TlsrptRecord, Item5VersionComesFirstAndInThisSpelling) {
  good("v=TLSRPTv1;rua=mailto:a@x.example", a);
  foreign("V=TLSRPTv1;rua=mailto:a@x.example");
  foreign("v=tlsrptv1;rua=mailto:a@x.example");
  foreign("v=TLSRPTV1;rua=mailto:a@x.example");
  foreign("v=TLSRPTv2;rua=mailto:a@x.example");
  foreign("v=TLSRPTv10;rua=mailto:a@x.example");
  foreign("v=TLSRPTv1.1;rua=mailto:a@x.example");
  foreign(" v=TLSRPTv1;rua=mailto:a@x.example");
  foreign("\tv=TLSRPTv1;rua=mailto:a@x.example");
  foreign("rua=mailto:a@x.example;v=TLSRPTv1");
  foreign("v= TLSRPTv1;rua=mailto:a@x.example");
  foreign("v =TLSRPTv1;rua=mailto:a@x.example");
  foreign("v-TLSRPTv1;rua=mailto:a@x.example");
  foreign("\"v=TLSRPTv1;rua=mailto:a@x.example\"");
  foreign("v=TLSRPTv1,rua=mailto:a@x.example");
  foreign("v=TLSRPTv1 rua=mailto:a@x.example");
  foreign("v=TLSRPTv1\\;rua=mailto:a@x.example");
  foreign("v=TLSRPTv1\n;rua=mailto:a@x.example");
  foreign(std::string_view("v=TLSRPTv1\0;rua=mailto:a@x.example", 34));
  foreign("v=TLSRPTv1");
  foreign("v=TLSRPT");
  foreign("");
}

// Requirements 1.6; design 7: a blank before ";" is accepted.
TEST(TlsrptRecord, Item6BlanksMayStandBeforeTheDelimiter) {
  good("v=TLSRPTv1 ;rua=mailto:a@x.example", a);
  good("v=TLSRPTv1\t ; \trua=mailto:a@x.example", a);
  good("v=TLSRPTv1;rua=mailto:a@x.example \t; x=1 ;", a);
  EXPECT_EQ(choose_tlsrpt_record(
                {"v=TLSRPTv1 ;rua=mailto:a@x.example", "v=TLSRPTv1;rua=mailto:a@x.example"})
                .error()
                .code(),
            Errc::not_found);
}

// Requirements 1.7.
TEST(TlsrptRecord, Item7OneRuaIsRequiredAtAnyPlace) {
  good("v=TLSRPTv1; x=1; rua=mailto:a@x.example", a);
  good("v=TLSRPTv1; x=1; y=2; rua=mailto:a@x.example; z=3", a);
  bad("v=TLSRPTv1;", "no rua");
  bad("v=TLSRPTv1; ", "no rua");
  bad("v=TLSRPTv1; foo=bar", "no rua");
  bad("v=TLSRPTv1; rua=", "rua is empty");
  bad("v=TLSRPTv1; rua= ;", "rua is empty");
  bad("v=TLSRPTv1; rua=mailto:a@x.example; rua=", "rua is empty");
  bad("v=TLSRPTv1; rua", "no \"=\"");
}

// Requirements 1.8.
TEST(TlsrptRecord, Item8RuaIsALowerCaseNameAndAListOfUris) {
  good("v=TLSRPTv1; rua=mailto:a@x.example,mailto:b@y.example", ab);
  good("v=TLSRPTv1; rua=mailto:a@x.example , mailto:b@y.example", ab);
  good("v=TLSRPTv1; rua=mailto:a@x.example\t,\t \tmailto:b@y.example", ab);
  good("v=TLSRPTv1; rua=mailto:a@x.example;", a);
  good("v=TLSRPTv1; rua=mailto:a@x.example ; ", a);
  good("v=TLSRPTv1; rua=mailto:a@x.example ", a);
  good("v=TLSRPTv1; rua= mailto:a@x.example", a);
  good("v=TLSRPTv1; rua=mailto:a@x.example,", a, {"empty-item"});
  good("v=TLSRPTv1; rua=,mailto:a@x.example", a, {"empty-item"});
  good("v=TLSRPTv1; rua=mailto:a@x.example, ,mailto:b@y.example", ab, {"empty-item"});
  bad("v=TLSRPTv1; rua=,", "none of its rua can be used");
  bad("v=TLSRPTv1; RUA=mailto:a@x.example", "no rua");
  bad("v=TLSRPTv1; Rua=mailto:a@x.example", "no rua");
  bad("v=TLSRPTv1; rua =mailto:a@x.example", "no field name");
  bad("v=TLSRPTv1; rua:mailto:a@x.example", "no \"=\"");
}

// Requirements 1.9.
TEST(TlsrptRecord, Item9DelimitersInsideAUriAreEncoded) {
  good("v=TLSRPTv1; rua=mailto:a%2Cb@x.example", {"mailto:%22a%2Cb%22@x.example"});
  good("v=TLSRPTv1; rua=mailto:a%21b@x.example", {"mailto:a%21b@x.example"});
  good("v=TLSRPTv1; rua=mailto:a%3Bb@x.example", {"mailto:%22a%3Bb%22@x.example"});
  good("v=TLSRPTv1; rua=mailto:a@x.example!10m", a, {"size-suffix"});
  good("v=TLSRPTv1; rua=mailto:a@x.example,mailto:c!d@x.example", a, {"bad-uri"});
  // A bare comma parts the list, a bare semicolon the fields.
  good("v=TLSRPTv1; rua=mailto:a@x.example,b@y.example", a, {"missing-scheme"});
  bad("v=TLSRPTv1; rua=mailto:a;b@x.example", "no \"=\"");
}

// Requirements 1.10.
TEST(TlsrptRecord, Item10UnknownFieldsAreIgnored) {
  for (const char* field : {"pct=50", "fo=1", "ri=3600", "adkim=s", "v=TLSRPTv1", "x=!", "0=0",
                            "a_b-c.d=1", "ruf=mailto:f@x.example", "RUA=x", "rua2=x"}) {
    good("v=TLSRPTv1; rua=mailto:a@x.example; " + std::string(field), a);
    good("v=TLSRPTv1; " + std::string(field) + ";rua=mailto:a@x.example", a);
  }
  const auto record = parse_tlsrpt_record("v=TLSRPTv1; pct=50; rua=mailto:a@x.example; fo=1;");
  ASSERT_TRUE(record.ok());
  EXPECT_THAT(record->ignored, ElementsAre("pct", "fo"));
}

TEST(TlsrptRecord, Item10ExtensionsHaveAGrammar) {
  const auto with = [](std::string_view field) {
    return "v=TLSRPTv1; rua=mailto:a@x.example; " + std::string(field);
  };
  good(with(std::string(32, 'n') + "=1"), a);
  bad(with(std::string(33, 'n') + "=1"), "no field name");
  bad(with("=1"), "no field name");
  bad(with("_x=1"), "no field name");
  bad(with("-x=1"), "no field name");
  bad(with("x y=1"), "no field name");
  bad(with("x\xC3\xBC=1"), "no field name");
  bad(with("x="), "no proper value");
  bad(with("x=a=b"), "no proper value");
  bad(with("x=a b"), "no proper value");
  bad(with("x=a\x01"), "no proper value");
  bad(with("x=a\x7F"), "no proper value");
  bad(with("x=\xC3\xBC"), "no proper value");
  bad(with("x"), "no \"=\"");
  bad(with(";"), "nothing between");
  bad(with("; x=1"), "nothing between");
  bad("v=TLSRPTv1;; rua=mailto:a@x.example", "nothing between");
}

// Requirements 1.11.
TEST(TlsrptRecord, Item11RuaFieldsAreMergedWithoutRepetitionUpToACap) {
  good("v=TLSRPTv1; rua=mailto:a@x.example; rua=mailto:b@y.example", ab);
  good("v=TLSRPTv1; rua=mailto:a@x.example,mailto:a@X.example.; rua=MAILTO:%61@x.example", a);
  good("v=TLSRPTv1; rua=https://x.example; rua=HTTPS://X.example:443/", {"https://x.example/"});
  std::string text = "v=TLSRPTv1; rua=mailto:u0@x.example";
  for (int i = 1; i < 10; ++i) text += ",mailto:u" + std::to_string(i) + "@x.example";
  const auto ten = parse_tlsrpt_record(text);
  ASSERT_TRUE(ten.ok());
  EXPECT_THAT(ten->rua, SizeIs(max_rua));
  EXPECT_THAT(ten->warnings, IsEmpty());
  const auto eleven = parse_tlsrpt_record(text + ",mailto:u3@x.example; rua=https://y.example/");
  ASSERT_TRUE(eleven.ok());
  EXPECT_EQ(eleven->rua, ten->rua);
  EXPECT_THAT(faults_of(*eleven), ElementsAre("over-limit"));
}

TEST(TlsrptRecord, Item11OneMailtoCannotGetRoundTheCap) {
  std::string text = "v=TLSRPTv1; rua=mailto:u@x0.example";
  for (int i = 1; i < 60; ++i) text += "%2Cu@x" + std::to_string(i) + ".example";
  const auto record = parse_tlsrpt_record(text);
  ASSERT_TRUE(record.ok());
  EXPECT_THAT(record->rua, SizeIs(max_rua));
}

// Requirements 1.12.
TEST(TlsrptRecord, Item12OtherSchemesAreSkippedAndTheRestIsSentTo) {
  good("v=TLSRPTv1; rua=MAILTO:a@x.example,HTTPS://x.example/r",
       {"mailto:a@x.example", "https://x.example/r"});
  good("v=TLSRPTv1; rua=http://x.example/r,mailto:a@x.example", a, {"http-scheme"});
  good("v=TLSRPTv1; rua=ftp://x.example/r,tel:+49,mailto:a@x.example", a,
       {"unsupported-scheme", "unsupported-scheme"});
  good("v=TLSRPTv1; rua=postmaster@x.example,mailto:a@x.example", a, {"missing-scheme"});
  bad("v=TLSRPTv1; rua=http://x.example/r", "never in clear text");
  bad("v=TLSRPTv1; rua=postmaster@x.example", "write mailto:");
}

// Requirements 1.13; the table of addresses is in rua_uri_test.cpp.
TEST(TlsrptRecord, Item13MailtoIsReducedToItsAddresses) {
  good("v=TLSRPTv1; rua=mailto:a@x.example?subject=hi&cc=c@x.example", a, {"header-fields"});
  good("v=TLSRPTv1; rua=mailto:a@x.example%2Cb@y.example", ab);
  good("v=TLSRPTv1; rua=mailto:a@x.example,mailto:c%0D%0A@x.example", a, {"bad-address"});
  good("v=TLSRPTv1; rua=mailto:c@[192.0.2.1],mailto:a@x.example", a, {"bad-address"});
}

// Requirements 1.14: absence and failure stay apart on the way from the resolver.
TEST(TlsrptRecord, Item14AbsenceIsNotFailure) {
  testing_support::FakeResolver resolver(
      {.txt = {{"_smtp._tls.servfail.example", testing_support::dns_temporary("SERVFAIL")},
               {"_smtp._tls.a.example",
                testing_support::dns_found("v=TLSRPTv1; rua=mailto:a@x.example")}},
       .addresses = {}});
  std::vector<DnsOutcome> outcomes;
  for (const char* domain : {"a.example", "servfail.example", "none.example"}) {
    resolver.look_up_txt(tlsrpt_name(domain), [&outcomes](const TxtAnswer& answer) {
      outcomes.push_back(answer.outcome);
    });
  }
  resolver.run();
  EXPECT_THAT(outcomes, ElementsAre(DnsOutcome::found, DnsOutcome::temporary, DnsOutcome::absent));
}

// Requirements 1.15: CNAMEs are the resolver's; a wildcard's foreign answer is discarded.
TEST(TlsrptRecord, Item15WildcardAnswersAreJudgedLikeAnyOther) {
  EXPECT_EQ(choose_tlsrpt_record({"v=spf1 include:_spf.x.example ~all"}).error().code(),
            Errc::not_found);
  EXPECT_TRUE(choose_tlsrpt_record({"v=TLSRPTv1; rua=mailto:a@x.example"}).ok());
}

// Requirements 1.16: the name has the whole domain, no parent is ever formed.
TEST(TlsrptRecord, Item16ASubdomainHasItsOwnName) {
  EXPECT_EQ(tlsrpt_name("mail.sub.x.example"), "_smtp._tls.mail.sub.x.example");
}

// Requirements 1.17 and 1.18: any domain may be named, and every destination is kept.
TEST(TlsrptRecord, Item17And18ForeignDomainsAndAllDestinationsAreKept) {
  good("v=TLSRPTv1; rua=mailto:a@x.example,mailto:b@y.example,https://z.example/r",
       {"mailto:a@x.example", "mailto:b@y.example", "https://z.example/r"});
}

// Requirements 1.19: the text is kept, so that it can be compared with the datagram's.
TEST(TlsrptRecord, Item19TextIsKeptAsPublished) {
  const std::string text = "v=TLSRPTv1 ;  rua=mailto:A@X.example ; pct=1;";
  const auto record = choose_tlsrpt_record({text});
  ASSERT_TRUE(record.ok());
  EXPECT_EQ(record->text, text);
}

// Requirements 1.20: the record of an MX host has the same form.
TEST(TlsrptRecord, Item20MxHostsHaveTheSameName) {
  EXPECT_EQ(tlsrpt_name("mail.example.com"), "_smtp._tls.mail.example.com");
}

TEST(TlsrptRecord, RfcExamplesAreGood) {
  // RFC 8460, 3.1.1 and 3.1.2, Appendix A.
  good("v=TLSRPTv1;rua=mailto:reports@example.com", {"mailto:reports@example.com"});
  good("v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt",
       {"https://reporting.example.com/v1/tlsrpt"});
}

TEST(TlsrptRecord, AReadingKeepsWhatCouldBeReadOfABrokenRecord) {
  const TlsrptReading reading =
      read_tlsrpt_record("v=TLSRPTv1; rua=mailto:a@x.example,http://x.example/; x");
  EXPECT_THAT(reading.fault, HasSubstr("no \"=\""));
  EXPECT_EQ(rua_of(reading.record), a);
  EXPECT_THAT(faults_of(reading.record), ElementsAre("http-scheme"));
}

TEST(TlsrptRecord, HostileRecordsCostNoMoreThanTheirLength) {
  std::string many = "v=TLSRPTv1; rua=mailto:a@x.example";
  for (int i = 0; i < 30000; ++i) many += ",x";
  const auto record = parse_tlsrpt_record(many);
  ASSERT_TRUE(record.ok());
  EXPECT_LE(record->warnings.size(), 20U);
  many = "v=TLSRPTv1; rua=mailto:a@x.example";
  for (int i = 0; i < 15000; ++i) many += ";x=1";
  const auto ignored = parse_tlsrpt_record(many);
  ASSERT_TRUE(ignored.ok());
  EXPECT_LE(ignored->ignored.size(), 20U);
  bad("v=TLSRPTv1;" + std::string(65000, ';'), "nothing between");
}

TEST(TlsrptRecord, MessagesShowHostileTextEscaped) {
  const auto record = parse_tlsrpt_record("v=TLSRPTv1; \x1B[2J\xFF");
  ASSERT_FALSE(record.ok());
  EXPECT_EQ(record.error().message().find('\x1B'), std::string::npos);
  EXPECT_EQ(record.error().message().find('\xFF'), std::string::npos);
}

}  // namespace
}  // namespace tlsrpt::policy
