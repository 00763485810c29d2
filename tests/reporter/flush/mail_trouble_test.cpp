#include "reporter/flush/mail_trouble.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/flush_world.h"

namespace tlsrpt::reporter {
namespace {

using std::chrono::hours;
using ::testing::HasSubstr;

class MailTrouble : public testing_support::FlushWorld {
 protected:
  // A report for each of DOMAINS, to tls@DOMAIN.
  void make_reports(const std::vector<std::string>& domains) {
    for (const std::string& each : domains) {
      count(each);
      publish(each, "mailto:tls@" + each);
    }
    close();
  }
  // A sendmail(1) that runs SCRIPT.
  void use_sendmail(const std::string& script) {
    const std::string path = folder_.write("sendmail", "#!/bin/sh\ncat >/dev/null\n" + script);
    ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
    settings_.mail_transport = "sendmail:" + path;
  }
  std::string trouble() {
    auto found = mail_trouble(*store_, clock_.now());
    EXPECT_TRUE(found.ok());
    return found.ok() ? *found : found.error().message();
  }
};

TEST_F(MailTrouble, WithoutMailThereIsNone) { EXPECT_EQ(trouble(), ""); }

TEST_F(MailTrouble, ARefusalByOneReceiverIsNone) {
  make_reports({"a.example"});
  use_sendmail("echo no such user >&2; exit 67");
  deliver();
  EXPECT_EQ(trouble(), "");
}

TEST_F(MailTrouble, RefusalsThatDifferAreNone) {
  make_reports({"a.example", "b.example"});
  use_sendmail("echo \"reason $$\" >&2; exit 67");
  deliver();
  EXPECT_EQ(trouble(), "");
}

TEST_F(MailTrouble, TheSameRefusalForSeveralReceiversIsOurs) {
  make_reports({"a.example", "b.example"});
  use_sendmail("echo \"554 <$5>: Relay access denied\" >&2; exit 69");
  deliver(true, {std::nullopt, "a.example"});
  EXPECT_EQ(trouble(), "") << "one is a matter of its own";
  deliver();
  EXPECT_THAT(trouble(), HasSubstr("Relay access denied"));
  clock_.advance(hours(25));
  EXPECT_EQ(trouble(), "") << "of yesterday";
}

TEST_F(MailTrouble, ManyFailuresAreOursEvenIfOneAggregatorReceivesAll) {
  map("* v=TLSRPTv1; rua=mailto:tls@collect.example\n");
  for (const char* each : {"a.example", "b.example", "c.example", "d.example", "e.example"})
    count(each);
  close();
  use_sendmail("echo \"reason $$\" >&2; exit 1");
  for (const char* each : {"a.example", "b.example", "c.example", "d.example"})
    deliver(true, {std::nullopt, each});
  EXPECT_EQ(trouble(), "");
  deliver();
  EXPECT_THAT(trouble(), HasSubstr("reason"));
}

TEST_F(MailTrouble, OneThatWasAcceptedShowsThatTheTransportWorks) {
  make_reports({"a.example", "b.example", "c.example"});
  use_sendmail("case $5 in *@c.*) exit 0;; *) exit 69;; esac");
  deliver();
  EXPECT_EQ(trouble(), "");
}

TEST_F(MailTrouble, ATransportThatTakesNothingIsOurs) {
  make_reports({"a.example"});
  use_sendmail("echo unknown option >&2; exit 64");
  deliver();
  EXPECT_THAT(trouble(), HasSubstr("unknown option"));
}

TEST_F(MailTrouble, WhatExpiresIsOursWhereNothingElseWasSent) {
  make_reports({"a.example"});
  use_sendmail("echo queue full >&2; exit 75");
  deliver();
  EXPECT_EQ(trouble(), "");
  clock_.advance(settings_.delivery_lifetime);
  deliver(false);
  ASSERT_EQ(deliveries().at(0).state, DeliveryState::expired);
  EXPECT_THAT(trouble(), HasSubstr("queue full"));
}

}  // namespace
}  // namespace tlsrpt::reporter
