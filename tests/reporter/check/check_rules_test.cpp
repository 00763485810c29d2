#include "reporter/check/check_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tlsrpt::reporter {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Texts = std::vector<std::string>;

class CheckRulesTest : public testing::Test {
 protected:
  // A site with nothing to mend.
  CheckRulesTest() {
    facts.user = "tlsrpt";
    facts.config_file = "/etc/tlsrpt/tlsrpt.conf";
    facts.now = *policy::parse_instant("2026-11-22T12:00:00Z");
    facts.mail_from = "tls@a.example";
    facts.contact_info = "tls@a.example";
    facts.mail_transport = "sendmail:/usr/sbin/sendmail";
    facts.store = "/var/lib/tlsrpt/tlsrpt.sqlite";
    facts.logs = {{"file:/var/log/mail.log", ""}};
    facts.milter_socket = "unix:/var/spool/postfix/tlsrpt/milter.sock";
    postfix().directory = "/etc/postfix";
    postfix().values = {{"mail_version", "3.7.11"},
                        {"smtp_tls_loglevel", "1"},
                        {"smtp_tls_security_level", "may"},
                        {"default_transport", "smtp"},
                        {"queue_directory", "/var/spool/postfix"},
                        {"mail_owner", "postfix"},
                        {"smtpd_milters", "unix:tlsrpt/milter.sock"},
                        {"non_smtpd_milters", "unix:/tlsrpt/milter.sock, inet:localhost:8891"}};
    postfix().services = {{"smtp/unix", "smtp", true, {}}, {"smtp/inet", "smtpd", true, {}}};
  }
  PostfixFacts& postfix() {
    if (facts.postfix.empty()) facts.postfix.emplace_back();
    return facts.postfix.front();
  }
  PostfixService& smtp() { return postfix().services.front(); }
  std::string& value(const std::string& name) { return postfix().values[name]; }

  // "level check" of each finding.
  Texts found() const {
    Texts texts;
    for (const CheckFinding& finding : run_checks(facts)) {
      texts.push_back((finding.level == CheckFinding::Level::fault ? "fault " : "hint ") +
                      finding.check);
    }
    return texts;
  }
  // Of the only finding.
  Texts commands() const {
    const CheckFindings findings = run_checks(facts);
    return findings.size() == 1 ? findings.front().commands : Texts{"not one finding"};
  }

  CheckFacts facts;
};

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

TEST_F(CheckRulesTest, LogAndStoreThatWeMayNotUse) {
  facts.logs = {{"file:/var/log/mail.log", "Permission denied"}, {"journal:", "Permission denied"}};
  EXPECT_THAT(found(), ElementsAre("fault log", "fault log"));
  facts.logs.erase(facts.logs.begin());
  EXPECT_THAT(commands(),
              ElementsAre("adduser tlsrpt systemd-journal", "systemctl restart tlsrpt-milter"));
  facts.logs.clear();
  facts.store_problem = "Permission denied";
  EXPECT_THAT(commands(), ElementsAre("install -d -o tlsrpt -m 0750 /var/lib/tlsrpt",
                                      "chown tlsrpt: /var/lib/tlsrpt/tlsrpt.sqlite*"));
}

TEST_F(CheckRulesTest, MilterThatPostfixDoesNotKnowOrReach) {
  value("smtpd_milters") = "inet:localhost:8891";
  EXPECT_THAT(commands(), ElementsAre("postconf -e 'smtpd_milters=inet:localhost:8891, "
                                      "unix:tlsrpt/milter.sock'",
                                      "postfix reload"));
  value("smtpd_milters") = "local:tlsrpt/milter.sock";
  EXPECT_THAT(found(), IsEmpty());
  postfix().milter_problem = "may not be written by postfix";
  EXPECT_THAT(found(), ElementsAre("fault milter"));
  postfix().milter_problem.clear();
  facts.milter_socket = "inet:8899@127.0.0.1";
  EXPECT_THAT(found(), ElementsAre("fault milter", "fault milter"));
  value("smtpd_milters") = value("non_smtpd_milters") = "inet:127.0.0.1:8899, unix:dkim.sock";
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(CheckRulesTest, MilterThatDoesNotAnswer) {
  facts.milter_silence = "Connection refused";
  EXPECT_THAT(found(), ElementsAre("fault milter"));
  EXPECT_THAT(commands(), ElementsAre("systemctl enable --now tlsrpt-milter"));
}

TEST_F(CheckRulesTest, MilterThatOneServicePassesBy) {
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
  EXPECT_THAT(found(), ElementsAre("fault milter"));
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
  facts.validation = Validation::insecure;
  EXPECT_THAT(found(), IsEmpty());
  value("mail_version") = "3.11.1";
  smtp().overrides["smtp_tls_security_level"] = "dane";
  EXPECT_THAT(found(), ElementsAre("fault resolver", "fault resolver"));
  value("smtp_dns_support_level") = "dnssec";
  EXPECT_THAT(found(), ElementsAre("fault resolver"));
  facts.validation = Validation::secure;
  EXPECT_THAT(found(), IsEmpty());
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
  EXPECT_EQ(commands()[1],
            "postconf -e 'non_smtpd_milters=unix:tlsrpt/milter.sock, unix:opendkim/opendkim.sock'");
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
