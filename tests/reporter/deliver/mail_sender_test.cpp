#include "reporter/deliver/mail_sender.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "reporter/options/option_table.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

TEST(MailSender, EachTransportHasItsSender) {
  for (const char* good :
       {"sendmail:/usr/sbin/sendmail", "smtp://mail.example:25", "directory:/var/spool/reports"}) {
    const auto sender = make_mail_sender({good, "tls@us.example", {}});
    ASSERT_TRUE(sender.ok()) << good;
    EXPECT_EQ((*sender)->is_repeatable(), std::string_view(good).starts_with("directory"));
  }
  for (const char* bad : {"", "lmtp:unix:x", "smtps://mail.example", "Sendmail:/x"}) {
    EXPECT_FALSE(make_mail_sender({bad, "tls@us.example", {}}).ok()) << bad;
  }
}

TEST(MailSender, ThePasswordIsTheFirstLineOfItsFile) {
  const testing_support::TempDir folder;
  Settings settings = default_settings();
  settings.mail_transport = "smtp://hub.example:587";
  settings.mail_from = "tls@us.example";
  EXPECT_TRUE(load_mail_transport(settings).ok()) << "no user, no password";
  settings.smtp_user = "tls";
  settings.smtp_password_file = folder.file("password");
  const auto absent = load_mail_transport(settings);
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().code(), policy::Errc::not_found);
  folder.write("password", "a b:c\nold one\n");
  ASSERT_EQ(::chmod(settings.smtp_password_file.c_str(), 0644), 0);
  EXPECT_FALSE(load_mail_transport(settings).ok()) << "everybody could read it";
  ASSERT_EQ(::chmod(settings.smtp_password_file.c_str(), 0600), 0);
  const auto loaded = load_mail_transport(settings);
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded->smtp.user, "tls");
  EXPECT_EQ(loaded->smtp.password, "a b:c");
  folder.write("password", "\n");
  EXPECT_FALSE(load_mail_transport(settings).ok());
}

TEST(MailSender, ThePrivateKeyIsNobodyElsesToRead) {
  const testing_support::TempDir folder;
  Settings settings = default_settings();
  settings.mail_transport = "smtp://hub.example:587";
  settings.smtp_tls_cert_file = folder.write("chain", "certificate and key");
  for (const bool is_apart : {false, true}) {
    const std::string file = is_apart ? folder.write("key", "key") : settings.smtp_tls_cert_file;
    if (is_apart) settings.smtp_tls_key_file = file;
    ASSERT_EQ(::chmod(file.c_str(), 0644), 0);
    EXPECT_FALSE(load_mail_transport(settings).ok());
    ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
    EXPECT_TRUE(load_mail_transport(settings).ok());
    // A certificate alone is for everybody to see.
    ASSERT_EQ(::chmod(settings.smtp_tls_cert_file.c_str(), is_apart ? 0644 : 0600), 0);
    EXPECT_TRUE(load_mail_transport(settings).ok());
  }
}

TEST(MailSender, EnvelopeAddressesArePrintable) {
  for (const char* good : {"a@b.example", "-x@b.example", "\"a b\"@c.example", "ü@c.example"}) {
    EXPECT_TRUE(is_envelope_address(good)) << good;
  }
  for (const char* bad :
       {"", "a\r\nb@c.example", "\xFC@c.example", "a\u202E@c.example", "a\x7F@c.example"}) {
    EXPECT_FALSE(is_envelope_address(bad)) << bad;
  }
  EXPECT_FALSE(is_envelope_address(std::string_view("a\0@b", 4)));
  EXPECT_FALSE(is_envelope_address(std::string(321, 'a')));
}

}  // namespace
}  // namespace tlsrpt::reporter
