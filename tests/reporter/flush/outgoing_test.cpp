#include "reporter/flush/outgoing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reporter/report/report_maker.h"
#include "reporter/report/verp.h"
#include "tests/support/dkim_samples.h"
#include "tests/support/flush_world.h"

namespace tlsrpt::reporter {
namespace {

using ::testing::HasSubstr;

class OutgoingTest : public testing_support::FlushWorld {
 protected:
  void SetUp() override {
    settings_.bcc = "archive@relay.example";
    count("a.example");
    publish("a.example", "https://a.example/r,mailto:x@a.example,mailto:%22y%20z%22@a.example");
    close();
    report_ = reports().at(0);
    siblings_ = deliveries();
    ASSERT_EQ(siblings_.size(), 4U);
  }
  OutgoingMail mail(std::size_t place) {
    auto outgoing = make_outgoing(report_, siblings_.at(place), siblings_, sender_);
    EXPECT_TRUE(outgoing.ok()) << outgoing.error().message();
    return std::get<OutgoingMail>(*outgoing);
  }

  OutgoingSender sender_{"tls@relay.example"};
  StoredReport report_;
  std::vector<Delivery> siblings_;
};

TEST_F(OutgoingTest, AMailtoIsAMessageToItsAddress) {
  const OutgoingMail first = mail(1);
  EXPECT_EQ(first.recipient, "x@a.example");
  EXPECT_THAT(first.message, HasSubstr("To: x@a.example\r\n"));
  EXPECT_THAT(first.message, HasSubstr("From: "));
  EXPECT_THAT(first.message, HasSubstr(siblings_[1].message_id));
  EXPECT_EQ(first.disk_name, "relay.example!a.example!1795305600!1795391999!001.2.eml");
  EXPECT_EQ(mail(2).recipient, "\"y z\"@a.example");
  EXPECT_EQ(mail(1).message, first.message) << "the same bytes each time";
}

TEST_F(OutgoingTest, AnHttpsUriIsAPost) {
  const auto outgoing = make_outgoing(report_, siblings_[0], siblings_, sender_);
  ASSERT_TRUE(outgoing.ok());
  EXPECT_EQ(std::get<OutgoingPost>(*outgoing).destination.target, "https://a.example/r");
}

TEST_F(OutgoingTest, TheArchiveCopyIsTheFirstMessage) {
  const OutgoingMail copy = mail(3);
  EXPECT_EQ(copy.recipient, "archive@relay.example");
  EXPECT_EQ(copy.message, mail(1).message);
  EXPECT_TRUE(copy.disk_name.ends_with(".4.eml")) << copy.disk_name;
}

TEST_F(OutgoingTest, TheEnvelopeSenderNamesTheDeliveryWhereThatIsWanted) {
  EXPECT_EQ(mail(1).sender, "");
  sender_.verp_delimiter = '+';
  const std::string plain = mail(1).message;
  for (const std::size_t place : {1U, 2U}) {
    const auto read = parse_verp_sender(mail(place).sender);
    ASSERT_TRUE(read.has_value()) << mail(place).sender;
    EXPECT_EQ(read->mail_from, "tls@relay.example");
    EXPECT_EQ(read->number, siblings_[place].id);
    EXPECT_TRUE(is_verp_token(read->token, siblings_[place].message_id));
    EXPECT_FALSE(is_verp_token(read->token, siblings_[3 - place].message_id));
  }
  EXPECT_EQ(mail(1).message, plain) << "the message is the same";
  EXPECT_EQ(mail(3).sender, "") << "the token of the archive copy is that of the first message";
}

TEST_F(OutgoingTest, AMessageIsSignedWhereWeSign) {
  const std::string plain = mail(1).message;
  std::vector<DkimSelectorKey> keys;
  keys.push_back({"one", *DkimKey::from_pem(testing_support::rfc8463_ed25519_key)});
  const DkimSigner signer("relay.example", std::move(keys));
  sender_.signer = &signer;
  const std::string signed_message = mail(1).message;
  EXPECT_TRUE(signed_message.starts_with("DKIM-Signature: "));
  EXPECT_TRUE(signed_message.ends_with("\r\n" + plain));
  EXPECT_EQ(mail(1).message, signed_message) << "the same bytes at each attempt";
}

TEST_F(OutgoingTest, DamagedTextsAreErrors) {
  for (const char* bad : {"", "mailto:", "ftp://a.example/", "mailto:a@b\r\nBcc: x@y",
                          "bcc:", "bcc:x@y.example\r\nBcc: z@y.example"}) {
    siblings_[1].destination = bad;
    EXPECT_FALSE(make_outgoing(report_, siblings_[1], siblings_, sender_).ok()) << bad;
  }
  Delivery stranger = siblings_[2];
  stranger.id = 12345;
  EXPECT_FALSE(make_outgoing(report_, stranger, siblings_, sender_).ok());
}

}  // namespace
}  // namespace tlsrpt::reporter
