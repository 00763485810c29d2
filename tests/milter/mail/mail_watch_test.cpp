#include "milter/mail/mail_watch.h"

#include <gtest/gtest.h>

namespace tlsrpt::milter {
namespace {

constexpr std::string_view ours = "<tlsrpt.20261122.a.example.1.0.00ff@relay.example>";

TEST(MailWatch, OrdinaryMailIsNothing) {
  MailWatch watch;
  watch.begin(true);
  watch.header("Message-ID", "<secret@elsewhere.example>");
  watch.header("Subject", "Report Domain: a.example Submitter: b Report-ID: <x@b>");
  EXPECT_FALSE(watch.end("4XyZ1234567890"));
}

TEST(MailWatch, OurMessageIdIsKeptAndNobodyElses) {
  MailWatch watch;
  watch.begin(true);
  watch.header("message-id", " " + std::string(ours));
  auto mail = watch.end("4F3Q2W1Z0Yz1234");
  ASSERT_TRUE(mail);
  EXPECT_EQ(mail->queue_id, "4F3Q2W1Z0Yz1234");
  EXPECT_EQ(mail->message_id, ours);
  EXPECT_TRUE(mail->sender_is_listed);
  EXPECT_FALSE(mail->has_report_headers);
  // The last one counts, as in the log.
  watch.header("Message-ID", "<other@elsewhere.example>");
  EXPECT_FALSE(watch.end("4F3Q2W1Z0Yz1234"));
  watch.header("TLS-Report-Domain", "a.example");
  mail = watch.end("4F3Q2W1Z0Yz1234");
  ASSERT_TRUE(mail);
  EXPECT_EQ(mail->message_id, "");
  EXPECT_TRUE(mail->has_report_headers);
}

TEST(MailWatch, AMessageIdMayBeFolded) {
  const std::string id(ours);
  for (const std::string& value :
       {"\n " + id, "\n\t" + id, "\r\n " + id, id + "\n", " \r\n " + id}) {
    MailWatch watch;
    watch.begin(true);
    watch.header("Message-ID", value);
    const auto mail = watch.end("4F3Q2W1Z0Yz1234");
    ASSERT_TRUE(mail) << value;
    EXPECT_EQ(mail->message_id, ours);
  }
  MailWatch watch;
  watch.begin(true);
  for (const char* nothing : {"", "\r\n ", "\n"}) watch.header("Message-ID", nothing);
  EXPECT_FALSE(watch.end("4F3Q2W1Z0Yz1234"));
}

TEST(MailWatch, EachMessageStartsAnew) {
  MailWatch watch;
  watch.begin(true);
  watch.header("TLS-Report-Submitter", "b.example");
  watch.header("Message-ID", ours);
  watch.begin(false);
  EXPECT_FALSE(watch.end("2667D10E"));
  watch.header("Message-ID", ours);
  ASSERT_TRUE(watch.end("2667D10E"));
  EXPECT_FALSE(watch.end("2667D10E")->sender_is_listed);
}

TEST(MailWatch, WithoutAQueueIdNothingCanBeSaid) {
  MailWatch watch;
  watch.begin(false);
  watch.header("Message-ID", ours);
  for (const std::string& bad : {std::string(), std::string("a b"), std::string(100, 'A')})
    EXPECT_FALSE(watch.end(bad)) << bad;
}

TEST(MailWatch, SendersAreComparedWithoutBracketsAndCase) {
  const std::vector<std::string> listed{"tls@a.example"};
  EXPECT_TRUE(is_listed_sender("<TLS@a.Example>", listed));
  EXPECT_TRUE(is_listed_sender("tls@a.example", listed));
  EXPECT_FALSE(is_listed_sender("<>", listed));
  EXPECT_TRUE(is_listed_sender("<TLS+0123456789abcdef012345671f@a.example>", listed));
  EXPECT_TRUE(is_listed_sender("tls-0123456789abcdef012345671f@a.example", listed));
  EXPECT_FALSE(is_listed_sender("<tls+news@a.example>", listed));
  EXPECT_FALSE(is_listed_sender("<x+0123456789abcdef012345671f@a.example>", listed));
  EXPECT_FALSE(is_listed_sender("<x-tls@a.example>", listed));
}

TEST(MailWatch, RecipientsHaveADomainOrNone) {
  EXPECT_EQ(recipient_domain("<\"a@b\"@Caf\xc3\xa9.Example>")->text(), "xn--caf-dma.example");
  for (const char* none : {"<postmaster>", "<u@[192.0.2.1]>", "<u@>", "", "<"})
    EXPECT_FALSE(recipient_domain(none)) << none;
}

}  // namespace
}  // namespace tlsrpt::milter
