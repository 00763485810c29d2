#include "milter/datagram/tlsrpt_datagram.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace tlsrpt::milter {
namespace {

using policy::DatagramLoss;

using policy::Outcome;
using policy::PolicyType;

// The shortest policy that is in order, and a datagram around POLICIES.
constexpr std::string_view success =
    R"({"policy-type":9,"policy-domain": "a.example","t":0,"f":0})";
std::string with_policies(std::string_view policies) {
  return R"({"dpv": "1","d": "a.example","pr": "v=TLSRPTv1; rua=mailto:r@a.example","policies":[)" +
         std::string(policies) + "]}";
}
std::string with_failure(std::string_view failure) {
  return with_policies(R"({"policy-type":9,"failure-details":[)" + std::string(failure) +
                       R"(],"t":1,"f":1})");
}

TEST(TlsrptDatagram, HasEveryKeyOfLibtlsrpt) {
  DatagramParser parser;
  const TlsrptDatagram* datagram = parser.parse(
      R"({"dpv": "1","d": "A.example","pr": "v=TLSRPTv1; rua=mailto:r@a.example","policies":[)"
      R"({"policy-type":2,"policy-domain": "a.example","policy-string":["version: STSv1",)"
      R"("mode: enforce","mx: *.b.example"],"mx-host":["*.b.example","c.example"],)"
      R"("failure-details":[{"c":205,"s": "192.0.2.25","n": "mx.b.example","h": "250-mx\r\n250 X",)"
      R"("r": "198.51.100.1","a": "https://a.example/why","f": "tls-handshake-failure"}],)"
      R"("t":1,"f":1}]})");
  ASSERT_NE(datagram, nullptr) << to_text(parser.fault());
  EXPECT_EQ(datagram->domain, "A.example");
  EXPECT_EQ(datagram->record, "v=TLSRPTv1; rua=mailto:r@a.example");
  ASSERT_EQ(datagram->policies.size(), 1U);
  const DatagramPolicy& policy = datagram->policies[0];
  EXPECT_EQ(policy.type, PolicyType::sts);
  EXPECT_EQ(policy.policy_domain, "a.example");
  ASSERT_EQ(policy.policy_string.size(), 3U);
  EXPECT_EQ(policy.policy_string[0], "version: STSv1");
  EXPECT_EQ(policy.policy_string[2], "mx: *.b.example");
  ASSERT_EQ(policy.mx_host.size(), 2U);
  EXPECT_EQ(policy.mx_host[0], "*.b.example");
  EXPECT_FALSE(policy.success);
  ASSERT_EQ(policy.failures.size(), 1U);
  const DatagramFailure& failure = policy.failures[0];
  EXPECT_EQ(failure.outcome, Outcome::validation_failure);
  EXPECT_EQ(failure.sending_ip, "192.0.2.25");
  EXPECT_EQ(failure.mx_host, "mx.b.example");
  EXPECT_EQ(failure.helo, "250-mx\r\n250 X");
  EXPECT_EQ(failure.mx_ip, "198.51.100.1");
  EXPECT_EQ(failure.additional_information, "https://a.example/why");
  EXPECT_EQ(failure.reason, "tls-handshake-failure");
}

TEST(TlsrptDatagram, SuccessSaysLittle) {
  DatagramParser parser;
  const TlsrptDatagram* datagram = parser.parse(with_policies(success));
  ASSERT_NE(datagram, nullptr) << to_text(parser.fault());
  EXPECT_EQ(datagram->policies[0].type, PolicyType::no_policy_found);
  EXPECT_TRUE(datagram->policies[0].success);
  EXPECT_TRUE(datagram->policies[0].failures.empty());
  EXPECT_TRUE(datagram->policies[0].policy_string.empty());
}

TEST(TlsrptDatagram, EveryCode) {
  const std::pair<int, Outcome> codes[] = {{201, Outcome::starttls_not_supported},
                                           {202, Outcome::certificate_host_mismatch},
                                           {203, Outcome::certificate_not_trusted},
                                           {204, Outcome::certificate_expired},
                                           {205, Outcome::validation_failure},
                                           {301, Outcome::sts_policy_fetch_error},
                                           {302, Outcome::sts_policy_invalid},
                                           {303, Outcome::sts_webpki_invalid},
                                           {304, Outcome::tlsa_invalid},
                                           {305, Outcome::dnssec_invalid},
                                           {306, Outcome::dane_required}};
  DatagramParser parser;
  for (const auto& [code, outcome] : codes) {
    const auto* datagram = parser.parse(with_failure(R"({"c":)" + std::to_string(code) + "}"));
    ASSERT_NE(datagram, nullptr) << code;
    EXPECT_EQ(datagram->policies[0].failures[0].outcome, outcome) << code;
  }
}

TEST(TlsrptDatagram, EveryPolicyType) {
  DatagramParser parser;
  for (const auto type : {PolicyType::tlsa, PolicyType::sts, PolicyType::no_policy_found}) {
    const std::string number = std::to_string(static_cast<int>(type));
    const auto* datagram =
        parser.parse(with_policies(R"({"policy-type":)" + number + R"(,"t":0,"f":0})"));
    ASSERT_NE(datagram, nullptr) << number;
    EXPECT_EQ(datagram->policies[0].type, type);
    EXPECT_EQ(datagram->policies[0].policy_domain, "") << "before Postfix 3.10.5";
  }
}

// Postfix sends one policy and at most one failure; the format allows for more.
TEST(TlsrptDatagram, SeveralPoliciesAndFailures) {
  DatagramParser parser;
  const TlsrptDatagram* datagram = parser.parse(with_policies(
      R"({"policy-type":1,"policy-domain":"mx.a.example","policy-string":["3 1 1 AB","2 1 1 CD"],)"
      R"("failure-details":[{"c":203,"n":"mx1"},{"c":204,"n":"mx2"}],"t":2,"f":1},)"
      R"({"policy-type":2,"policy-string":["version: STSv1"],"t":0,"f":0})"));
  ASSERT_NE(datagram, nullptr) << to_text(parser.fault());
  ASSERT_EQ(datagram->policies.size(), 2U);
  ASSERT_EQ(datagram->policies[0].policy_string.size(), 2U);
  EXPECT_EQ(datagram->policies[0].policy_string[1], "2 1 1 CD");
  ASSERT_EQ(datagram->policies[0].failures.size(), 2U);
  EXPECT_EQ(datagram->policies[0].failures[1].mx_host, "mx2");
  ASSERT_EQ(datagram->policies[1].policy_string.size(), 1U);
  EXPECT_EQ(datagram->policies[1].policy_string[0], "version: STSv1");
  EXPECT_TRUE(datagram->policies[1].success);
}

// libtlsrpt 0.5.0rc1 (Debian 13) writes no dpv.
TEST(TlsrptDatagram, VersionMayBeAbsent) {
  DatagramParser parser;
  const std::string text = R"({"d": "a.example","pr": "","policies":[)" + std::string(success);
  EXPECT_NE(parser.parse(text + "]}"), nullptr);
}

TEST(TlsrptDatagram, UnknownKeysAreSkipped) {
  DatagramParser parser;
  EXPECT_NE(parser.parse(R"({"new":{"deep":[[1,null,{"a":true}]]},"d":"a.example","policies":[)"
                         R"({"policy-type":9,"f":0,"newer":1.5}]})"),
            nullptr)
      << to_text(parser.fault());
}

void bad(std::string_view text, DatagramLoss fault) {
  DatagramParser parser;
  const std::string_view shown = text.substr(0, 100);
  EXPECT_EQ(parser.parse(text), nullptr) << shown;
  EXPECT_EQ(to_text(parser.fault()), to_text(fault)) << shown;
  // The next one is not affected.
  EXPECT_NE(parser.parse(with_policies(success)), nullptr);
}

TEST(TlsrptDatagram, WhatIsNoJsonIsRefused) {
  for (const std::string_view text :
       {"", " ", "{", "nonsense", "{}}", "{\"d\":}", "\x01\x02", "{\"d\":\"a\nb\"}", "{'d':1}",
        "[1,2", "{\"d\":\"a.example\""})
    bad(text, DatagramLoss::not_json);
  bad(std::string_view("{\"d\":\"a\0b\"}", 11), DatagramLoss::not_json);
  bad(with_policies(success) + with_policies(success), DatagramLoss::not_json);
  bad(with_policies(success) + std::string(1, '\0'), DatagramLoss::not_json);
}

// RFC 8259, 8.1: whoever sends one breaks the format.
TEST(TlsrptDatagram, AByteOrderMarkIsNoJson) {
  bad("\xef\xbb\xbf" + with_policies(success), DatagramLoss::not_json);
}

TEST(TlsrptDatagram, ANumberThatNothingHoldsHasNoMeaning) {
  for (const std::string_view number :
       {"9223372036854775808", "18446744073709551615", "18446744073709551616",
        "-9223372036854775809", "123456789012345678901234567890"}) {
    bad(with_policies(R"({"policy-type":9,"f":)" + std::string(number) + "}"),
        DatagramLoss::unknown_value);
  }
  bad(with_policies(R"({"policy-type":9,"f":0,"newer":-1.5e+4000})"), DatagramLoss::unknown_value);
  for (const std::string_view number :
       {"01", "-", "1.", "1.e5", "1e", "1e+", "99999999999999999999e", "099999999999999999999",
        "0x1", "1x", "1 2", "99999999999999999999 x", "99999999999999999999, tru"}) {
    bad(with_policies(R"({"policy-type":9,"f":)" + std::string(number) + "}"),
        DatagramLoss::not_json);
  }
}

TEST(TlsrptDatagram, HalfASurrogatePairIsNoText) {
  for (const std::string_view half : {R"(\ud800)", R"(\udc00)", R"(\uD83D x)", R"(\\\ud800\n)"})
    bad(R"({"d":"a.example)" + std::string(half) + R"("})", DatagramLoss::not_utf8);
  for (const std::string_view escape : {R"(\u12)", R"(\u12g4)", R"(\x)", R"(\ud800\x)"})
    bad(R"({"d":"a.example)" + std::string(escape) + R"("})", DatagramLoss::not_json);
}

TEST(TlsrptDatagram, TextHasToBeUtf8) {
  bad(with_failure("{\"c\":205,\"h\":\"250 \xff\"}"), DatagramLoss::not_utf8);
  bad(with_failure("{\"c\":205,\"h\":\"250 \xc0\xaf\"}"), DatagramLoss::not_utf8);
  bad(with_failure("{\"c\":205,\"h\":\"250 \xed\xa0\x80\"}"), DatagramLoss::not_utf8);
}

TEST(TlsrptDatagram, SizeIsBounded) {
  const std::string start = R"({"d":"a.example","policies":[{"policy-type":9,"f":0}],"x":")";
  const auto of_size = [&](std::size_t size) {
    return start + std::string(size - start.size() - 2, 'x') + "\"}";
  };
  DatagramParser parser;
  EXPECT_NE(parser.parse(of_size(max_datagram)), nullptr) << to_text(parser.fault());
  bad(of_size(max_datagram + 1), DatagramLoss::too_large);
  bad(std::string(1'000'000, '['), DatagramLoss::too_large);
}

