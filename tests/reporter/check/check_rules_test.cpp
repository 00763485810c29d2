#include "reporter/check/check_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/check_site.h"

namespace tlsrpt::reporter {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Texts = std::vector<std::string>;
using CheckRulesTest = testing_support::CheckTest;

TEST_F(CheckRulesTest, NothingIsWrongWithAGoodSite) { EXPECT_THAT(found(), IsEmpty()); }

TEST_F(CheckRulesTest, LogLevelZeroOfTheSiteOrOfOneService) {
  value("smtp_tls_loglevel") = "0";
  EXPECT_THAT(found(), ElementsAre("fault tls-logging"));
  EXPECT_THAT(commands(), ElementsAre("postconf -e 'smtp_tls_loglevel=1'", "postfix reload"));
  value("smtp_tls_loglevel") = "1";
  smtp().overrides["smtp_tls_loglevel"] = "0";
  postfix().directory = "/etc/postfix-out";
  EXPECT_THAT(commands(),
              ElementsAre("postconf -c /etc/postfix-out -P 'smtp/unix/smtp_tls_loglevel=1'",
                          "postfix -c /etc/postfix-out reload"));
}

TEST_F(CheckRulesTest, TlsThatIsSwitchedOff) {
  for (const char* level : {"", "none"}) {
    value("smtp_tls_security_level") = level;
    EXPECT_THAT(found(), ElementsAre("fault tls-level")) << level;
  }
  value("smtp_tls_security_level") = "";
  value("smtp_use_tls") = "yes";
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(CheckRulesTest, LogThatWeMayNotRead) {
  facts.logs = {{"file:/var/log/mail.log", "Permission denied"}, {"journal:", "Permission denied"}};
  EXPECT_THAT(found(), ElementsAre("fault log", "fault log"));
  facts.logs.erase(facts.logs.begin());
  EXPECT_THAT(commands(),
              ElementsAre("adduser tlsrpt systemd-journal", "systemctl restart tlsrpt-milter"));
  facts.logs = {{"file:/l/mail.log", "Permission denied", false, "/l"}};
  EXPECT_THAT(commands(),
              ElementsAre("adduser tlsrpt adm", "chgrp adm /l/mail.log && chmod g+r /l/mail.log",
                          "chmod o+x /l", "systemctl restart tlsrpt-milter"));
  facts.logs = {{"journal:mail", "there is no journal", true, ""}};
  EXPECT_THAT(commands(),
              ElementsAre(set("log_source", "auto"), "systemctl restart tlsrpt-milter"));
}

TEST_F(CheckRulesTest, StoreThatWeMayNotUse) {
  facts.store_problem = "Permission denied";
  EXPECT_THAT(commands(),
              ElementsAre("install -d -o tlsrpt -m 0750 /var/lib/tlsrpt",
                          "find /var/lib/tlsrpt -name 'tlsrpt.sqlite*' -exec chown tlsrpt: {} +"));
}

TEST_F(CheckRulesTest, TransportMapsGoBeforeTheTransportOfReports) {
  value("transport_maps") = "hash:/etc/postfix/transport";
  EXPECT_THAT(found(), ElementsAre("hint report-tls"));
  value("mail_version") = "3.10.4";
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(CheckRulesTest, ReportsUnderEnforcedTls) {
  for (const char* level : {"dane", "encrypt", "secure", "verify", "dane-only", "fingerprint"}) {
    value("smtp_tls_security_level") = level;
    value("smtp_dns_support_level") = "dnssec";
    EXPECT_THAT(found(), ElementsAre("fault report-tls")) << level;
  }
  value("smtp_tls_security_level") = "may";
  value("smtp_tls_policy_maps") = "socketmap:inet:127.0.0.1:8461:postfix";
  EXPECT_THAT(
      commands(),
      ElementsAre("postconf -M 'tlsrpt-out/unix=tlsrpt-out unix - - y - - smtp'",
                  HasSubstr("'tlsrpt-out/unix/smtp_tls_security_level=may'"),
                  "postconf -e 'sender_dependent_default_transport_maps=inline:{ {tls@a.example = "
                  "tlsrpt-out:} }'",
                  "postfix reload"));
  // What these commands lead to.
  value("sender_dependent_default_transport_maps") = "inline:{ {TLS@a.example = tlsrpt-out:} }";
  postfix().services.push_back(
      {"tlsrpt-out/unix",
       "smtp",
       true,
       {{"smtp_tls_security_level", "may"}, {"smtp_tls_policy_maps", "static:may"}}});
  EXPECT_THAT(found(), IsEmpty());
  value("sender_dependent_default_transport_maps") = "hash:/etc/postfix/senders";
  EXPECT_THAT(found(), ElementsAre("hint report-tls"));
  value("mail_version") = "3.10.5";
  EXPECT_THAT(found(), IsEmpty());
  value("tls_required_enable") = "no";
  EXPECT_THAT(found(), ElementsAre("hint report-tls"));
  facts.mail_transport = "smtp://relay.example";
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(CheckRulesTest, TheTransportOfReportsIsChrootedAsTheirServiceIs) {
  value("smtp_tls_security_level") = "encrypt";
  value("default_transport") = "out:";
  postfix().services.push_back({"out/unix", "smtp", false, {}});
  EXPECT_THAT(commands().front(), HasSubstr("tlsrpt-out unix - - n - - smtp"));
  postfix().services.push_back({"tlsrpt-out/unix", "smtp", true, {}});
  EXPECT_THAT(commands().front(), HasSubstr("tlsrpt-out unix - - y - - smtp"));
}

// TLS policies of smtp(8) are none of theirs.
TEST_F(CheckRulesTest, ReportsThatLeaveByAnotherProgram) {
  value("smtp_tls_security_level") = "encrypt";
  value("default_transport") = "lmtp:unix:/run/lmtp";
  EXPECT_THAT(found(), ElementsAre("fault report-tls")) << "there is no such service";
  postfix().services.push_back({"lmtp/unix", "lmtp", false, {}});
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(CheckRulesTest, PolicyTablesThatCannotBeReadMayAskForDane) {
  postfix().unread_policies = {"ldap:/etc/postfix/tls.cf"};
  postfix().resolver.servers = postfix().resolver.outside = {"192.0.2.1"};
  postfix().resolver.validation = Validation::insecure;
  EXPECT_THAT(found(), ElementsAre("hint resolver"));
  value("smtp_dns_support_level") = "dnssec";
  EXPECT_THAT(found(), ElementsAre("fault resolver"));
  postfix().resolver.validation = Validation::secure;
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(CheckRulesTest, PostfixThatCountsReportsOrTellsSomebodyElse) {
  value("smtp_tlsrpt_enable") = "yes";
  value("smtp_tlsrpt_socket_name") = "run/tlsrpt/tlsrpt.sock";
  facts.tlsrpt_socket = "/var/spool/postfix/run/tlsrpt/tlsrpt.sock";
  for (const auto& [version, is_faulty] :
       {std::pair("3.10.0", true), std::pair("3.10.3", true), std::pair("3.10.4", false),
        std::pair("3.11.0", false), std::pair("3.11-20251101", false)}) {
    value("mail_version") = version;
    EXPECT_THAT(found(), is_faulty ? Texts{"fault report-loop"} : Texts{}) << version;
  }
  facts.tlsrpt_socket = "none";
  EXPECT_THAT(found(), ElementsAre("fault tlsrpt-socket"));
  EXPECT_THAT(commands(), ElementsAre("postconf -e smtp_tlsrpt_enable=no", "postfix reload"));
}

TEST_F(CheckRulesTest, DatagramsThatTheLogTellsOfAndThatDoNotArrive) {
  facts.missing_datagrams = {"file:/var/log/mail.log tells of TLSRPT datagrams and none comes"};
  EXPECT_THAT(found(), IsEmpty());
  facts.tlsrpt_socket = "/run/t.sock";
  EXPECT_THAT(found(), ElementsAre("fault tlsrpt-arrival"));
  EXPECT_THAT(commands().front(), HasSubstr("ls -l /run/t.sock"));
  EXPECT_THAT(commands().back(), HasSubstr("smtp_tlsrpt_socket_name"));
}

TEST_F(CheckRulesTest, DatagramsThatDoNotFindTheirLines) {
  facts.datagrams_apart = {"file:/var/log/mail.log: its time stamps are 60 minutes behind"};
  EXPECT_THAT(found(), IsEmpty());
  facts.tlsrpt_socket = "/run/t.sock";
  EXPECT_THAT(found(), ElementsAre("fault tlsrpt-pairs"));
}

TEST_F(CheckRulesTest, AQueueOfDatagramsThatIsShortOrWasFull) {
  facts.max_queued_datagrams = 10;
  EXPECT_THAT(found(), IsEmpty());
  facts.tlsrpt_socket = "/run/t.sock";
  EXPECT_THAT(found(), ElementsAre("hint tlsrpt-queue"));
  facts.max_queued_datagrams = 512;
  EXPECT_THAT(found(), IsEmpty());
  facts.overruns = {3, facts.now - std::chrono::hours(24)};
  EXPECT_THAT(found(), ElementsAre("fault tlsrpt-queue"));
  EXPECT_THAT(commands().front(), HasSubstr("net.unix.max_dgram_qlen=2048"));
  facts.overruns.last = facts.now - std::chrono::hours(8 * 24);
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(CheckRulesTest, ResolverThatDoesNotValidateWhereDaneIsInUse) {
  ResolverFacts& resolver = facts.postfix.front().resolver;
  resolver.servers = resolver.outside = {"192.0.2.1"};
  resolver.validation = Validation::insecure;
  EXPECT_THAT(found(), IsEmpty());
  value("mail_version") = "3.11.1";
  smtp().overrides["smtp_tls_security_level"] = "dane";
  EXPECT_THAT(found(), ElementsAre("fault resolver", "fault resolver"));
  value("smtp_dns_support_level") = "dnssec";
  EXPECT_THAT(found(), ElementsAre("fault resolver"));
  resolver.file = "/var/spool/postfix/etc/resolv.conf";
  EXPECT_THAT(commands().back(), "cp /etc/resolv.conf /var/spool/postfix/etc/resolv.conf");
  resolver.validation = Validation::secure;
  EXPECT_THAT(found(), IsEmpty());
  resolver.outside = {"192.0.2.2"};
  EXPECT_THAT(found(), ElementsAre("hint resolver"));
}

TEST_F(CheckRulesTest, ClockThatIsWrongOrKeptByNobody) {
  facts.is_clock_unsynchronised = true;
  EXPECT_THAT(found(), ElementsAre("hint clock"));
  facts.newest_commit = facts.now + std::chrono::minutes(9);
  EXPECT_THAT(found(), ElementsAre("hint clock"));
  facts.newest_commit = facts.now + std::chrono::minutes(11);
  EXPECT_THAT(found(), ElementsAre("fault clock"));
}

TEST_F(CheckRulesTest, ReportsThatNobodySigns) {
  value("non_smtpd_milters") = "unix:tlsrpt/milter.sock";
  EXPECT_THAT(found(), ElementsAre("fault signature"));
  EXPECT_THAT(commands(), Contains(set("dkim_domain", "a.example")));
  EXPECT_THAT(commands(), Contains(set("dkim_key_file", "/etc/tlsrpt/dkim.pem")));
  value("non_smtpd_milters") = "{ unix:tlsrpt/milter.sock, default_action=accept }";
  EXPECT_THAT(found(), ElementsAre("fault signature"));
  value("non_smtpd_milters") = "{ inet:localhost:1 }, unix:tlsrpt/milter.sock";
  EXPECT_THAT(found(), IsEmpty());
  value("non_smtpd_milters") = "unix:tlsrpt/milter.sock";
  facts.dkim_domain = "a.example";
  EXPECT_THAT(found(), IsEmpty());
  facts.dkim_domain = "b.example";
  EXPECT_THAT(found(), ElementsAre("fault signature", "fault signature"));
  facts.dkim_domain = "example";
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(CheckRulesTest, ReportsSignedForAnotherDomainThanTheSubmitters) {
  facts.dkim_domain = "a.example";
  facts.contact_info = "tls@other.example";
  EXPECT_THAT(found(), ElementsAre("fault signature"));
  EXPECT_THAT(run_checks(facts).front().text, HasSubstr("contact_info is tls@other.example"));
}

TEST_F(CheckRulesTest, TransportThatDoesNotAnswer) {
  facts.transport_problem = "/usr/sbin/sendmail: No such file or directory";
  EXPECT_THAT(found(), ElementsAre("fault mail-transport"));
  facts.mail_transport = "smtp://127.0.0.1:25";
  EXPECT_THAT(commands(), ElementsAre(set("mail_transport", "sendmail:/usr/sbin/sendmail")));
}

TEST_F(CheckRulesTest, WhatCouldNotBeAskedIsNotSaidToBeInOrder) {
  facts.postfix.clear();
  facts.postfix_problem = "there is no postconf: Postfix is not installed";
  EXPECT_THAT(found(), ElementsAre("hint postfix"));
  for (const Check& check : check_table()) {
    const bool needs_postfix =
        check.name == "tls-logging" || check.name == "milter" || check.name == "report-tls";
    EXPECT_FALSE(needs_postfix && check.applies(facts)) << check.name;
  }
  facts.postfix_problem.clear();
  postfix().problem = "postconf: failed: fatal: open main.cf";
  EXPECT_THAT(found(), ElementsAre("fault postfix"));
}

}  // namespace
}  // namespace tlsrpt::reporter
