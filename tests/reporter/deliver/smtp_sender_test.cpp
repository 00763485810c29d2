#include "reporter/deliver/smtp_sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/certificates.h"
#include "tests/support/server_process.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;
using testing_support::ServerProcess;
using testing_support::TempDir;

constexpr const char* message = "Subject: report\r\n\r\n.leading dot\r\n..\r\nend\r\n";
const OutgoingMail mail{message, "rua@receiver.example", "unused.eml", ""};

// A server of tests/support/smtp_server.py with a script of its own.
class SmtpServer {
 public:
  explicit SmtpServer(std::vector<std::string> script = {})
      : process_(arguments(dir_, std::move(script))), port_(process_.read_port()) {}

  std::string url() const { return "smtp://127.0.0.1:" + std::to_string(port_); }
  std::string log() const { return dir_.read("log"); }
  std::string message(int number) const { return dir_.read("message." + std::to_string(number)); }
  std::size_t connections() const {
    std::size_t count = 0;
    const std::string all = log();
    for (std::size_t at = all.find(" connected"); at != std::string::npos;
         at = all.find(" connected", at + 1)) {
      ++count;
    }
    return count;
  }
  void stop() { process_.stop(); }

 private:
  static std::vector<std::string> arguments(const TempDir& dir, std::vector<std::string> script) {
    std::vector<std::string> all{"python3", TLSRPT_SOURCE_DIR "/tests/support/smtp_server.py",
                                 dir.path().string()};
    all.insert(all.end(), script.begin(), script.end());
    return all;
  }

  TempDir dir_;
  ServerProcess process_;
  std::uint16_t port_;
};

class SmtpSenderTest : public testing::Test {
 protected:
  CurlGlobal curl_;
};

SmtpSender sender_for(const SmtpServer& server) {
  return {
      server.url(), "tls@us.example", {}, {milliseconds(5000), seconds(10), milliseconds(20000)}};
}

TEST_F(SmtpSenderTest, DeliversTheMessageByteByByte) {
  const SmtpServer server;
  auto sender = sender_for(server);
  const auto outcome = sender.send(mail);
  EXPECT_TRUE(outcome.delivered()) << outcome.text;
  EXPECT_EQ(server.message(1), message);
  EXPECT_NE(server.log().find("C MAIL FROM:<tls@us.example>"), std::string::npos) << server.log();
  EXPECT_NE(server.log().find("C RCPT TO:<rua@receiver.example>\n"), std::string::npos);
}

TEST_F(SmtpSenderTest, AMessageMayHaveItsOwnSender) {
  const SmtpServer server;
  auto sender = sender_for(server);
  OutgoingMail other = mail;
  other.sender = "tls+1@us.example";
  EXPECT_TRUE(sender.send(other).delivered());
  EXPECT_NE(server.log().find("C MAIL FROM:<tls+1@us.example>"), std::string::npos) << server.log();
}

TEST_F(SmtpSenderTest, StuffsDotsWhereverTheyFall) {
  const SmtpServer server;
  auto sender = sender_for(server);
  // Long enough for several buffers, with dots at the beginning of every line and of the message.
  std::string long_message = ".\r\n";
  for (std::size_t i = 0; i < 20000; ++i) long_message += "." + std::string(i % 70, 'x') + "\r\n";
  EXPECT_TRUE(sender.send({long_message, "rua@receiver.example", "", ""}).delivered());
  EXPECT_EQ(server.message(1), long_message);
}

TEST_F(SmtpSenderTest, KeepsTheConnectionForTheNextMessage) {
  const SmtpServer server;
  auto sender = sender_for(server);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(sender.send(mail).delivered());
  EXPECT_EQ(server.connections(), 1U);
  EXPECT_EQ(server.message(5), message);
}

TEST_F(SmtpSenderTest, ReconnectsWhereTheServerHasClosedAKeptConnection) {
  const SmtpServer silent({"--idle-close", "1"});
  auto sender = sender_for(silent);
  for (int i = 0; i < 3; ++i) {
    const auto outcome = sender.send(mail);
    EXPECT_TRUE(outcome.delivered()) << outcome.text;
  }
  EXPECT_EQ(silent.connections(), 3U);

  const SmtpServer polite({"--reply", "MAIL#2=421 idle too long"});
  auto other = sender_for(polite);
  EXPECT_TRUE(other.send(mail).delivered());
  const auto outcome = other.send(mail);
  EXPECT_TRUE(outcome.delivered()) << outcome.text;
  EXPECT_EQ(polite.connections(), 2U);
}

