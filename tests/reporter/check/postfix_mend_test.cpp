#include "reporter/check/postfix_mend.h"

#include <gtest/gtest.h>

namespace tlsrpt::reporter {
namespace {

TEST(PostfixMend, OneServiceHasItsOwnValue) {
  PostfixFacts postfix;
  postfix.directory = "/etc/postfix-out";
  postfix.values = {{"x", "1"}};
  PostfixService plain;
  PostfixService own;
  own.name = "relay/unix";
  own.overrides = {{"x", "2"}};
  EXPECT_EQ(effective(postfix, plain, "x"), "1");
  EXPECT_EQ(effective(postfix, own, "x"), "2");
  CheckFindings findings;
  for (const PostfixService* each : {&plain, &own, &plain})
    add_setting(postfix, *each, {CheckFinding::Level::hint, "check", "x", "3", "why"}, &findings);
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_EQ(findings[0].text, "x is \"1\": why");
  EXPECT_EQ(findings[0].commands[0], "postconf -c /etc/postfix-out -e 'x=3'");
  EXPECT_EQ(findings[1].text, "x is \"2\" for the service relay/unix: why");
  EXPECT_EQ(findings[1].commands[0], "postconf -c /etc/postfix-out -P 'relay/unix/x=3'");
  EXPECT_EQ(findings[1].commands[1], "postfix -c /etc/postfix-out reload");
  findings.clear();
  add_setting(postfix, own, {{}, "check", "x", "a, { b,  c=d } ,e", "why"}, &findings);
  EXPECT_EQ(findings[0].commands[0], "postconf -c /etc/postfix-out -P 'relay/unix/x=a,{b,c=d},e'");
}

// That it works, the integration test of --check tells.
TEST(PostfixMend, AnOptionIsSetWhereverItStood) {
  CheckFacts facts;
  facts.config_file = "/etc/t.conf";
  EXPECT_EQ(set_option(facts, "a", "2"),
            "sed -i '/^ *a *=/d' /etc/t.conf && echo 'a = 2' >>/etc/t.conf");
}

}  // namespace
}  // namespace tlsrpt::reporter
