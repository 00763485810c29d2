#include "reporter/deliver/mail_sender.h"

#include <gtest/gtest.h>

namespace tlsrpt::reporter {
namespace {

TEST(MailSender, EachTransportHasItsSender) {
  for (const char* good :
       {"sendmail:/usr/sbin/sendmail", "smtp://mail.example:25", "directory:/var/spool/reports"}) {
    const auto sender = make_mail_sender(good, "tls@us.example");
    ASSERT_TRUE(sender.ok()) << good;
    EXPECT_EQ((*sender)->is_repeatable(), std::string_view(good).starts_with("directory"));
  }
  for (const char* bad : {"", "lmtp:unix:x", "smtps://mail.example", "Sendmail:/x"}) {
    EXPECT_FALSE(make_mail_sender(bad, "tls@us.example").ok()) << bad;
  }
}

TEST(MailSender, EnvelopeAddressesArePrintableAscii) {
  for (const char* good : {"a@b.example", "-x@b.example", "\"a b\"@c.example"}) {
    EXPECT_TRUE(is_envelope_address(good)) << good;
  }
  for (const char* bad : {"", "a\r\nb@c.example", "\xC3\xBC@c.example", "a\x7F@c.example"}) {
    EXPECT_FALSE(is_envelope_address(bad)) << bad;
  }
  EXPECT_FALSE(is_envelope_address(std::string_view("a\0@b", 4)));
  EXPECT_FALSE(is_envelope_address(std::string(321, 'a')));
}

}  // namespace
}  // namespace tlsrpt::reporter
