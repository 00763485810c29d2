#include "reporter/command/common_command.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <sstream>

#include "reporter/options/config_file.h"
#include "reporter/options/option_table.h"
#include "tests/support/dkim_samples.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

TEST(CommonCommand, DefaultConfigSetIsTheDefaults) {
  // With every `#` before an option removed and the required ones filled in, it is the defaults.
  std::string text;
  std::istringstream lines(default_config_text());
  std::size_t options = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("#") && !line.starts_with("# ")) line.erase(0, 1), ++options;
    if (line == "organization_name =") line += " Example";
    if (line == "contact_info =") line += " tls@example.com";
    text += line + "\n";
  }
  EXPECT_EQ(options + 2, option_table().size());
  const auto parsed = parse_settings(text);
  EXPECT_TRUE(parsed.faults.empty()) << parsed.faults.front().reason;
  EXPECT_EQ(parsed.settings.retention, default_settings().retention);
}

TEST(CommonCommand, DefaultConfigAsksForRequiredOptions) {
  const auto parsed = parse_settings(default_config_text());
  ASSERT_EQ(parsed.faults.size(), 2U);
  EXPECT_EQ(parsed.faults[0].reason, "contact_info: has no value");
  EXPECT_EQ(parsed.faults[1].reason, "organization_name: has no value");
}

TEST(CommonCommand, OptionsAreFourColumns) {
  std::istringstream lines(options_text());
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    EXPECT_EQ(std::count(line.begin(), line.end(), '\t'), 3) << line;
    EXPECT_EQ(line.find("\t\t"), std::string::npos) << line;
  }
  EXPECT_EQ(count, option_table().size());
  EXPECT_NE(options_text().find("day_grace\tduration\t10m\treload\n"), std::string::npos);
  EXPECT_NE(options_text().find("contact_info\taddr-spec\t(required)\treload\n"),
            std::string::npos);
  EXPECT_NE(options_text().find("milter_socket_mode\tmode\t0660\trestart\n"), std::string::npos);
}

TEST(CommonCommand, NamesWhatTheMachineLacks) {
  Settings settings = default_settings();
  EXPECT_TRUE(missing_on_machine(settings).empty());
  settings.log_timezone = "Mars/Olympus";
  settings.run_as = "no-such-user-here";
  settings.record_map = "/nonexistent/map";
  settings.https_ca_file = "/";
  const auto missing = missing_on_machine(settings);
  ASSERT_EQ(missing.size(), 4U);
  EXPECT_EQ(missing[0],
            "log_timezone: /usr/share/zoneinfo/Mars/Olympus: No such file or directory");
  EXPECT_EQ(missing[1], "run_as: there is no user no-such-user-here");
  EXPECT_EQ(missing[2], "record_map: /nonexistent/map: cannot open: No such file or directory");
  EXPECT_EQ(missing[3], "https_ca_file: /: is a directory");
}

TEST(CommonCommand, NamesTheLineOfWhatTheMachineLacks) {
  const testing_support::TempDir folder;
  CommandLine line;
  line.action = "check-config";
  line.config_file = folder.write("tlsrpt.conf",
                                  "organization_name = Example Ltd\n"
                                  "contact_info = tls@example.com\n"
                                  "log_timezone = Mars/Olympus\n"
                                  "record_map = /nonexistent/map\n"
                                  "milter_socket = unix:/run/m.sock\n"
                                  "milter_socket_group = no-such-group\n"
                                  "tlsrpt_socket_group = no-such-group\n");
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(run_common(Program::milter, line, out, err), exit_config);
  EXPECT_EQ(err.str(),
            line.config_file +
                ":3: log_timezone: /usr/share/zoneinfo/Mars/Olympus: No such file or directory\n" +
                line.config_file +
                ":4: record_map: /nonexistent/map: cannot open: No such file or directory\n" +
                line.config_file + ":6: milter_socket_group: there is no group no-such-group\n");
}

TEST(CommonCommand, WarnsOfReportsThatAreSignedForAnotherDomain) {
  const testing_support::TempDir folder;
  const std::string key = folder.write("key.pem", testing_support::rfc8463_ed25519_key);
  ASSERT_EQ(::chmod(key.c_str(), 0600), 0);
  CommandLine line;
  line.action = "check-config";
  line.config_file = folder.write("tlsrpt.conf",
                                  "organization_name = Example Ltd\n"
                                  "contact_info = tls@example.com\n"
                                  "mail_from = tls@mail.example.net\n"
                                  "dkim_domain = mail.example.net\n"
                                  "dkim_selector = one\n"
                                  "dkim_key_file = " +
                                      key + "\n");
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(run_common(Program::milter, line, out, err), exit_ok);
  EXPECT_EQ(err.str(), line.config_file +
                           ":4: dkim_domain: warning: reports are signed for mail.example.net, and "
                           "contact_info is tls@example.com: recipients ignore them\n");
  EXPECT_EQ(out.str(), line.config_file + ": no faults\n");
}

