#include "milter/datagram/datagram_facts.h"

#include <gtest/gtest.h>

namespace tlsrpt::milter {
namespace {

using policy::Outcome;
using policy::PolicyType;

class DatagramFactsTest : public testing::Test {
 protected:
  DatagramFacts read(const std::string& json) {
    const TlsrptDatagram* datagram = parser_.parse(json);
    if (datagram == nullptr) return {};
    return reader_.read(*datagram);
  }

  DomainFilter filter_{FilterOptions()};
  DatagramFactReader reader_{filter_};
  DatagramParser parser_;
};

TEST_F(DatagramFactsTest, PolicyDomainIsFilledFromTheDomainAndBothAreFolded) {
  const auto facts = read(R"({"d":"FLAX.Test","policies":[{"policy-type":9,"t":0,"f":0}]})");
  EXPECT_EQ(facts.domain, "flax.test");
  ASSERT_EQ(facts.sessions.size(), 1U);
  EXPECT_EQ(facts.sessions[0].policy->applied.type, PolicyType::no_policy_found);
  EXPECT_EQ(facts.sessions[0].policy->applied.policy_domain, "flax.test");
  EXPECT_EQ(facts.sessions[0].outcome, Outcome::success);
}

TEST_F(DatagramFactsTest, StringsAndPatternsStayAsGivenInTheirOrder) {
  const auto facts =
      read(R"({"d":"a.example","policies":[{"policy-type":2,"policy-domain":"A.example",)"
           R"("policy-string":["version: STSv1","mx: b","mx: a"],"mx-host":["b","*.A.example"],)"
           R"("t":0,"f":0}]})");
  const policy::AppliedPolicy& policy = facts.sessions.at(0).policy->applied;
  EXPECT_EQ(policy.policy_domain, "A.example");
  EXPECT_EQ(policy.policy_string, (std::vector<std::string>{"version: STSv1", "mx: b", "mx: a"}));
  EXPECT_EQ(policy.mx_host, (std::vector<std::string>{"b", "*.A.example"}));
}

TEST_F(DatagramFactsTest, CodesArePassedOnAndTheReplyToEhloIsCutToTheHostName) {
  const auto facts =
      read(R"({"d":"a.example","policies":[{"policy-type":1,"policy-domain":"mx.a.example",)"
           R"("failure-details":[{"c":306,"s":"192.0.2.1","n":"MX.a.example",)"
           R"("h":"250-mta.a.example says hi\r\n250 SIZE 10","r":"2001:db8::1","f":"because"}],)"
           R"("t":1,"f":1}]})");
  const DatagramSession& session = facts.sessions.at(0);
  EXPECT_EQ(session.outcome, Outcome::dane_required);
  EXPECT_EQ(session.reason, "because");
  EXPECT_EQ(session.helo, "mta.a.example");
  EXPECT_EQ(session.sending_ip, "192.0.2.1");
  EXPECT_EQ(session.mx_host, "mx.a.example");
  EXPECT_EQ(session.mx_ip, "2001:db8::1");
}

TEST_F(DatagramFactsTest, HostNameOfTheReply) {
  EXPECT_EQ(helo_host("250-a.example\r\n250 SIZE"), "a.example");
  EXPECT_EQ(helo_host("250 a.example"), "a.example");
  EXPECT_EQ(helo_host("a.example\nx"), "a.example");
  EXPECT_EQ(helo_host("250"), "250");
  EXPECT_EQ(helo_host(""), "");
  EXPECT_EQ(helo_host("250 a\x1b[31m.example"), "");
  EXPECT_EQ(helo_host("250 " + std::string(300, 'x')), "");
  EXPECT_EQ(helo_host("250 [192.0.2.1] at your service"), "[192.0.2.1]");
  EXPECT_EQ(helo_host("250 [IPv6:2001:db8::1]"), "[IPv6:2001:db8::1]");
  EXPECT_EQ(helo_host("250 MX_5.a.example."), "MX_5.a.example.");
  EXPECT_EQ(helo_host("250 b\xc3\xbc"
                      "cher.example"),
            "xn--bcher-kva.example");
  for (const char* none :
       {"mx5.helo.example,oops", "250 <a.example>", "250 [", "250 []", "250 [192.0.2.1",
        "250 [a.example]", "250 [fe80::1%a,b]", "250 a/b", "250 \xc3\xbc,b", "250 \xff.example"})
    EXPECT_EQ(helo_host(none), "") << none;
}

TEST_F(DatagramFactsTest, ALongReasonIsCutWhereACharacterEnds) {
  const auto reason_of = [this](const std::string& reason) {
    return read(R"({"d":"a.example","policies":[{"policy-type":9,"f":1,"failure-details":[)"
                R"({"c":205,"f":")" +
                reason + R"("}]}]})")
        .sessions.at(0)
        .reason;
  };
  EXPECT_EQ(reason_of(std::string(198, 'x') + "\xE2\x82\xACyz"), std::string(198, 'x'));
  EXPECT_EQ(reason_of(std::string(197, 'x') + "\xE2\x82\xACyz"),
            std::string(197, 'x') + "\xE2\x82\xAC");
}