struct Refusal {
  const char* stage;
  const char* reply;
  OutcomeKind kind;
  bool host_failed = false;
};

TEST_F(SmtpSenderTest, TellsPermanentFromTemporaryRefusals) {
  const Refusal refusals[] = {
      {"greeting", "421 too busy", OutcomeKind::temporary, true},
      {"greeting", "554 go away", OutcomeKind::temporary, true},
      {"MAIL", "451 later", OutcomeKind::temporary, true},
      {"RCPT", "554 5.7.1 <x>: Relay access denied", OutcomeKind::temporary},
      {"MAIL", "550 5.7.1 not you", OutcomeKind::temporary, true},
      {"MAIL", "530 5.7.0 Authentication required", OutcomeKind::temporary, true},
      {"MAIL", "552 5.3.4 larger than SIZE", OutcomeKind::permanent},
      {"RCPT", "530 5.7.0 Must issue a STARTTLS command first", OutcomeKind::temporary, true},
      {"RCPT", "535 5.7.8 Authentication credentials invalid", OutcomeKind::temporary, true},
      {"DATA", "538 5.7.11 Encryption required", OutcomeKind::temporary, true},
      {"DATA", "421 4.3.2 shutting down", OutcomeKind::temporary, true},
      {"RCPT", "450 4.2.1 mailbox busy", OutcomeKind::temporary},
      {"RCPT", "550-5.1.1 no such\\n550 5.1.1 user", OutcomeKind::permanent},
      {"DATA", "451 disk full", OutcomeKind::temporary},
      {"DATA", "554 no valid recipients", OutcomeKind::permanent},
      {"message", "452 4.3.1 try later", OutcomeKind::temporary},
      {"message", "552 5.3.4 too big", OutcomeKind::permanent},
  };
  for (const Refusal& each : refusals) {
    const std::string script = std::string(each.stage) + "=" + each.reply;
    const SmtpServer server({"--reply", script});
    auto sender = sender_for(server);
    const auto outcome = sender.send(mail);
    EXPECT_EQ(outcome.kind, each.kind) << script << ": " << outcome.text;
    EXPECT_EQ(outcome.host_failed, each.host_failed) << script;
    EXPECT_EQ(outcome.text.substr(0, 3), std::string(each.reply).substr(0, 3)) << script;
    EXPECT_TRUE(outcome.text.ends_with("(" + std::string(each.stage) + ")")) << outcome.text;
  }
}

TEST_F(SmtpSenderTest, ATooLargeMessageIsToldApart) {
  for (const auto& [script, too_large] :
       {std::pair("message=552 5.3.4 too big", true), std::pair("MAIL=552 over limit", true),
        std::pair("message=554-5.2.3 too\\n554 5.2.3 big", true),
        std::pair("RCPT=552 5.2.2 mailbox full", false), std::pair("message=554 no", false),
        std::pair("message=452 4.3.4 later", false)}) {
    const SmtpServer server({"--reply", script});
    auto sender = sender_for(server);
    EXPECT_EQ(sender.send(mail).too_large, too_large) << script;
  }
}

// RFC 5321, 4.1.4: a client may fall back to HELO where EHLO is refused.
TEST_F(SmtpSenderTest, FallsBackToHelo) {
  const SmtpServer server({"--reply", "EHLO=502 what?"});
  auto sender = sender_for(server);
  EXPECT_TRUE(sender.send(mail).delivered());
  const SmtpServer hostile({"--reply", "EHLO=550 no", "--reply", "HELO=550 no"});
  auto other = sender_for(hostile);
  EXPECT_EQ(other.send(mail).kind, OutcomeKind::temporary);
}

TEST_F(SmtpSenderTest, GoesOnAfterARefusedRecipient) {
  const SmtpServer server({"--reply", "RCPT#1=550 no such user"});
  auto sender = sender_for(server);
  EXPECT_EQ(sender.send(mail).kind, OutcomeKind::permanent);
  EXPECT_TRUE(sender.send(mail).delivered());
  EXPECT_EQ(server.message(1), message);
}

