#include "policy/vocabulary.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>

namespace tlsrpt::policy {
namespace {

TEST(Vocabulary, ResultTypesAreTheElevenOfIana) {
  // RFC 8460, 6.6: in the registry's order.
  constexpr auto words = std::to_array<std::string_view>(
      {"starttls-not-supported", "certificate-host-mismatch", "certificate-not-trusted",
       "certificate-expired", "validation-failure", "sts-policy-fetch-error", "sts-policy-invalid",
       "sts-webpki-invalid", "tlsa-invalid", "dnssec-invalid", "dane-required"});
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto type = static_cast<ResultType>(i + 1);
    EXPECT_EQ(to_text(type), words[i]);
    EXPECT_EQ(parse_result_type(words[i]), type);
  }
}

TEST(Vocabulary, PolicyTypesAreThoseOfRfc8460) {
  EXPECT_EQ(to_text(PolicyType::tlsa), "tlsa");
  EXPECT_EQ(to_text(PolicyType::sts), "sts");
  EXPECT_EQ(to_text(PolicyType::no_policy_found), "no-policy-found");
  EXPECT_EQ(static_cast<int>(PolicyType::tlsa), 1);  // The store and libtlsrpt keep these.
  EXPECT_EQ(static_cast<int>(PolicyType::sts), 2);
  EXPECT_EQ(static_cast<int>(PolicyType::no_policy_found), 9);
  for (const char* word : {"tlsa", "sts", "no-policy-found"}) {
    ASSERT_TRUE(parse_policy_type(word).has_value()) << word;
    EXPECT_EQ(to_text(*parse_policy_type(word)), word);
  }
}

TEST(Vocabulary, OtherWordsAreNone) {
  for (const char* word :
       {"", "STS", "Tlsa", "sts ", " sts", "no-policy", "no_policy_found", "tls"}) {
    EXPECT_EQ(parse_policy_type(word), std::nullopt) << word;
  }
  for (const char* word : {"", "success", "starttls_not_supported", "Certificate-Expired",
                           "certificate-expired ", "dane-require", "dane-requiredx"}) {
    EXPECT_EQ(parse_result_type(word), std::nullopt) << word;
  }
}

TEST(Vocabulary, NumbersWithoutAWordHaveNoText) {
  EXPECT_EQ(to_text(static_cast<ResultType>(0)), "");
  EXPECT_EQ(to_text(static_cast<ResultType>(12)), "");
  EXPECT_EQ(to_text(static_cast<PolicyType>(0)), "");
}

}  // namespace
}  // namespace tlsrpt::policy
