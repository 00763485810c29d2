#include "reporter/check/check_milter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/check_site.h"

namespace tlsrpt::reporter {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Obstacle = MilterReach::Obstacle;

class CheckMilterTest : public testing_support::CheckTest {
 protected:
  void names_both(const std::string& milters) {
    value("smtpd_milters") = milters;
    value("non_smtpd_milters") = milters + ", unix:dkim.sock";
  }
};

TEST_F(CheckMilterTest, OneThatPostfixDoesNotKnow) {
  value("smtpd_milters") = "inet:localhost:8891";
  EXPECT_THAT(commands(), ElementsAre("postconf -e 'smtpd_milters=inet:localhost:8891, "
                                      "unix:tlsrpt/milter.sock'",
                                      "postfix reload"));
  value("smtpd_milters") = "local:tlsrpt/milter.sock";
  EXPECT_THAT(found(), IsEmpty());
  value("smtpd_milters") = "unix:tlsrpt/milter.sock2";
  EXPECT_THAT(found(), ElementsAre("fault milter"));
}

TEST_F(CheckMilterTest, OneThatDoesNotAnswer) {
  facts.milter_silence = "Connection refused";
  EXPECT_THAT(found(), ElementsAre("fault milter"));
  EXPECT_THAT(commands(), ElementsAre("systemctl enable --now tlsrpt-milter"));
}

TEST_F(CheckMilterTest, APathMeansSomethingElseWithChroot) {
  for (const bool is_chrooted : {true, false}) {
    postfix().services.back().is_chrooted = is_chrooted;
    names_both("unix:tlsrpt/milter.sock");
    EXPECT_THAT(found(), IsEmpty());
    value("smtpd_milters") = "unix:/tlsrpt/milter.sock";
    EXPECT_EQ(found().empty(), is_chrooted);
    value("smtpd_milters") = "unix:/var/spool/postfix/tlsrpt/milter.sock";
    EXPECT_EQ(found().empty(), !is_chrooted);
  }
}

TEST_F(CheckMilterTest, NetworkSocketsHaveSeveralNames) {
  facts.milter_socket = "inet:8899@127.0.0.1";
  EXPECT_THAT(found(), ElementsAre("fault milter", "fault milter"));
  for (const char* name : {"inet:127.0.0.1:8899", "inet:[127.0.0.1]:8899", "inet:localhost:8899"}) {
    names_both(name);
    EXPECT_THAT(found(), IsEmpty()) << name;
  }
  names_both("inet:127.0.0.1:8898");
  EXPECT_THAT(found(), ElementsAre("fault milter", "fault milter"));
  facts.milter_socket = "inet:8899@::1";
  EXPECT_EQ(milter_name(facts, postfix()), "inet:[::1]:8899");
  facts.milter_socket = "inet:8899@0.0.0.0";
  EXPECT_EQ(milter_name(facts, postfix()), "inet:127.0.0.1:8899");
  names_both("inet:relay1:8899");
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(CheckMilterTest, MailThatWaitsWhileItIsDown) {
  value("milter_default_action") = "tempfail";
  value("non_smtpd_milters") = "{ unix:tlsrpt/milter.sock, default_action=accept }, unix:dkim.sock";
  EXPECT_THAT(commands(), ElementsAre("postconf -e 'smtpd_milters={ unix:tlsrpt/milter.sock, "
                                      "default_action=accept }'",
                                      "postfix reload"));
  value("smtpd_milters") = "inet:localhost:1,{unix:tlsrpt/milter.sock,connect_timeout=5s}";
  EXPECT_THAT(commands(), ElementsAre("postconf -e 'smtpd_milters=inet:localhost:1,"
                                      "{unix:tlsrpt/milter.sock, default_action=accept,"
                                      "connect_timeout=5s}'",
                                      "postfix reload"));
  value("smtpd_milters") = "";
  EXPECT_THAT(commands(), ElementsAre("postconf -e 'smtpd_milters={ unix:tlsrpt/milter.sock, "
                                      "default_action=accept }'",
                                      "postfix reload"));
}

TEST_F(CheckMilterTest, OneThatOneServicePassesBy) {
  PostfixService smtpd;
  smtpd.name = "127.0.0.1:10025/inet";
  smtpd.program = "smtpd";
  postfix().services.push_back(smtpd);
  EXPECT_THAT(found(), IsEmpty());
  auto& overrides = postfix().services.back().overrides;
  overrides["smtpd_milters"] = "unix:dkim.sock";
  EXPECT_THAT(commands(), ElementsAre("postconf -P '127.0.0.1:10025/inet/smtpd_milters="
                                      "unix:dkim.sock,unix:tlsrpt/milter.sock'",
                                      "postfix reload"));
  overrides["smtpd_milters"] = "";
  EXPECT_THAT(found(), ElementsAre("hint milter")) << "smtp/inet has it: tlsrpt(7), 5";
  value("smtpd_milters") = "unix:dkim.sock";
  EXPECT_THAT(found(), ElementsAre("fault milter", "fault milter"));
  value("smtpd_milters") = "unix:tlsrpt/milter.sock";
  postfix().services[1].overrides["smtpd_milters"] = "";
  EXPECT_THAT(found(), ElementsAre("fault milter", "fault milter")) << "no service has it";
  postfix().services[1].overrides.clear();
  overrides.clear();
  overrides["receive_override_options"] = "no_unknown_recipient_checks,no_milters";
  EXPECT_THAT(found(), ElementsAre("hint milter"));
  EXPECT_THAT(commands(), ElementsAre("postconf -P '127.0.0.1:10025/inet/receive_override_options="
                                      "no_unknown_recipient_checks'",
                                      "postfix reload"));
  overrides.clear();
  PostfixService cleanup;
  cleanup.name = "cleanup/unix";
  cleanup.program = "cleanup";
  cleanup.overrides["non_smtpd_milters"] = "";
  postfix().services.push_back(cleanup);
  EXPECT_THAT(commands(), ElementsAre("postconf -P 'cleanup/unix/non_smtpd_milters="
                                      "unix:tlsrpt/milter.sock'",
                                      "postfix reload"));
}

TEST_F(CheckMilterTest, OneThatPostfixCannotReach) {
  const std::string folder = "/var/spool/postfix/tlsrpt";
  const std::string make_folder = "install -d -o tlsrpt -g postfix -m 2750 " + folder;
  const std::string restart = "systemctl restart tlsrpt-milter";
  MilterReach& reach = postfix().milter_reach;
  reach = {Obstacle::folder, folder, "it may not be passed through"};
  EXPECT_THAT(commands(), ElementsAre(make_folder, restart));
  reach.place = "/var/spool";
  EXPECT_THAT(commands(), ElementsAre("chmod o+x /var/spool", restart));
  reach = {Obstacle::socket, folder + "/milter.sock", "it may not be written"};
  postfix().group = "mta";
  EXPECT_THAT(commands(), ElementsAre("install -d -o tlsrpt -g mta -m 2750 " + folder,
                                      set("milter_socket_group", "mta"),
                                      set("milter_socket_mode", "0660"), restart));
}

TEST_F(CheckMilterTest, OneOutsideOfTheChrootIsToBeMovedAndNamedAnew) {
  facts.milter_socket = "unix:/run/tlsrpt/m.sock";
  names_both("unix:/run/tlsrpt/m.sock");
  postfix().milter_reach = {Obstacle::chroot, "/run/tlsrpt/m.sock", "it lies outside"};
  std::vector<std::string> all;
  for (const CheckFinding& finding : run_checks(facts))
    all.insert(all.end(), finding.commands.begin(), finding.commands.end());
  EXPECT_THAT(all,
              ElementsAre("install -d -o tlsrpt -g postfix -m 2750 /var/spool/postfix/tlsrpt",
                          set("milter_socket", "unix:/var/spool/postfix/tlsrpt/milter.sock"),
                          "systemctl restart tlsrpt-milter",
                          "postconf -e 'smtpd_milters=unix:tlsrpt/milter.sock'", "postfix reload",
                          "postconf -e 'non_smtpd_milters=unix:tlsrpt/milter.sock, unix:dkim.sock'",
                          "postfix reload"));
}

}  // namespace
}  // namespace tlsrpt::reporter
