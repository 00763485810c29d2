#include "reporter/bounce/bounce_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "tests/support/bounces.h"
#include "tests/support/flush_world.h"

namespace tlsrpt::reporter {
namespace {

using ::testing::HasSubstr;
using testing_support::bounce_of;

const std::string folder = TLSRPT_SOURCE_DIR "/tests/data/bounces";

class BounceCommand : public testing_support::FlushWorld {
 protected:
  void SetUp() override {
    count("a.example");
    publish("a.example", "mailto:tls@a.example");
    close();
    deliver();
  }
  std::string bounce(const std::string& name) {
    return bounce_of(folder, name,
                     {"x@relay.example", "tls@a.example", deliveries()[0].message_id});
  }
  int run(const std::string& message) {
    CommandLine line;
    line.action = "bounce";
    line.verbose = true;
    std::istringstream input(message);
    err_.str("");
    return run_bounce({line, settings_, clock_, out_, err_}, input);
  }
  std::string maildir() {
    for (const char* each : {"bounces", "bounces/new", "bounces/cur"}) {
      std::filesystem::create_directory(folder_.file(each));
    }
    return folder_.file("bounces");
  }
  void take_all() {
    FlushLog log(log_, false, false);
    take_bounces(*store_, settings_, clock_.now(), log);
  }

  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(BounceCommand, TakesOneFromStandardInput) {
  EXPECT_EQ(run(bounce("postfix")), exit_ok);
  EXPECT_THAT(err_.str(), HasSubstr("bounce: suppressed: mailto:tls@a.example: came back: 550"));
  EXPECT_EQ(deliveries().at(0).state, DeliveryState::failed);
  EXPECT_EQ(run(bounce("postfix")), exit_ok);
  EXPECT_THAT(err_.str(), HasSubstr("nothing new"));
  EXPECT_EQ(out_.str(), "");
}

TEST_F(BounceCommand, WhoWritesToItHearsOfIt) {
  settings_.mail_from = "tls-bounces@relay.example";
  EXPECT_EQ(run("To: tls-bounces@relay.example\n\nWhat is this?\n"), exit_data);
  EXPECT_THAT(err_.str(), HasSubstr("notifications only; please write to tls-reports@relay."));
}

TEST_F(BounceCommand, NobodyIsToldToWriteWhereTheLetterCameFrom) {
  ASSERT_EQ(settings_.mail_from, settings_.contact_info);
  EXPECT_EQ(run("From: somebody@b.example\n\nWhat is this?\n"), exit_data);
  EXPECT_EQ(err_.str(), "this address takes delivery status notifications only\n");
  settings_.mail_from = "tls-bounces@relay.example";
  EXPECT_EQ(run("To: Reports <TLS-Reports@relay.example>\n\nWhat is this?\n"), exit_data);
  EXPECT_EQ(err_.str(), "this address takes delivery status notifications only\n");
}

TEST_F(BounceCommand, ABounceOfOthersIsNoFault) {
  EXPECT_EQ(run(bounce_of(folder, "gmail", {})), exit_ok);
  EXPECT_THAT(err_.str(), HasSubstr("about none of our deliveries"));
}

TEST_F(BounceCommand, ALongMessageIsReadToItsEnd) {
  std::string message = bounce("postfix");
  message.append(std::size_t{33} * 1024 * 1024, 'x');
  EXPECT_EQ(run(message), exit_ok);
  EXPECT_EQ(deliveries().at(0).state, DeliveryState::failed);
}

TEST_F(BounceCommand, TheMailSystemTriesAgainWhereTheStoreFails) {
  settings_.store = "sqlite:" + folder_.file("missing/store.sqlite");
  EXPECT_EQ(run(bounce_of(folder, "gmail", {})), exit_temporary);
}

TEST_F(BounceCommand, TheMailSystemTriesAgainWhereThereIsNoStore) {
  settings_.store = "sqlite:" + folder_.file("absent.sqlite");
  EXPECT_EQ(run(bounce("gmail")), exit_temporary);
  EXPECT_THAT(err_.str(), HasSubstr("absent.sqlite"));
  EXPECT_FALSE(std::filesystem::exists(folder_.file("absent.sqlite")));
}

TEST_F(BounceCommand, TheMailSystemTriesAgainWhereABugOfOursIsMet) {
  std::istringstream input("x");
  input.exceptions(std::ios::failbit);  // As soon as it ends.
  CommandLine line;
  EXPECT_EQ(run_bounce({line, settings_, clock_, out_, err_}, input), exit_temporary);
  EXPECT_THAT(err_.str(), HasSubstr("internal error"));
}

TEST_F(BounceCommand, AFlushTakesTheMaildir) {
  settings_.bounce_maildir = maildir();
  folder_.write("bounces/new/1", bounce("gmail"));
  folder_.write("bounces/new/2", "From: somebody@b.example\n\nHello\n");
  log_.str("");
  take_all();
  EXPECT_EQ(log_.str(), "");
  EXPECT_EQ(deliveries().at(0).state, DeliveryState::failed);
  EXPECT_TRUE(std::filesystem::exists(folder_.file("bounces/cur/1:2,S")));
  EXPECT_TRUE(std::filesystem::exists(folder_.file("bounces/cur/2:2,")));
}

TEST_F(BounceCommand, TroubleWithAMaildirIsToldOnceADay) {
  settings_.bounce_maildir = folder_.file("nothing");
  log_.str("");
  take_all();
  EXPECT_THAT(log_.str(), HasSubstr("bounce_maildir: "));
  log_.str("");
  take_all();
  EXPECT_EQ(log_.str(), "");
  clock_.advance(std::chrono::days(1));
  take_all();
  EXPECT_THAT(log_.str(), HasSubstr("bounce_maildir: "));
}

TEST_F(BounceCommand, ABounceThatCannotBeMovedSuppressesNobody) {
  settings_.bounce_maildir = maildir();
  folder_.write("bounces/new/1", bounce("gmail"));
  std::filesystem::remove(folder_.file("bounces/cur"));
  take_all();
  EXPECT_THAT(log_.str(), HasSubstr("bounces/cur: No such file or directory"));
  EXPECT_EQ(deliveries().at(0).state, DeliveryState::sent);
  EXPECT_TRUE(store_->suppressions(clock_.now())->empty());
}

TEST_F(BounceCommand, WhatIsSuppressedGetsNothingUntilThatIsOver) {
  ASSERT_EQ(run(bounce("postfix")), exit_ok);
  count({testing_support::report_fact("b.example", policy::Outcome::success, 1)});
  publish("b.example", "mailto:tls@a.example,mailto:other@a.example");
  close();
  const DeliverSummary summary = deliver();
  EXPECT_EQ(summary.delivered, 1U);
  EXPECT_EQ(summary.failed, 1U);
  const auto all = deliveries(reports().at(1).id);
  EXPECT_EQ(all.at(0).state, DeliveryState::failed);
  EXPECT_THAT(all.at(0).last_error, HasSubstr("suppressed until 2026-11-30T00:20:00Z: came back"));
  EXPECT_EQ(all.at(1).state, DeliveryState::sent);
  clock_.advance(std::chrono::days(7));
  EXPECT_TRUE(store_->suppressions(clock_.now())->empty());
}

}  // namespace
}  // namespace tlsrpt::reporter