TEST_F(SmtpSenderTest, ALostConnectionIsTemporary) {
  for (const char* stage : {"greeting", "EHLO", "MAIL", "RCPT", "DATA", "body", "message"}) {
    const SmtpServer server({"--drop", stage});
    auto sender = sender_for(server);
    const auto outcome = sender.send(mail);
    EXPECT_EQ(outcome.kind, OutcomeKind::temporary) << stage;
    EXPECT_FALSE(outcome.text.empty()) << stage;
    EXPECT_EQ(server.message(1), "") << stage;
  }
}

TEST_F(SmtpSenderTest, NobodyListeningIsTemporary) {
  SmtpServer server;
  auto sender = sender_for(server);
  server.stop();
  const auto outcome = sender.send(mail);
  EXPECT_EQ(outcome.kind, OutcomeKind::temporary);
  EXPECT_NE(outcome.text.find(server.url()), std::string::npos) << outcome.text;
}

TEST_F(SmtpSenderTest, WaitsNoLongerThanItsTimeOuts) {
  const SmtpServer server({"--hang", "RCPT"});
  SmtpSender sender(server.url(), "tls@us.example", {},
                    {milliseconds(5000), seconds(1), milliseconds(20000)});
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(sender.send(mail).kind, OutcomeKind::temporary);
  EXPECT_LT(std::chrono::steady_clock::now() - before, seconds(8));
}

class SmtpSenderTlsTest : public SmtpSenderTest {
 protected:
  std::string starttls() const { return certificate_.certificate + "," + certificate_.key; }

  TempDir dir_;
  testing_support::Certificate certificate_ =
      testing_support::self_signed(dir_, "other", "DNS:other.example");
};

TEST_F(SmtpSenderTlsTest, UsesStarttlsWithoutVerification) {
  const SmtpServer server({"--starttls", starttls()});
  auto sender = sender_for(server);
  const auto outcome = sender.send(mail);
  EXPECT_TRUE(outcome.delivered()) << outcome.text;
  EXPECT_NE(server.log().find("1 TLS TLSv1"), std::string::npos) << server.log();
  EXPECT_EQ(server.message(1), message);
}

// RFC 8460, 5.3: reports go out whatever TLS does.
TEST_F(SmtpSenderTlsTest, GoesInClearWhereStarttlsIsRefused) {
  const SmtpServer server({"--starttls", starttls(), "--reply", "STARTTLS=454 not now"});
  auto sender = sender_for(server);
  const auto outcome = sender.send(mail);
  EXPECT_TRUE(outcome.delivered()) << outcome.text;
  EXPECT_EQ(server.message(1), message);
}

TEST_F(SmtpSenderTlsTest, GoesInClearWhereTheHandshakeFails) {
  const SmtpServer server({"--starttls", starttls(), "--drop", "handshake"});
  auto sender = sender_for(server);
  for (int i = 0; i < 2; ++i) {
    const auto outcome = sender.send(mail);
    EXPECT_TRUE(outcome.delivered()) << outcome.text;
  }
  EXPECT_EQ(server.message(2), message);
  EXPECT_EQ(server.connections(), 2U) << "one for the failure, one kept";
}

TEST_F(SmtpSenderTlsTest, GoesInClearWhereAServerGoesOnTalkingInClear) {
  const SmtpServer server({"--starttls", starttls(), "--reply", "STARTTLS=220 go\\n250 garbage"});
  auto sender = sender_for(server);
  const auto outcome = sender.send(mail);
  EXPECT_TRUE(outcome.delivered()) << outcome.text;
  EXPECT_EQ(server.message(1), message);
}

TEST_F(SmtpSenderTest, RefusesARecipientThatCouldBeACommand) {
  const SmtpServer server;
  auto sender = sender_for(server);
  const auto outcome = sender.send({message, "a@b.example>\r\nRCPT TO:<c@d.example", "", ""});
  EXPECT_EQ(outcome.kind, OutcomeKind::permanent);
  EXPECT_EQ(server.connections(), 0U);
}

// RFC 6531, 3.1: only where the server offers it, and said with MAIL.
class SmtpUtf8Test : public SmtpSenderTest {
 protected:
  const OutgoingMail utf8_{"To: ü@receiver.example\r\n\r\n", "ü@receiver.example", "unused.eml",
                           ""};
};

