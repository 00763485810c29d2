#include "reporter/check/dkim_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reporter/check/check_rules.h"

namespace tlsrpt::reporter {
namespace {

using ::testing::IsEmpty;
using Level = CheckFinding::Level;

std::vector<CheckFinding> found(DkimKeyFacts key) {
  CheckFacts facts;
  facts.config_file = "/etc/tlsrpt/tlsrpt.conf";
  facts.mail_from = facts.contact_info = "tls@a.example";
  facts.dkim_domain = "a.example";
  facts.dkim_keys.push_back(std::move(key));
  return run_checks(facts);
}

TEST(DkimRules, NothingIsWrongWithAKeyThatRecipientsFind) {
  EXPECT_THAT(found({"/etc/one.pem", "", "one._domainkey.a.example", {}}), IsEmpty());
}

TEST(DkimRules, TheRecordToPublishIsShownByACommand) {
  for (const bool is_fault : {true, false}) {
    const auto findings =
        found({"/etc/one.pem", "", "one._domainkey.a.example", {{is_fault, "is absent"}}});
    ASSERT_EQ(findings.size(), 1U);
    EXPECT_EQ(findings[0].level, is_fault ? Level::fault : Level::hint);
    EXPECT_EQ(findings[0].check, "dkim-record");
    EXPECT_EQ(findings[0].text, "the record one._domainkey.a.example is absent");
    EXPECT_EQ(findings[0].commands.front(),
              "tlsrpt-reporter -c /etc/tlsrpt/tlsrpt.conf --make-dkim-key /etc/one.pem  # prints "
              "what to publish; the key stays");
  }
}

TEST(DkimRules, AKeyThatCannotSignIsAFault) {
  const auto findings = found({"/etc/one.pem", "/etc/one.pem: is no regular file", "one", {}});
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].level, Level::fault);
  EXPECT_EQ(findings[0].text, "no report can be signed: /etc/one.pem: is no regular file");
}

}  // namespace
}  // namespace tlsrpt::reporter
