#include "milter/log/log_line.h"

#include <gtest/gtest.h>

namespace tlsrpt::milter {
namespace {

const LogLineSplitter splitter({"postfix", "postfix-out"});

TEST(LogLine, TakesPostfixProgramsByFirstAndLastPart) {
  const auto line = splitter.split("relay1 postfix-out/out-eu/smtp[331]: message: [x]: y");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->host, "relay1");
  EXPECT_EQ(line->program, "postfix-out/out-eu/smtp");
  EXPECT_EQ(line->instance, "postfix-out");
  EXPECT_EQ(line->process, "relay1 postfix-out/out-eu/smtp[331");
  EXPECT_EQ(line->message, "message: [x]: y");
  EXPECT_TRUE(line->kind == Program::smtp);
  EXPECT_TRUE(splitter.split("h postfix/tlsproxy[1]: m")->kind == Program::tlsproxy);
  EXPECT_TRUE(splitter.split("h postfix/cleanup[1]: m")->kind == Program::cleanup);
  EXPECT_TRUE(splitter.split("h postfix/qmgr[1]: m")->kind == Program::qmgr);
}

TEST(LogLine, AnythingElseIsNone) {
  for (const char* bad : {
           "", " ", "relay1", "relay1 ", "relay1 postfix/smtp", "relay1 postfix/smtp[",
           "relay1 postfix/smtp[]: m", "relay1 postfix/smtp[x]: m", "relay1 postfix/smtp[1]m",
           "relay1 postfix/smtp[1]:m",
           "relay1 postfix/smtpd[1]: m",  // receives
           "relay1 postfix/lmtp[1]: m",   // delivers locally
           "relay1 postfix/error[1]: m",  // no session
           "relay1 sendmail/smtp[1]: m",  // other software
           "relay1 smtp[1]: m", "relay1 postfix[1]: m",
           "relay1 kernel: postfix/smtp[1]: m",  // text, not a program
       }) {
    EXPECT_FALSE(splitter.split(bad)) << bad;
  }
  EXPECT_FALSE(splitter.split("relay1 postfix/" + std::string(1000, 'x') + "/smtp[1]: m"));
}

}  // namespace
}  // namespace tlsrpt::milter