TEST_F(SmtpUtf8Test, ALocalPartInUtf8GoesWhereSmtputf8IsOffered) {
  const SmtpServer server({"--offer", "SMTPUTF8"});
  auto sender = sender_for(server);
  for (int i = 1; i <= 2; ++i) {
    const auto outcome = sender.send(utf8_);
    EXPECT_TRUE(outcome.delivered()) << outcome.text;
    EXPECT_EQ(server.message(i), utf8_.message);
  }
  EXPECT_EQ(server.connections(), 1U);
  EXPECT_THAT(server.log(), HasSubstr(" SMTPUTF8\n"));
  EXPECT_THAT(server.log(), HasSubstr("C RCPT TO:<ü@receiver.example>\n"));
  // What needs none has none.
  EXPECT_TRUE(sender.send(mail).delivered());
  const std::string log = server.log();
  EXPECT_EQ(log.find(" SMTPUTF8", log.rfind("C MAIL")), std::string::npos);
}

TEST_F(SmtpUtf8Test, NoneGoesToAServerWithoutSmtputf8) {
  for (const auto& script :
       {std::vector<std::string>{}, {"--offer", "XSMTPUTF8"}, {"--reply", "EHLO=502 what?"}}) {
    const SmtpServer server(script);
    auto sender = sender_for(server);
    EXPECT_TRUE(sender.send(mail).delivered());
    const auto outcome = sender.send(utf8_);
    EXPECT_EQ(outcome.kind, OutcomeKind::permanent);
    EXPECT_THAT(outcome.text, HasSubstr("does not offer SMTPUTF8"));
    EXPECT_EQ(server.connections(), 1U);
    EXPECT_THAT(server.log(), Not(HasSubstr("ü")));
    EXPECT_TRUE(sender.send(mail).delivered()) << "others go on";
  }
}

TEST_F(SmtpUtf8Test, WhatCameOfNoopIsNoJudgement) {
  const SmtpServer refusing({"--offer", "SMTPUTF8", "--reply", "NOOP=502 what?"});
  auto sender = sender_for(refusing);
  EXPECT_TRUE(sender.send(utf8_).delivered());
  const SmtpServer busy({"--reply", "greeting=421 too busy"});
  auto other = sender_for(busy);
  const auto outcome = other.send(utf8_);
  EXPECT_EQ(outcome.kind, OutcomeKind::temporary);
  EXPECT_TRUE(outcome.host_failed);
}

// Two servers behind one name.
TEST_F(SmtpUtf8Test, TheServerMayBeAnotherOneByThen) {
  const SmtpServer server(
      {"--offer", "SMTPUTF8", "--drop", "MAIL#1", "--reply", "EHLO#2=250 other.example"});
  auto sender = sender_for(server);
  const auto outcome = sender.send(utf8_);
  EXPECT_EQ(outcome.kind, OutcomeKind::temporary) << outcome.text;
  EXPECT_EQ(server.message(1), "");
}

// A submission server (RFC 6409) that we know by its certificate.
class SmtpSubmissionTest : public SmtpSenderTlsTest {
 protected:
  // The outcome of one message to a server with the further ARGUMENTS.
  DeliveryOutcome send(std::vector<std::string> arguments, const SmtpSecurity& security) {
    server_.reset();
    server_ = std::make_unique<SmtpServer>(std::move(arguments));
    SmtpSender sender(server_->url(), "tls@us.example", security,
                      {milliseconds(5000), seconds(10), milliseconds(20000)});
    return sender.send(mail);
  }
  bool heard(const std::string& text) const {
    return server_->log().find(text) != std::string::npos;
  }
  std::string by(const testing_support::Certificate& certificate) const {
    return certificate.certificate + "," + certificate.key;
  }

  testing_support::Certificate ours_ = testing_support::self_signed(dir_, "ours", "IP:127.0.0.1");
  SmtpSecurity verified_{SmtpTlsLevel::verify, ours_.certificate, "", "", "", ""};
  std::unique_ptr<SmtpServer> server_;
};

