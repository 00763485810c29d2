#include "reporter/check/mail_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/check_site.h"

namespace tlsrpt::reporter {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using MailRulesTest = testing_support::CheckTest;

TEST_F(MailRulesTest, BouncesToAddressesThatPostfixDoesNotKnow) {
  value("mydestination") = "relay.a.example, A.Example localhost";
  EXPECT_THAT(found(), IsEmpty()) << "no addresses of their own are asked for";
  facts.verp_delimiter = '+';
  EXPECT_THAT(found(), ElementsAre("fault bounces"));
  EXPECT_THAT(commands(), ElementsAre("postconf -e 'recipient_delimiter=+'", "postfix reload"));
  value("recipient_delimiter") = "-";
  EXPECT_THAT(commands(), ElementsAre("postconf -e 'recipient_delimiter=-+'", "postfix reload"));
  value("recipient_delimiter") = "-+";
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(MailRulesTest, BouncesThatComeToAnotherHost) {
  facts.verp_delimiter = '+';
  EXPECT_THAT(found(), IsEmpty());
  value("mydestination") = "localhost";
  value("virtual_alias_domains") = "hash:/etc/postfix/a.example";
  EXPECT_THAT(found(), IsEmpty());
  value("virtual_mailbox_domains") = "b.example,a.example";
  EXPECT_THAT(found(), ElementsAre("fault bounces"));
}

// Reports with senders of their own pass by the service that is there for mail_from.
TEST_F(MailRulesTest, SendersOfTheirOwnLeaveByAnotherService) {
  value("smtp_tls_security_level") = "encrypt";
  value("sender_dependent_default_transport_maps") = "inline:{ {tls@a.example = tlsrpt-out:} }";
  postfix().services.push_back(
      {"tlsrpt-out/unix", "smtp", true, {{"smtp_tls_security_level", "may"}}});
  EXPECT_THAT(found(), IsEmpty());
  facts.verp_delimiter = '+';
  EXPECT_THAT(found(), ElementsAre("fault report-tls"));
  EXPECT_THAT(commands(), ElementsAre("postconf -e 'recipient_delimiter=+'", "postfix reload"));
  value("recipient_delimiter") = "+";
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(MailRulesTest, TlsThatAnOldParameterEnforces) {
  value("smtp_tls_security_level") = "";
  value("smtp_enforce_tls") = "yes";
  EXPECT_THAT(found(), ElementsAre("fault report-tls"));
}

TEST_F(MailRulesTest, AddressesBeyondAscii) {
  value("smtputf8_enable") = "yes";
  EXPECT_THAT(found(), IsEmpty());
  value("smtputf8_enable") = "no";
  EXPECT_THAT(found(), ElementsAre("hint smtputf8"));
  EXPECT_THAT(commands(), ElementsAre("postconf -e 'smtputf8_enable=yes'", "postfix reload"));
  facts.mail_transport = "smtp://relay.example:25";
  EXPECT_THAT(found(), IsEmpty()) << "we see to it";
}

}  // namespace
}  // namespace tlsrpt::reporter
