#include "reporter/flush/withheld.h"

#include <gtest/gtest.h>

#include "reporter/options/option_table.h"

namespace tlsrpt::reporter {
namespace {

TEST(Withheld, ExcludedIsTheDomainItself) {
  Settings settings = default_settings();
  EXPECT_FALSE(is_excluded(settings, "a.example"));
  settings.exclude_domains = {*policy::DomainName::parse("A.example"),
                              *policy::DomainName::parse("b\xC3\xBC.example")};
  EXPECT_TRUE(is_excluded(settings, "a.example"));
  EXPECT_TRUE(is_excluded(settings, "xn--b-eha.example"));
  EXPECT_FALSE(is_excluded(settings, "mail.a.example"));
  EXPECT_FALSE(is_excluded(settings, "example"));
}

TEST(Withheld, TooFewIsLessThanMinSessions) {
  Settings settings = default_settings();
  EXPECT_FALSE(has_too_few(settings, 1));
  settings.min_sessions = 3;
  EXPECT_TRUE(has_too_few(settings, 2));
  EXPECT_FALSE(has_too_few(settings, 3));
  EXPECT_EQ(too_few_text(settings), "fewer sessions than min_sessions (3)");
}

}  // namespace
}  // namespace tlsrpt::reporter
