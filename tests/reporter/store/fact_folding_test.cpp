#include "reporter/store/fact_folding.h"

#include <gtest/gtest.h>

#include <string>

namespace tlsrpt::reporter {
namespace {

using policy::Fact;
using policy::Outcome;

Fact detailed() {
  Fact fact;
  fact.mx_host = "mx";
  fact.mx_ip = "192.0.2.1";
  fact.helo = "helo";
  fact.reason = "reason";
  fact.outcome = Outcome::no_tls_seen;
  fact.minute = 719;
  fact.relay = "relay";
  fact.service = "service";
  fact.sending_ip = "192.0.2.2";
  fact.epoch = 3;
  fact.sessions = 5;
  return fact;
}

// What is left of the details, in the order in which they go.
std::string left(Folding folding) {
  const Fact fact = folded(detailed(), folding);
  EXPECT_EQ(fact.outcome, Outcome::no_tls_seen);
  EXPECT_EQ(fact.relay + fact.service + fact.sending_ip, "relayservice192.0.2.2");
  EXPECT_EQ(fact.epoch, 3U);
  EXPECT_EQ(fact.sessions, 5U);
  return fact.helo + "," + fact.reason + "," + fact.mx_ip + "," + fact.mx_host + "," +
         std::to_string(fact.minute);
}

TEST(FactFolding, EachStepDropsOneMoreDetail) {
  EXPECT_EQ(left(Folding::none), "helo,reason,192.0.2.1,mx,719");
  EXPECT_EQ(left(Folding::helo), ",reason,192.0.2.1,mx,719");
  EXPECT_EQ(left(Folding::reason), ",,192.0.2.1,mx,719");
  EXPECT_EQ(left(Folding::mx_ip), ",,,mx,719");
  EXPECT_EQ(left(Folding::mx_host), ",,,,719");
  EXPECT_EQ(left(Folding::minute), ",,,,660");
  EXPECT_EQ(last_folding, Folding::minute);
}

TEST(FactFolding, AFactWithoutMinuteGetsNone) {
  Fact fact = detailed();
  fact.minute = -1;
  EXPECT_EQ(folded(fact, Folding::minute).minute, -1);
  fact.minute = 0;
  EXPECT_EQ(folded(fact, Folding::minute).minute, 0);
}

TEST(FactFolding, APolicyKeepsItsType) {
  const policy::AppliedPolicy sts{policy::PolicyType::sts, "p.example", {"version: STSv1"}, {"*"}};
  const policy::AppliedPolicy plain = without_strings(sts);
  EXPECT_EQ(plain, (policy::AppliedPolicy{policy::PolicyType::sts, "p.example", {}, {}}));
  EXPECT_EQ(of_type_only(sts, "r.example"),
            (policy::AppliedPolicy{policy::PolicyType::sts, "r.example", {}, {}}));
}

}  // namespace
}  // namespace tlsrpt::reporter