TEST(CommonCommand, WarnsOfWhatMayComeLater) {
  const testing_support::TempDir folder;
  const std::string absent = folder.file("absent");
  CommandLine line;
  line.action = "check-config";
  line.config_file =
      folder.write("tlsrpt.conf",
                   "organization_name = Example Ltd\n"
                   "contact_info = tls@example.com\n"
                   "log_source = file:" +
                       absent + " journal:\nmail_transport = sendmail:" + absent + "\n");
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(run_common(Program::reporter, line, out, err), exit_ok);
  EXPECT_EQ(out.str(), line.config_file + ": no faults\n");
  EXPECT_EQ(err.str(), line.config_file + ":3: log_source: warning: " + absent +
                           ": No such file or directory; tlsrpt-milter waits for it\n" +
                           line.config_file + ":4: mail_transport: warning: " + absent +
                           ": No such file or directory; no report is mailed before it is there\n");
}

TEST(CommonCommand, AGroupOfSocketsIsAwaitedUnlessItWasSet) {
  Settings settings = default_settings();
  settings.mail_transport = "smtp://relay.example";
  settings.milter_socket_group = settings.tlsrpt_socket_group = "no such group";
  EXPECT_TRUE(awaited_on_machine(settings).empty()) << "none of the sockets was set";
  settings.option_lines["milter_socket"] = 1;
  settings.tlsrpt_socket = "/run/t.sock";
  const std::string what =
      "there is no group no such group; tlsrpt-milter has no such socket before there is one";
  EXPECT_EQ(awaited_on_machine(settings),
            (std::vector<std::string>{"milter_socket_group: warning: " + what,
                                      "tlsrpt_socket_group: warning: " + what}));
  EXPECT_TRUE(missing_on_machine(settings).empty());
  settings.option_lines["milter_socket_group"] = settings.option_lines["tlsrpt_socket_group"] = 1;
  EXPECT_TRUE(awaited_on_machine(settings).empty());
  EXPECT_EQ(missing_on_machine(settings).size(), 2U);
}

TEST(CommonCommand, AFolderIsNeitherALogNorAProgram) {
  Settings settings = default_settings();
  settings.log_source = {"file:/"};
  settings.mail_transport = "sendmail:/";
  EXPECT_EQ(missing_on_machine(settings),
            (std::vector<std::string>{"log_source: /: is a directory",
                                      "mail_transport: /: is a directory"}));
  EXPECT_TRUE(awaited_on_machine(settings).empty());
}

// Each of them would have us wait for a writer for ever.
TEST(CommonCommand, APipeIsNoFile) {
  const testing_support::TempDir folder;
  const std::string pipe = folder.file("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  Settings settings = default_settings();
  settings.record_map = pipe;
  settings.https_ca_file = pipe;
  settings.smtp_tls_ca_file = pipe;
  settings.bounce_maildir = pipe;
  settings.store = "sqlite:" + pipe;
  EXPECT_EQ(missing_on_machine(settings),
            (std::vector<std::string>{"record_map: " + pipe + ": is no plain file",
                                      "store: " + pipe + ": is no plain file",
                                      "bounce_maildir: " + pipe + ": is no directory",
                                      "https_ca_file: " + pipe + ": is no plain file",
                                      "smtp_tls_ca_file: " + pipe + ": is no plain file"}));
}

TEST(CommonCommand, NamesFilesThatHoldSomethingElse) {
  const testing_support::TempDir folder;
  const std::string text = folder.write("text", "no certificate, no database\n");
  const std::string cas = folder.write("cas", "-----BEGIN CERTIFICATE-----\n");
  const std::string empty = folder.write("empty", "");
  Settings settings = default_settings();
  settings.https_ca_file = text;
  settings.smtp_tls_ca_file = cas;
  settings.store = "sqlite:" + text;
  EXPECT_EQ(missing_on_machine(settings),
            (std::vector<std::string>{"store: " + text + ": is no SQLite database",
                                      "https_ca_file: " + text + ": holds no certificate in PEM"}));
  settings.https_ca_file = cas;
  for (const std::string& good :
       {empty, folder.write("db", std::string("SQLite format 3\0...", 19))}) {
    settings.store = "sqlite:" + good;
    EXPECT_TRUE(missing_on_machine(settings).empty()) << good;
  }
  settings.bounce_maildir = folder.file("absent");
  EXPECT_EQ(awaited_on_machine(settings),
            std::vector<std::string>{"bounce_maildir: warning: " + folder.file("absent") +
                                     ": No such file or directory; no bounce is read before it is "
                                     "there"});
}

TEST(CommonCommand, LeavesOtherActionsAlone) {
  std::ostringstream out;
  std::ostringstream err;
  CommandLine line;
  line.action = "flush";
  EXPECT_EQ(run_common(Program::reporter, line, out, err), std::nullopt);
  line.action = "version";
  EXPECT_EQ(run_common(Program::milter, line, out, err), exit_ok);
  EXPECT_TRUE(out.str().starts_with("tlsrpt-milter 0.")) << out.str();
  line.action = "check-config";
  line.config_file = "/nonexistent/tlsrpt.conf";
  EXPECT_EQ(run_common(Program::milter, line, out, err), exit_config);
  EXPECT_EQ(err.str(), "/nonexistent/tlsrpt.conf: cannot open: No such file or directory\n");
}

}  // namespace
}  // namespace tlsrpt::reporter