TEST_F(DatagramFactsTest, WhatCannotBeTheNameOfAHostIsNoName) {
  for (const std::string name : {"mx.a.example\\nevil.example", "mx\\u0000", "\\u202emx",
                                 "bad name", "mx,b", "mx:25", "b\\u00fccher example"}) {
    const auto facts = read(R"({"d":"a.example","policies":[{"policy-type":9,"f":1,)"
                            R"("failure-details":[{"c":205,"n":")" +
                            name + R"("}]}]})");
    EXPECT_EQ(facts.sessions.at(0).mx_host, "") << name;
  }
}

TEST_F(DatagramFactsTest, FailureWithoutDetailIsAValidationFailure) {
  const auto facts = read(R"({"d":"a.example","policies":[{"policy-type":9,"t":0,"f":1}]})");
  EXPECT_EQ(facts.sessions.at(0).outcome, Outcome::validation_failure);
}

TEST_F(DatagramFactsTest, SuccessAfterAFailureIsASuccess) {
  const auto facts =
      read(R"({"d":"a.example","policies":[{"policy-type":9,"failure-details":[{"c":201}],)"
           R"("t":1,"f":0}]})");
  EXPECT_EQ(facts.sessions.at(0).outcome, Outcome::success);
}

TEST_F(DatagramFactsTest, TheRecordIsKeptWholeOrNotAtAll) {
  const auto record_of = [this](const std::string& record) {
    return read(R"({"d":"a.example","pr":")" + record +
                R"(","policies":[{"policy-type":9,"t":0,"f":0}]})")
        .sessions.at(0)
        .policy->record;
  };
  EXPECT_EQ(record_of("v=TLSRPTv1; rua=mailto:r@a.example"), "v=TLSRPTv1; rua=mailto:r@a.example");
  EXPECT_EQ(record_of("v=TLSRPTv1; rua=mailto:s@a.example"), "v=TLSRPTv1; rua=mailto:s@a.example");
  EXPECT_EQ(record_of(std::string(policy::max_seen_record, 'x')).size(), policy::max_seen_record);
  EXPECT_EQ(record_of(std::string(policy::max_seen_record + 1, 'x')), "");
}

TEST_F(DatagramFactsTest, ThePolicyThatComesTwiceJudgesOnce) {
  const auto facts = read(R"({"d":"a.example","policies":[{"policy-type":9,"t":0,"f":0},)"
                          R"({"policy-type":9,"failure-details":[{"c":204}],"t":1,"f":1},)"
                          R"({"policy-type":9,"t":0,"f":0},{"policy-type":2,"t":0,"f":0}]})");
  ASSERT_EQ(facts.sessions.size(), 2U);
  EXPECT_EQ(facts.sessions[0].outcome, policy::Outcome::certificate_expired);
  EXPECT_EQ(facts.sessions[1].policy->applied.type, policy::PolicyType::sts);
}

TEST_F(DatagramFactsTest, EqualPoliciesAreSharedOthersAreNot) {
  const std::string json =
      R"({"d":"a.example","policies":[{"policy-type":2,"policy-string":["ab","c"],"t":0,"f":0}]})";
  const std::string other =
      R"({"d":"a.example","policies":[{"policy-type":2,"policy-string":["a","bc"],"t":0,"f":0}]})";
  const auto first = read(json);
  EXPECT_EQ(read(json).sessions.at(0).policy, first.sessions.at(0).policy);
  const auto second = read(other);
  EXPECT_NE(second.sessions.at(0).policy, first.sessions.at(0).policy);
  EXPECT_NE(second.sessions.at(0).policy->number, first.sessions.at(0).policy->number);
}

// A policy of this many octets, and then NUMBER.
std::string long_policy(std::size_t octets, int number) {
  return R"({"d":"a.example","policies":[{"policy-type":2,"policy-string":[")" +
         std::string(octets, 'x') + std::to_string(number) + R"("],"t":0,"f":0}]})";
}

TEST_F(DatagramFactsTest, ManyLongPoliciesAreSoonForgotten) {
  for (const bool is_long : {false, true}) {
    const auto first = read(long_policy(10, 0)).sessions.at(0).policy->number;
    for (int i = 1; i <= 200; ++i) read(long_policy(is_long ? 50000 : 10, i));
    EXPECT_EQ(read(long_policy(10, 0)).sessions.at(0).policy->number == first, !is_long);
  }
}

TEST_F(DatagramFactsTest, WhatPairsIsAllThatIsLeftOfFactsWithoutRoom) {
  const SharedFacts whole = share_facts(read(
      R"({"d":"a.example","pr":"v=TLSRPTv1;","policies":[{"policy-type":9,"failure-details":)"
      R"([{"c":204,"s":"192.0.2.25","n":"mx","h":"250 helo","r":"198.51.100.1"}],"t":1,"f":1}]})"));
  EXPECT_EQ(whole->octets, std::string("a.example"
                                       "v=TLSRPTv1;"
                                       "a.example"
                                       "192.0.2.25"
                                       "mx"
                                       "helo"
                                       "198.51.100.1")
                               .size());
  EXPECT_TRUE(whole->is_whole);
  const SharedFacts left = only_what_pairs(*whole);
  EXPECT_FALSE(left->is_whole);
  EXPECT_EQ(left->domain, "a.example");
  ASSERT_EQ(left->sessions.size(), 1U);
  EXPECT_EQ(left->sessions[0].outcome, Outcome::certificate_expired);
  EXPECT_EQ(left->sessions[0].mx_ip, "198.51.100.1");
  EXPECT_EQ(left->octets, std::string("a.example198.51.100.1").size());
}

}  // namespace
}  // namespace tlsrpt::milter