TEST(TlsrptDatagram, DepthIsBounded) {
  bad(std::string(30'000, '[') + std::string(30'000, ']'), DatagramLoss::too_deep);
  bad(R"({"d":"a.example","x":)" + std::string(20, '[') + std::string(20, ']') + "}",
      DatagramLoss::too_deep);
}

TEST(TlsrptDatagram, APairOfBracketsThatHoldsNothingIsNotCounted) {
  bad(std::string(12, '[') + std::string(12, ']'), DatagramLoss::wrong_type);
  bad(std::string(12, '[') + " \n" + std::string(11, ']'), DatagramLoss::not_json);
  bad(std::string(12, '[') + "1" + std::string(12, ']'), DatagramLoss::too_deep);
  bad(std::string(13, '[') + std::string(13, ']'), DatagramLoss::too_deep);
}

// It never comes to its end: what is wrong first is told.
TEST(TlsrptDatagram, DepthIsToldOfADatagramThatIsCutShort) {
  bad(std::string(60'000, '['), DatagramLoss::too_deep);
  bad(" \t\r\n" + std::string(12, '['), DatagramLoss::too_deep);
  bad(R"({"d":"a.example","x":)" + std::string(20, '{'), DatagramLoss::too_deep);
  bad(std::string(11, '['), DatagramLoss::not_json);
  bad(R"(["[[[[[[[[[[[[[[[[[[[[[[",)", DatagramLoss::not_json);
  bad(R"(["\"[[[[[[[[[[[[[[[[[[[[[[",)", DatagramLoss::not_json);
  bad("[[[]]],[[[]]],[[[]]],[[[]]],[[[]]]", DatagramLoss::not_json);
  bad("nonsense" + std::string(20, '['), DatagramLoss::not_json);
  bad("]]" + std::string(20, '['), DatagramLoss::not_json);
}

TEST(TlsrptDatagram, HugeTextsAreReadAndMeanWhatTheySay) {
  const std::string huge(60'000, 'x');
  DatagramParser parser;
  const TlsrptDatagram* datagram =
      parser.parse(R"({"d":")" + huge + R"(","policies":[{"policy-type":9,"f":0}]})");
  ASSERT_NE(datagram, nullptr) << to_text(parser.fault());
  EXPECT_EQ(datagram->domain, huge);
  bad(R"({"d":"a.example","policies":")" + huge + R"("})", DatagramLoss::wrong_type);
  bad(R"({"dpv":")" + huge + R"(","d":"a.example","policies":[]})", DatagramLoss::wrong_version);
  bad(R"({"d":"a.example","policies":")" + huge, DatagramLoss::not_json);
}

TEST(TlsrptDatagram, RandomOctetsAreNoJsonOrNoUtf8) {
  std::uint32_t state = 7;
  DatagramParser parser;
  for (int round = 0; round < 2000; ++round) {
    std::string octets;
    for (int i = 0; i < 40 * (1 + round % 40); ++i) {
      state = state * 1664525U + 1013904223U;
      octets += static_cast<char>(static_cast<unsigned char>(state >> 24U));
    }
    ASSERT_EQ(parser.parse(octets), nullptr);
    ASSERT_TRUE(parser.fault() == DatagramLoss::not_json ||
                parser.fault() == DatagramLoss::not_utf8)
        << to_text(parser.fault());
  }
}

TEST(TlsrptDatagram, KeysComeOnce) {
  bad(R"({"d":"a.example","d":"b.example","policies":[]})", DatagramLoss::duplicate_key);
  bad(R"({"d":"a.example","\u0064":"b.example","policies":[]})", DatagramLoss::duplicate_key);
  bad(R"({"x":1,"x":1,"d":"a.example","policies":[]})", DatagramLoss::duplicate_key);
  bad(with_policies(R"({"policy-type":9,"f":0,"f":1})"), DatagramLoss::duplicate_key);
  bad(with_failure(R"({"c":205,"c":204})"), DatagramLoss::duplicate_key);
}

TEST(TlsrptDatagram, WhatCountsHasToBeThere) {
  bad("{}", DatagramLoss::missing_key);
  bad(R"({"d":"a.example"})", DatagramLoss::missing_key);
  bad(R"({"d":"","policies":[{"policy-type":9,"f":0}]})", DatagramLoss::missing_key);
  bad(with_policies(""), DatagramLoss::missing_key);
  bad(with_policies(R"({"policy-type":9})"), DatagramLoss::missing_key);
  bad(with_policies(R"({"f":0})"), DatagramLoss::missing_key);
  bad(with_failure(R"({"n":"mx"})"), DatagramLoss::missing_key);
}

TEST(TlsrptDatagram, TypesAreStrict) {
  for (const std::string_view text :
       {"[]", "1", "null", "\"text\"", R"({"d":1,"policies":[]})", R"({"d":null,"policies":[]})",
        R"({"d":"a","policies":{}})", R"({"d":"a","policies":[1]})", R"({"dpv":1})",
        R"({"d":"a","pr":[]})"})
    bad(text, DatagramLoss::wrong_type);
  for (const std::string_view policy :
       {R"({"policy-type":"9","f":0})", R"({"policy-type":9.0,"f":0})",
        R"({"policy-type":9,"f":"0"})", R"({"policy-type":9,"f":false})",
        R"({"policy-type":9,"f":0,"policy-domain":7})",
        R"({"policy-type":9,"f":0,"policy-string":"x"})",
        R"({"policy-type":9,"f":0,"policy-string":[1]})",
        R"({"policy-type":9,"f":0,"mx-host":[["x"]]})", R"({"policy-type":9,"f":0,"t":1.5})",
        R"({"policy-type":9,"f":0,"failure-details":[[]]})"})
    bad(with_policies(policy), DatagramLoss::wrong_type);
  for (const std::string_view failure :
       {R"({"c":"205"})", R"({"c":205,"s":1})", R"({"c":205,"n":null})", R"({"c":205,"h":{}})",
        R"({"c":205,"r":[]})", R"({"c":205,"a":false})", R"({"c":205,"f":0})", R"({"c":1e2})"})
    bad(with_failure(failure), DatagramLoss::wrong_type);
}

TEST(TlsrptDatagram, NumbersHaveToMeanSomething) {
  for (const std::string_view text :
       {R"({"dpv":"2","d":"a","policies":[]})", R"({"dpv":"","d":"a","policies":[]})",
        R"({"d":["a"],"policies":[{}],"policies":7,"dpv":"2"})"})
    bad(text, DatagramLoss::wrong_version);
  for (const std::string_view policy :
       {R"({"policy-type":3,"f":0})", R"({"policy-type":-1,"f":0})", R"({"policy-type":9,"f":2})",
        R"({"policy-type":9,"f":901})", R"({"policy-type":9,"f":0,"t":1})",
        R"({"policy-type":9,"f":1,"failure-details":[{"c":205}],"t":0})",
        R"({"policy-type":9,"f":1,"t":1})"})
    bad(with_policies(policy), DatagramLoss::unknown_value);
  for (const std::string_view code : {"0", "200", "206", "901", "-205", "9223372036854775807"})
    bad(with_failure(R"({"c":)" + std::string(code) + "}"), DatagramLoss::unknown_value);
}

TEST(TlsrptDatagram, NumberOfPartsIsBounded) {
  const auto many = [](std::string_view part, unsigned count) {
    std::string text(part);
    for (unsigned i = 1; i < count; ++i) text.append(",").append(part);
    return text;
  };
  bad(with_policies(many(success, 17)), DatagramLoss::too_many);
  bad(with_policies(R"({"policy-type":9,"failure-details":[)" + many(R"({"c":205})", 257) +
                    R"(],"t":257,"f":1})"),
      DatagramLoss::too_many);
  bad(with_policies(R"({"policy-type":9,"policy-string":[)" + many(R"("x")", 4097) + R"(],"f":1})"),
      DatagramLoss::too_many);
  std::string keys = "{";
  for (unsigned i = 0; i < 40; ++i) keys += "\"k" + std::to_string(i) + "\":1,";
  bad(keys + R"("d":"a"})", DatagramLoss::too_many);
}

}  // namespace
}  // namespace tlsrpt::milter
