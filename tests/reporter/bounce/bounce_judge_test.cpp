#include "reporter/bounce/bounce_judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reporter/report/verp.h"
#include "tests/support/bounces.h"
#include "tests/support/flush_world.h"

namespace tlsrpt::reporter {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing_support::bounce_of;
using testing_support::Returned;

const std::string folder = TLSRPT_SOURCE_DIR "/tests/data/bounces";

class BounceJudge : public testing_support::FlushWorld {
 protected:
  void SetUp() override {
    settings_.bcc = "archive@relay.example";
    count("a.example");
    publish("a.example", "mailto:one@a.example,mailto:two@a.example");
    close();
    deliver();
    ASSERT_EQ(state(0), DeliveryState::sent);
  }
  DeliveryState state(std::size_t place) { return deliveries().at(place).state; }
  // What comes back of delivery PLACE, with its Message-ID only.
  Returned returned(std::size_t place) {
    const Delivery delivery = deliveries().at(place);
    return {"tls-reports@relay.example",
            delivery.destination.substr(delivery.destination.find(':') + 1), delivery.message_id};
  }
  // The same with its sender only.
  Returned by_sender(std::size_t place) {
    const Delivery delivery = deliveries().at(place);
    Returned returned = this->returned(place);
    returned.sender = make_verp_sender(settings_.mail_from, '+', delivery.message_id, delivery.id);
    returned.message_id = "<rewritten@receiver.example>";
    return returned;
  }
  BounceEffect take(const std::string& name, const Returned& returned) {
    const auto taken =
        take_bounce(*store_, settings_, clock_.now(), bounce_of(folder, name, returned));
    EXPECT_TRUE(taken.ok()) << taken.error().message();
    return taken.ok() ? taken->effect : BounceEffect::other_mail;
  }
  std::vector<Suppression> suppressed() { return *store_->suppressions(clock_.now()); }
};

TEST_F(BounceJudge, AHardBounceOfEachSystemSuppressesItsAddressForAWhile) {
  for (const char* name : {"postfix", "exchange_online", "gmail"}) {
    for (const bool named_by_sender : {false, true}) {
      SCOPED_TRACE(std::string(name) + (named_by_sender ? " by sender" : " by Message-ID"));
      damage("UPDATE delivery SET state = 2, last_error = ''; DELETE FROM suppression");
      EXPECT_EQ(take(name, named_by_sender ? by_sender(1) : returned(1)), BounceEffect::suppressed);
      EXPECT_EQ(state(1), DeliveryState::failed);
      EXPECT_THAT(deliveries().at(1).last_error, HasSubstr("came back: 550"));
      EXPECT_EQ(state(0), DeliveryState::sent);
      EXPECT_EQ(state(2), DeliveryState::sent) << "the archive copy of the first";
      ASSERT_EQ(suppressed().size(), 1U);
      EXPECT_EQ(suppressed()[0].destination, "mailto:two@a.example");
      EXPECT_EQ(suppressed()[0].until, clock_.now() + std::chrono::days(7));
    }
  }
}

TEST_F(BounceJudge, TakenInTwiceItChangesNothing) {
  EXPECT_EQ(take("postfix", returned(1)), BounceEffect::suppressed);
  const auto until = suppressed().at(0).until;
  clock_.advance(std::chrono::hours(1));
  EXPECT_EQ(take("postfix", returned(1)), BounceEffect::none);
  EXPECT_EQ(suppressed().at(0).until, until);
  ASSERT_TRUE(*store_->lift_suppression("mailto:two@a.example"));
  EXPECT_EQ(take("postfix", returned(1)), BounceEffect::none);
  EXPECT_THAT(suppressed(), IsEmpty()) << "what was lifted stays so";
}

TEST_F(BounceJudge, ForgeriesChangeNothing) {
  Returned wrong = by_sender(0);
  wrong.sender[12] = wrong.sender[12] == '0' ? '1' : '0';
  EXPECT_EQ(take("postfix", wrong), BounceEffect::not_ours);
  Returned other_number = by_sender(0);
  const std::size_t at = other_number.sender.find('@');
  other_number.sender.insert(at, "7");
  EXPECT_EQ(take("postfix", other_number), BounceEffect::not_ours);
  Returned no_token = returned(0);
  no_token.message_id = "<tlsrpt.20261122.a.example.1.1.@relay.example>";
  EXPECT_EQ(take("gmail", no_token), BounceEffect::not_ours);
  no_token.message_id = "";
  EXPECT_EQ(take("gmail", no_token), BounceEffect::not_ours);
  EXPECT_EQ(state(0), DeliveryState::sent);
  EXPECT_THAT(suppressed(), IsEmpty());
}

TEST_F(BounceJudge, WhatIsNoFailureChangesNothing) {
  EXPECT_EQ(take("postfix_delayed", returned(1)), BounceEffect::none);
  EXPECT_EQ(state(1), DeliveryState::sent);
  for (const char* action : {"relayed", "delivered", "expanded", ""}) {
    Bounce bounce;
    bounce.recipients = {{"x@a", "", action, "5.1.1", ""}};
    EXPECT_EQ(judge_bounce(bounce), BounceVerdict::nothing) << action;
    bounce.recipients.push_back({"y@a", "", "failed", "5.1.1", ""});
    EXPECT_EQ(judge_bounce(bounce), BounceVerdict::nothing) << "not all have failed";
  }
  EXPECT_EQ(judge_bounce({}), BounceVerdict::nothing);
}

TEST_F(BounceJudge, AFailureThatIsNotTheAddressSuppressesNobody) {
  for (const char* name : {"postfix_expired", "exim_expired", "postfix_policy"}) {
    damage("UPDATE delivery SET state = 2");
    EXPECT_EQ(take(name, returned(1)), BounceEffect::noted) << name;
    EXPECT_EQ(state(1), DeliveryState::failed);
    EXPECT_THAT(suppressed(), IsEmpty()) << name;
  }
}

TEST_F(BounceJudge, AllRecipientsMustFailAlike) {
  Bounce bounce;
  bounce.recipients = {{"x@a", "", "failed", "5.1.1", ""}, {"y@a", "", "failed", "5.7.1", ""}};
  EXPECT_EQ(judge_bounce(bounce), BounceVerdict::failed);
  bounce.recipients[1].status = "5.1.10";
  EXPECT_EQ(judge_bounce(bounce), BounceVerdict::dead);
  bounce.recipients = {{"x@a", "", "failed", "5.3.4", ""},
                       {"y@a", "", "failed", "5.0.0", "552 too large"}};
  EXPECT_EQ(judge_bounce(bounce), BounceVerdict::too_large);
  bounce.recipients[1].diagnostic = "550 no";
  EXPECT_EQ(judge_bounce(bounce), BounceVerdict::failed);
}

TEST_F(BounceJudge, SuppressTimeOfZeroOnlyNotes) {
  settings_.suppress_time = std::chrono::seconds(0);
  EXPECT_EQ(take("postfix", returned(1)), BounceEffect::noted);
  EXPECT_THAT(suppressed(), IsEmpty());
}

TEST_F(BounceJudge, OfTheArchiveCopyAndItsOriginalTheOneThatIsNamed) {
  Returned archive = returned(2);
  ASSERT_EQ(archive.message_id, returned(0).message_id);
  EXPECT_EQ(take("postfix", archive), BounceEffect::noted) << "an archive is never suppressed";
  EXPECT_EQ(state(2), DeliveryState::failed);
  EXPECT_EQ(state(0), DeliveryState::sent);
  Returned forwarded = returned(0);
  forwarded.recipient = "elsewhere@b.example";
  EXPECT_EQ(take("postfix", forwarded), BounceEffect::not_ours) << "could be either";
  EXPECT_EQ(take("postfix", returned(0)), BounceEffect::suppressed);
  EXPECT_EQ(state(0), DeliveryState::failed);
}

TEST_F(BounceJudge, A552WithoutAStatusIsTooLarge) {
  for (const char* name : {"postfix_552", "exim_552"}) {
    damage("UPDATE delivery SET state = 2, is_smallest = 0");
    EXPECT_EQ(take(name, returned(1)), BounceEffect::smallest) << name;
  }
}

TEST_F(BounceJudge, WhatIsTooLargeGoesOutOnceMoreInItsSmallestForm) {
  EXPECT_EQ(take("postfix_too_large", returned(1)), BounceEffect::smallest);
  const Delivery again = deliveries().at(1);
  EXPECT_EQ(again.state, DeliveryState::pending);
  EXPECT_TRUE(again.is_smallest);
  EXPECT_EQ(again.not_before, clock_.now());
  EXPECT_EQ(take("postfix_too_large", returned(1)), BounceEffect::none) << "the same one";
  EXPECT_EQ(state(1), DeliveryState::pending);
  damage("UPDATE delivery SET state = 2 WHERE is_smallest = 1");
  EXPECT_EQ(take("postfix_too_large", returned(1)), BounceEffect::noted);
  EXPECT_EQ(state(1), DeliveryState::failed);
  EXPECT_THAT(suppressed(), IsEmpty());
}

TEST_F(BounceJudge, ABounceOfTheFullFormSaysNothingOfTheSmallestOneHoweverLate) {
  const auto in_parts = [this](const std::string& boundary) {
    Returned whole = returned(1);
    whole.message_id += "\nContent-Type: multipart/report; report-type=\"tlsrpt\";\n\tboundary=\"" +
                        boundary + "\"";
    return whole;
  };
  const Returned full = in_parts(reports().at(0).boundary);
  EXPECT_EQ(take("postfix_too_large", full), BounceEffect::smallest);
  damage("UPDATE delivery SET state = 2 WHERE is_smallest = 1");
  EXPECT_EQ(take("postfix_too_large", full), BounceEffect::none);
  EXPECT_EQ(state(1), DeliveryState::sent);
  EXPECT_EQ(take("postfix_too_large", in_parts(reports().at(0).boundary + "_smallest")),
            BounceEffect::noted);
  EXPECT_EQ(state(1), DeliveryState::failed);
}

TEST_F(BounceJudge, ReasonsAreOneEscapedLine) {
  Bounce bounce;
  bounce.recipients = {{"x@a", "", "failed", "5.1.1", "550 a\r\n b \x1b[31m"}};
  EXPECT_EQ(bounce_reason(bounce), "came back: 550 a b \\u{1b}[31m");
  bounce.recipients[0].diagnostic = "";
  EXPECT_EQ(bounce_reason(bounce), "came back: status 5.1.1");
  bounce.recipients[0].status = "";
  EXPECT_EQ(bounce_reason(bounce), "came back, without a reason");
}

}  // namespace
}  // namespace tlsrpt::reporter
