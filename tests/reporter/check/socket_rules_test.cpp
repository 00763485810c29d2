#include "reporter/check/socket_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/check_site.h"

namespace tlsrpt::reporter {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class SocketRulesTest : public testing_support::CheckTest {
 protected:
  SocketRulesTest() {
    facts.tlsrpt_socket = "/run/tls/t.sock";
    facts.tlsrpt_socket_group = "postfix";
    facts.has_datagram_listener = true;
    facts.newest_commit = facts.now - std::chrono::minutes(4);
  }
  std::vector<std::string> mends(SocketObstacle obstacle) {
    facts.socket_troubles = {{obstacle, "tlsrpt_socket: what the daemon says"}};
    return commands();
  }
  static constexpr const char* restart = "systemctl restart tlsrpt-milter.service";
  static constexpr const char* make_folder = "install -d -o tlsrpt -g postfix -m 2750 /run/tls";
  static constexpr const char* make_usual_folder =
      "install -d -o tlsrpt -g postfix -m 2750 /var/spool/postfix/run/tlsrpt";
  static constexpr const char* usual_socket = "/var/spool/postfix/run/tlsrpt/tlsrpt.sock";
};

TEST_F(SocketRulesTest, AnotherProgramThatHasTheSocketOfDatagrams) {
  EXPECT_THAT(found(), IsEmpty()) << "ours, as it says nothing else";
  EXPECT_THAT(mends(SocketObstacle::listener),
              ElementsAre(HasSubstr("ss -xap | grep -F /run/tls/t.sock"), restart));
  EXPECT_THAT(found(), ElementsAre("fault tlsrpt-arrival"));
  facts.socket_troubles.clear();
  facts.newest_commit.reset();
  EXPECT_THAT(found(), ElementsAre("fault tlsrpt-arrival"));
  facts.newest_commit = facts.now - std::chrono::minutes(6);
  EXPECT_THAT(commands(), ElementsAre(HasSubstr("ss -xap | grep -F /run/tls/t.sock"), restart));
  facts.has_datagram_listener = false;
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(SocketRulesTest, WhatLiesInTheWayIsTakenAway) {
  EXPECT_THAT(mends(SocketObstacle::hidden),
              ElementsAre(HasSubstr("|| rm -f /run/tls/t.sock /run/tls/t.sock.new"), restart));
  EXPECT_THAT(mends(SocketObstacle::no_socket),
              ElementsAre("find /run/tls -maxdepth 1 '(' -name t.sock -o -name t.sock.new ')' ! "
                          "-type s -exec mv -T {} {}.moved ';'",
                          restart));
}

TEST_F(SocketRulesTest, AFolderOfItsOwnBecomesOurs) {
  EXPECT_THAT(mends(SocketObstacle::no_folder), ElementsAre(make_folder, restart));
  EXPECT_THAT(mends(SocketObstacle::closed_folder), ElementsAre(make_folder, restart));
  EXPECT_THAT(mends(SocketObstacle::group), ElementsAre(make_folder, restart));
  facts.closed_to_socket = "/run/tls";
  EXPECT_THAT(mends(SocketObstacle::closed_folder), ElementsAre(make_folder, restart));
  facts.closed_to_socket = "/run";
  EXPECT_THAT(mends(SocketObstacle::closed_folder), ElementsAre("chmod o+x /run", restart));
  facts.tlsrpt_socket_group.clear();
  EXPECT_THAT(mends(SocketObstacle::group),
              ElementsAre("install -d -o tlsrpt -m 2750 /run/tls", restart));
}

TEST_F(SocketRulesTest, AFolderOfOthersIsLeftAloneAndTheSocketGoesToTheUsualOne) {
  EXPECT_THAT(mends(SocketObstacle::read_only),
              ElementsAre(make_usual_folder, set("tlsrpt_socket", usual_socket), restart));
  facts.is_socket_folder_shared = true;
  for (const auto obstacle : {SocketObstacle::closed_folder, SocketObstacle::group}) {
    EXPECT_THAT(mends(obstacle),
                ElementsAre(make_usual_folder, set("tlsrpt_socket", usual_socket), restart));
  }
  facts.tlsrpt_socket = usual_socket;
  EXPECT_THAT(mends(SocketObstacle::read_only), ElementsAre(make_usual_folder, restart));
}

TEST_F(SocketRulesTest, PostfixIsToldWhereTheSocketWent) {
  value("mail_version") = "3.10.4";
  value("smtp_tlsrpt_enable") = "yes";
  value("smtp_tlsrpt_socket_name") = "/run/tls/t.sock";
  EXPECT_THAT(mends(SocketObstacle::read_only),
              ElementsAre(make_usual_folder, set("tlsrpt_socket", usual_socket),
                          "postconf -e smtp_tlsrpt_socket_name=run/tlsrpt/tlsrpt.sock",
                          "postfix reload", restart));
}

TEST_F(SocketRulesTest, AGroupThatIsMissing) {
  EXPECT_THAT(mends(SocketObstacle::no_group),
              ElementsAre(HasSubstr("apt-get install postfix"), restart));
  facts.tlsrpt_socket_group = "mta";
  EXPECT_THAT(mends(SocketObstacle::no_group),
              ElementsAre(set("tlsrpt_socket_group", "postfix"), restart));
  facts.tlsrpt_socket_group = "postfix";
  postfix().group = "mail";
  EXPECT_THAT(mends(SocketObstacle::no_group),
              ElementsAre(set("tlsrpt_socket_group", "mail"), restart));
}

TEST_F(SocketRulesTest, ASocketThatSystemdHasMadeIsMadeByItAgain) {
  EXPECT_THAT(mends(SocketObstacle::handed_over),
              ElementsAre("systemctl restart tlsrpt-milter.socket tlsrpt-milter.service"));
  EXPECT_THAT(mends(SocketObstacle::other), ElementsAre("ls -la /run/tls", restart));
}

}  // namespace
}  // namespace tlsrpt::reporter
