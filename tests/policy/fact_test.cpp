#include "policy/fact.h"

#include <gtest/gtest.h>

#include <set>

namespace tlsrpt::policy {
namespace {

TEST(Fact, IgnoredKindsHaveTheTextsOfTheSummary) {
  const std::vector<std::string_view> expected = {
      "report-mail",    "report-mail-untrusted", "tls-unknown", "tls-not-wanted",
      "other-port",     "private-address",       "relay",       "address-literal",
      "invalid-domain", "ignored-domain",        "before-ehlo", "local-fault",
      "unattributed",   "not-understood",        "late",        "over-limit"};
  std::vector<std::string_view> texts;
  for (const Ignored kind : all_ignored()) texts.push_back(to_text(kind));
  EXPECT_EQ(texts, expected);
}

TEST(Fact, IgnoredKindsAreNumberedWithoutGaps) {
  int number = 0;
  for (const Ignored kind : all_ignored()) EXPECT_EQ(static_cast<int>(kind), ++number);
  EXPECT_EQ(to_text(static_cast<Ignored>(0)), "");
  EXPECT_EQ(to_text(static_cast<Ignored>(number + 1)), "");
}

TEST(Fact, FailureOutcomesAreTheResultTypes) {
  for (int number = 1; number <= 11; ++number) {
    const auto type = static_cast<ResultType>(number);
    EXPECT_EQ(static_cast<int>(to_outcome(type)), number);
    EXPECT_EQ(to_result_type(to_outcome(type)), type);
  }
  EXPECT_EQ(to_outcome(ResultType::dane_required), Outcome::dane_required);
}

TEST(Fact, PoliciesAreEqualOnlyInAllTheirParts) {
  const AppliedPolicy sts{PolicyType::sts, "a.example", {"version: STSv1"}, {"mx.a.example"}};
  EXPECT_EQ(sts,
            (AppliedPolicy{PolicyType::sts, "a.example", {"version: STSv1"}, {"mx.a.example"}}));
  EXPECT_NE(sts,
            (AppliedPolicy{PolicyType::tlsa, "a.example", {"version: STSv1"}, {"mx.a.example"}}));
  EXPECT_NE(sts,
            (AppliedPolicy{PolicyType::sts, "b.example", {"version: STSv1"}, {"mx.a.example"}}));
  EXPECT_NE(sts, (AppliedPolicy{PolicyType::sts, "a.example", {}, {"mx.a.example"}}));
  EXPECT_NE(sts, (AppliedPolicy{PolicyType::sts, "a.example", {"version: STSv1"}, {}}));
}

}  // namespace
}  // namespace tlsrpt::policy
