#include "reporter/report/told_policies.h"

#include <gtest/gtest.h>

namespace tlsrpt::reporter {
namespace {

using policy::AppliedPolicy;
using policy::Outcome;
using policy::PolicyType;

const AppliedPolicy untold{PolicyType::tlsa, "mx.a.example", {}, {}};
const AppliedPolicy told{PolicyType::tlsa, "mx.a.example", {"3 1 1 AB"}, {}};

TEST(ToldPolicies, TheOnlyKnownOneIsThatOfASessionWithoutStrings) {
  ToldPolicies policies;
  EXPECT_EQ(policies.entry_of(untold, Outcome::success), untold);
  policies.add(untold);
  EXPECT_EQ(policies.entry_of(untold, Outcome::success), untold);
  policies.add(told);
  policies.add(told);
  EXPECT_EQ(policies.entry_of(untold, Outcome::success), told);
  EXPECT_EQ(policies.entry_of(untold, Outcome::certificate_expired), told);
  EXPECT_EQ(policies.entry_of(untold, Outcome::validation_failure), told);
}

TEST(ToldPolicies, OfSeveralNobodyKnowsWhich) {
  ToldPolicies policies;
  policies.add(told);
  AppliedPolicy other = told;
  other.policy_string = {"3 1 1 CD"};
  policies.add(other);
  policies.add(told);
  EXPECT_EQ(policies.entry_of(untold, Outcome::success), untold);
  EXPECT_EQ(policies.entry_of(other, Outcome::success), other);
}

TEST(ToldPolicies, AnotherTypeOrDomainIsAnotherPolicy) {
  ToldPolicies policies;
  policies.add(told);
  for (const AppliedPolicy& other : {AppliedPolicy{PolicyType::tlsa, "mx2.a.example", {}, {}},
                                     AppliedPolicy{PolicyType::sts, "mx.a.example", {}, {}}}) {
    EXPECT_EQ(policies.entry_of(other, Outcome::success), other);
  }
}

TEST(ToldPolicies, WhoFoundNoUsablePolicyMetNone) {
  ToldPolicies policies;
  policies.add(told);
  for (const Outcome outcome :
       {Outcome::tlsa_invalid, Outcome::dnssec_invalid, Outcome::dane_required}) {
    EXPECT_EQ(policies.entry_of(untold, outcome), untold);
  }
}

}  // namespace
}  // namespace tlsrpt::reporter