TEST_F(SmtpSubmissionTest, NothingGoesInClearBeyondMay) {
  for (const SmtpTlsLevel level : {SmtpTlsLevel::encrypt, SmtpTlsLevel::verify}) {
    for (const std::vector<std::string>& server : std::vector<std::vector<std::string>>{
             {},
             {"--starttls", by(ours_), "--reply", "STARTTLS=454 not now"},
             {"--starttls", by(ours_), "--drop", "handshake"}}) {
      const auto outcome = send(server, {level, ours_.certificate, "", "", "", ""});
      EXPECT_EQ(outcome.kind, OutcomeKind::temporary) << outcome.text;
      EXPECT_TRUE(outcome.host_failed) << "no fault of this message";
      EXPECT_FALSE(heard("C MAIL")) << server_->log();
    }
  }
}

TEST_F(SmtpSubmissionTest, EncryptTakesAnyCertificateVerifyOnlyTheHosts) {
  const std::vector<std::string> other{"--starttls", by(certificate_)};
  EXPECT_TRUE(send(other, {SmtpTlsLevel::encrypt, "", "", "", "", ""}).delivered());
  // The right issuer, the wrong name.
  const auto wrong_name =
      send(other, {SmtpTlsLevel::verify, certificate_.certificate, "", "", "", ""});
  EXPECT_EQ(wrong_name.kind, OutcomeKind::temporary);
  EXPECT_FALSE(heard("C MAIL"));
  EXPECT_FALSE(send(other, verified_).delivered()) << "an unknown issuer";
  EXPECT_TRUE(send({"--starttls", by(ours_)}, verified_).delivered());
  EXPECT_EQ(server_->message(1), message);
}

TEST_F(SmtpSubmissionTest, AuthenticatesAndKeepsThePasswordToItself) {
  for (const char* mechanisms : {"PLAIN", "LOGIN", "PLAIN LOGIN"}) {
    const std::vector<std::string> server{"--starttls",   by(ours_),      "--auth",
                                          "tls:s3cr3t-x", "--mechanisms", mechanisms};
    verified_.user = "tls";
    verified_.password = "s3cr3t-x";
    const auto good = send(server, verified_);
    EXPECT_TRUE(good.delivered()) << good.text;
    verified_.password = "wr0ng-y";
    const auto bad = send(server, verified_);
    EXPECT_EQ(bad.kind, OutcomeKind::temporary);
    EXPECT_TRUE(bad.host_failed);
    EXPECT_EQ(bad.text, "535 5.7.8 no (AUTH)") << "not what was sent after AUTH";
  }
}

TEST_F(SmtpSubmissionTest, WhoIsToldToAuthenticateDoesNotSendWithout) {
  const SmtpServer server;
  SmtpSender sender(server.url(), "tls@us.example",
                    {SmtpTlsLevel::may, "", "", "", "tls", "secret"});
  const auto outcome = sender.send(mail);
  EXPECT_TRUE(outcome.host_failed) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("offers no AUTH"));
  EXPECT_EQ(server.message(1), "");
  EXPECT_THAT(sender.greet().text, HasSubstr("offers no AUTH"));
}

TEST_F(SmtpSubmissionTest, GreetingHandsNothingOver) {
  const SmtpServer server({"--reply", "NOOP=502 what?"});
  auto sender = sender_for(server);
  EXPECT_TRUE(sender.greet().delivered());
  EXPECT_THAT(server.log(), Not(HasSubstr("C MAIL")));
  const SmtpServer refusing({"--reply", "greeting=554 go away"});
  auto other = sender_for(refusing);
  EXPECT_THAT(other.greet().text, HasSubstr("554 go away"));
}

TEST_F(SmtpSubmissionTest, ShowsItsCertificate) {
  const auto client = testing_support::self_signed(dir_, "client", "DNS:us.example");
  const std::vector<std::string> server{"--starttls", by(ours_), "--client-ca", client.certificate};
  const auto without = send(server, verified_);
  EXPECT_FALSE(without.delivered());
  EXPECT_THAT(without.text, HasSubstr("the server asked for a certificate of ours, and there is "
                                      "none: set smtp_tls_cert_file and smtp_tls_key_file"));
  verified_.cert_file = client.certificate;
  verified_.key_file = client.key;
  const auto outcome = send(server, verified_);
  EXPECT_TRUE(outcome.delivered()) << outcome.text;
}

}  // namespace
}  // namespace tlsrpt::reporter
