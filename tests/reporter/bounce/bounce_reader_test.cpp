#include "reporter/bounce/bounce_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/bounces.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing_support::Returned;

const std::string folder = TLSRPT_SOURCE_DIR "/tests/data/bounces";

std::string sample(const std::string& name) {
  return testing_support::bounce_of(folder, name, Returned{});
}

TEST(BounceReader, ReadsEachSystemsNotification) {
  struct Case {
    const char* name;
    const char* action;
    const char* status;
    const char* diagnostic;
  };
  for (const Case& each : {
           Case{"postfix", "failed", "5.1.1", "550 5.1.1 <rua@receiver.example>: Recipient"},
           Case{"postfix_delayed", "delayed", "4.4.1", "connect to mail.receiver.example"},
           Case{"postfix_expired", "failed", "4.4.1", "connect to mail.receiver.example"},
           Case{"postfix_too_large", "failed", "5.3.4", "552 5.3.4 Message size exceeds"},
           Case{"postfix_552", "failed", "5.0.0", "552 message too large"},
           Case{"postfix_policy", "failed", "5.7.1", "550 5.7.1 a.example is no customer"},
           Case{"exim_552", "failed", "5.0.0", "552 Message size exceeds"},
           Case{"exim_expired", "failed", "5.0.0", "451 Try again later: retry timeout"},
           Case{"exchange_online", "failed", "5.1.10", "550 5.1.10 RESOLVER.ADR"},
           Case{"gmail", "failed", "5.1.1", "550-5.1.1 The email account"},
       }) {
    SCOPED_TRACE(each.name);
    const auto read = read_bounce(sample(each.name));
    ASSERT_TRUE(read.ok()) << read.error().message();
    ASSERT_EQ(read->recipients.size(), 1U);
    const BounceRecipient& recipient = read->recipients[0];
    EXPECT_EQ(recipient.final_recipient, "rua@receiver.example");
    EXPECT_EQ(recipient.action, each.action);
    EXPECT_EQ(recipient.status, each.status);
    EXPECT_THAT(recipient.diagnostic, HasSubstr(each.diagnostic));
    EXPECT_THAT(read->sent_to, Contains("tls-reports@relay.example"));
    EXPECT_THAT(read->message_ids, Contains("<1@relay.example>"));
  }
}

TEST(BounceReader, LineEndsMayBeEither) {
  std::string text = sample("postfix");
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2) {
    text.replace(at, 1, "\r\n");
  }
  const auto read = read_bounce(text);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->recipients.at(0).status, "5.1.1");
  EXPECT_THAT(read->message_ids, Contains("<1@relay.example>"));
}

// A message/delivery-status of FIELDS.
std::string with_status(const std::string& fields) {
  return "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n"
         "Content-Type: message/delivery-status\n\n" +
         fields + "\n--b--\n";
}

TEST(BounceReader, CommentsAndCaseDoNotMatter) {
  const auto read = read_bounce(
      with_status("Reporting-MTA: dns; a\n\nFINAL-RECIPIENT: RFC822; <X@A.Example>\n"
                  "Action: Failed (because)\nStatus: 5.1.1 (bad (destination) mailbox)\n"));
  ASSERT_TRUE(read.ok());
  const BounceRecipient& recipient = read->recipients.at(0);
  EXPECT_EQ(recipient.final_recipient, "X@A.Example");
  EXPECT_EQ(recipient.action, "failed");
  EXPECT_EQ(recipient.status, "5.1.1");
}

TEST(BounceReader, AStatusOfAnotherShapeIsNone) {
  for (const char* status :
       {"5", "5.1", "5.1.1.1", "5..1", "5.1.", "a.b.c", "5.1.1111", "(5.1.1)"}) {
    const auto read = read_bounce(
        with_status("R: x\n\nFinal-Recipient: rfc822;x@a\nStatus: " + std::string(status) + "\n"));
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read->recipients.at(0).status, "") << status;
  }
}

TEST(BounceReader, OtherMailIsNone) {
  for (const char* mail : {"", "From: a@b.example\n\nHello\n",
                           "Content-Type: multipart/report; report-type=tlsrpt; boundary=b\n\n--b\n"
                           "Content-Type: application/tlsrpt+gzip\n\nx\n--b--\n",
                           "Content-Type: message/rfc822\n\nContent-Type: "
                           "message/delivery-status\n\nAction: failed\n"}) {
    const auto read = read_bounce(mail);
    ASSERT_FALSE(read.ok()) << mail;
    EXPECT_EQ(read.error().code(), Errc::not_found);
  }
  const auto empty = read_bounce(with_status("Reporting-MTA: dns; a\n"));
  ASSERT_FALSE(empty.ok());
  EXPECT_EQ(empty.error().code(), Errc::syntax);
}

TEST(BounceReader, KeepsNoMoreThanItsLimits) {
  std::string many = "Reporting-MTA: dns; a\n\n";
  std::string header;
  for (int i = 0; i < 300; ++i) {
    many += "Final-Recipient: rfc822; x@a\nAction: failed\nStatus: 5.0.0\n\n";
    header += "Delivered-To: x" + std::to_string(i) + "@a.example\n";
  }
  const auto read = read_bounce(header + with_status(many));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->recipients.size(), max_bounce_recipients);
  EXPECT_EQ(read->sent_to.size(), max_bounce_names);
}

}  // namespace
}  // namespace tlsrpt::reporter
