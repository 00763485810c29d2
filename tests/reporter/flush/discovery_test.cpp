#include "reporter/flush/discovery.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/support/fake_resolver.h"

namespace tlsrpt::reporter {
namespace {

using testing_support::dns_found;
using testing_support::dns_temporary;
using testing_support::FakeResolver;

TEST(Discovery, TellsRecordAbsenceAndFailureApart) {
  FakeResolver resolver(
      {.txt = {{"_smtp._tls.good.example", dns_found("v=TLSRPTv1; rua=mailto:a@good.example")},
               {"_smtp._tls.two.example", dns_found("v=TLSRPTv1;rua=mailto:a@two.example",
                                                    "v=TLSRPTv1;rua=mailto:b@two.example")},
               {"_smtp._tls.spf.example", dns_found("v=spf1 -all")},
               {"_smtp._tls.broken.example", dns_found("v=TLSRPTv1;")},
               {"_smtp._tls.dead.example", dns_temporary("timeout")}},
       .addresses = {}});
  const auto found = discover({"good.example", "none.example", "two.example", "spf.example",
                               "broken.example", "dead.example", "not a name"},
                              RecordMap(), resolver);
  ASSERT_EQ(found.size(), 7U);
  EXPECT_EQ(found[0].outcome, DiscoveryOutcome::record);
  ASSERT_EQ(found[0].record.rua.size(), 1U);
  EXPECT_EQ(found[0].record.rua[0].target, "a@good.example");
  for (const std::size_t none : {1U, 2U, 3U, 4U}) {
    EXPECT_EQ(found[none].outcome, DiscoveryOutcome::none) << none;
    EXPECT_FALSE(found[none].reason.empty()) << none;
  }
  EXPECT_EQ(found[5].outcome, DiscoveryOutcome::temporary);
  EXPECT_EQ(found[5].reason, "timeout");
  EXPECT_TRUE(found[5].from_dns);
  EXPECT_EQ(found[6].outcome, DiscoveryOutcome::broken) << "never to be settled in silence";
  EXPECT_EQ(found[6].reason, "not a domain name");
  EXPECT_FALSE(found[6].from_dns);
  EXPECT_EQ(resolver.runs(), 1U) << "all at the same time";
}

TEST(Discovery, TheRecordMapOverridesDns) {
  FakeResolver resolver(
      {.txt = {{"_smtp._tls.a.example", dns_found("v=TLSRPTv1; rua=mailto:dns@a.example")}},
       .addresses = {}});
  const auto map = RecordMap::parse(
      "a.example v=TLSRPTv1; rua=mailto:map@a.example\nb.example discard\n"
      "c.example v=TLSRPTv1; rua=mailto:1@c.example\nc.example v=TLSRPTv1; "
      "rua=mailto:2@c.example\n",
      "map");
  ASSERT_TRUE(map.ok());
  const auto found = discover({"a.example", "b.example", "c.example"}, *map, resolver);
  EXPECT_EQ(found[0].record.rua.at(0).target, "map@a.example");
  EXPECT_EQ(found[1].outcome, DiscoveryOutcome::discard);
  EXPECT_EQ(found[2].outcome, DiscoveryOutcome::none) << "two records are none";
  EXPECT_TRUE(resolver.asked().empty());
}

TEST(Discovery, ARecordThatOurReadingThrowsAtBreaksNoOther) {
  FakeResolver resolver(
      {.txt = {{"_smtp._tls.bad.example", dns_found("v=TLSRPTv1; rua=mailto:poison@bad.example")},
               {"_smtp._tls.worse.example", dns_temporary("internal error: vector::at")},
               {"_smtp._tls.good.example", dns_found("v=TLSRPTv1; rua=mailto:a@good.example")}},
       .addresses = {}});
  resolver.world().txt["_smtp._tls.worse.example"].our_fault = true;
  const auto map = RecordMap::parse("mapped.example v=TLSRPTv1; rua=mailto:poison@x\n", "map");
  const auto choose = [](const std::vector<std::string>& texts) {
    if (texts.at(0).find("poison") != std::string::npos) throw std::out_of_range("substr");
    return policy::choose_tlsrpt_record(texts);
  };
  const auto found = discover({"bad.example", "mapped.example", "worse.example", "good.example"},
                              *map, resolver, {}, choose);
  for (const std::size_t bad : {0U, 1U}) {
    EXPECT_EQ(found[bad].outcome, DiscoveryOutcome::broken);
    EXPECT_EQ(found[bad].reason, "internal error: substr");
  }
  EXPECT_EQ(found[2].outcome, DiscoveryOutcome::broken);
  EXPECT_EQ(found[2].reason, "internal error: vector::at");
  EXPECT_EQ(found[3].outcome, DiscoveryOutcome::record);
}

}  // namespace
}  // namespace tlsrpt::reporter
