// A site with nothing to mend, for tests that spoil it.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "reporter/check/check_rules.h"
#include "reporter/check/postfix_mend.h"

namespace tlsrpt::testing_support {

class CheckTest : public testing::Test {
 protected:
  // A site with nothing to mend.
  CheckTest() {
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
                        {"milter_default_action", "accept"},
                        {"smtpd_milters", "unix:tlsrpt/milter.sock"},
                        {"non_smtpd_milters", "unix:tlsrpt/milter.sock, inet:localhost:8891"}};
    postfix().services = {{"smtp/unix", "smtp", true, {}}, {"smtp/inet", "smtpd", true, {}}};
  }
  reporter::PostfixFacts& postfix() {
    if (facts.postfix.empty()) facts.postfix.emplace_back();
    return facts.postfix.front();
  }
  reporter::PostfixService& smtp() { return postfix().services.front(); }
  std::string& value(const std::string& name) { return postfix().values[name]; }

  // "level check" of each finding.
  std::vector<std::string> found() const {
    std::vector<std::string> texts;
    for (const reporter::CheckFinding& finding : reporter::run_checks(facts)) {
      texts.push_back((finding.level == reporter::CheckFinding::Level::fault ? "fault " : "hint ") +
                      finding.check);
    }
    return texts;
  }
  // The command that sets an option of ours.
  std::string set(std::string_view name, std::string_view wanted) const {
    return reporter::set_option(facts, name, wanted);
  }
  // Of the only finding.
  std::vector<std::string> commands() const {
    const reporter::CheckFindings findings = reporter::run_checks(facts);
    return findings.size() == 1 ? findings.front().commands
                                : std::vector<std::string>{"not one finding"};
  }

  reporter::CheckFacts facts;
};

}  // namespace tlsrpt::testing_support
