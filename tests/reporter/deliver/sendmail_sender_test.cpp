#include "reporter/deliver/sendmail_sender.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>
#include <string>

#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing_support::TempDir;

const OutgoingMail mail{"Subject: report\r\n\r\n.\r\nbody\r\n", "rua@receiver.example", "", ""};

class SendmailSenderTest : public testing::Test {
 protected:
  // A sendmail(1) that runs SCRIPT; $dir is our directory.
  std::string program(const std::string& script) {
    const std::string path =
        dir_.write("sendmail", "#!/bin/sh\ndir='" + dir_.path().string() + "'\n" + script + "\n");
    EXPECT_EQ(::chmod(path.c_str(), 0755), 0);
    return path;
  }
  DeliveryOutcome run(const std::string& script, milliseconds timeout = seconds(20)) {
    return SendmailSender(program(script), "tls@us.example", timeout).send(mail);
  }

  TempDir dir_;
};

TEST_F(SendmailSenderTest, GivesMessageArgumentsAndACleanEnvironment) {
  const auto outcome =
      run(R"(cat > "$dir/message"; printf '[%s]' "$@" > "$dir/arguments"; env > "$dir/env")");
  EXPECT_TRUE(outcome.delivered()) << outcome.text;
  EXPECT_EQ(dir_.read("message"), "Subject: report\n\n.\nbody\n");
  EXPECT_EQ(dir_.read("arguments"), "[-i][-f][tls@us.example][--][rua@receiver.example]");
  const std::string environment = dir_.read("env");
  EXPECT_EQ(environment.find("HOME="), std::string::npos) << environment;
  EXPECT_NE(environment.find("PATH=/usr/sbin:/usr/bin"), std::string::npos) << environment;
}

TEST_F(SendmailSenderTest, AMessageMayHaveItsOwnSender) {
  SendmailSender sender(program(R"(cat >/dev/null; printf '[%s]' "$@" > "$dir/arguments")"),
                        "tls@us.example");
  EXPECT_TRUE(sender.send({"x\r\n", "rua@receiver.example", "", "tls+1@us.example"}).delivered());
  EXPECT_EQ(dir_.read("arguments"), "[-i][-f][tls+1@us.example][--][rua@receiver.example]");
}

TEST_F(SendmailSenderTest, PostfixSaysWhatIsTooLarge) {
  EXPECT_TRUE(run("cat >/dev/null; echo 'sendmail: fatal: x(0): message file too big' >&2; exit 69")
                  .too_large);
  EXPECT_FALSE(run("cat >/dev/null; echo no >&2; exit 69").too_large);
  EXPECT_FALSE(run("cat >/dev/null; echo 'message file too big' >&2; exit 75").too_large);
}

TEST_F(SendmailSenderTest, ARecipientIsNeverAnOptionNorAShellWord) {
  SendmailSender sender(program(R"(cat >/dev/null; printf '[%s]' "$@" > "$dir/arguments")"),
                        "-oQ/tmp@us.example");
  EXPECT_TRUE(sender.send({"x\r\n", "-oQ/tmp;$(id)@receiver.example", "", ""}).delivered());
  EXPECT_EQ(dir_.read("arguments"),
            "[-i][-f][-oQ/tmp@us.example][--][-oQ/tmp;$(id)@receiver.example]");
}

TEST_F(SendmailSenderTest, MapsEveryExitStatus) {
  for (int status = 0; status < 256; ++status) {
    const DeliveryOutcome outcome = sendmail_outcome(status, "why");
    if (status == 0) {
      EXPECT_TRUE(outcome.delivered());
      continue;
    }
    EXPECT_EQ(outcome.text, "why");
    const bool permanent = status == 65 || status == 67 || status == 68 || status == 69;
    EXPECT_EQ(outcome.kind, permanent ? OutcomeKind::permanent : OutcomeKind::temporary) << status;
    // What is wrong with us or the installation would end every message alike.
    const bool host = status == 64 || status == 71 || status == 72 || status == 77 ||
                      status == 78 || status == 126 || status == 127;
    EXPECT_EQ(outcome.host_failed, host) << status;
  }
}

TEST_F(SendmailSenderTest, AProgramThatDiesOrRefusesUsIsAFailureOfTheHost) {
  for (const char* script : {"kill -SEGV $$", "cat >/dev/null; exit 78", "exit 127"}) {
    const auto outcome = run(script);
    EXPECT_EQ(outcome.kind, OutcomeKind::temporary) << script;
    EXPECT_TRUE(outcome.host_failed) << script << ": " << outcome.text;
  }
  EXPECT_FALSE(run("cat >/dev/null; exit 75").host_failed);
}

TEST_F(SendmailSenderTest, TellsWhatTheProgramSaid) {
  const auto temporary = run("cat >/dev/null; echo 'queue file write error' >&2; exit 75");
  EXPECT_EQ(temporary.kind, OutcomeKind::temporary);
  EXPECT_NE(temporary.text.find("status 75: queue file write error"), std::string::npos)
      << temporary.text;
  const auto permanent = run(R"(cat >/dev/null; printf 'no\033[31m such user\n' >&2; exit 67)");
  EXPECT_EQ(permanent.kind, OutcomeKind::permanent);
  EXPECT_NE(permanent.text.find("no\\u{1b}[31m such user"), std::string::npos) << permanent.text;
}

TEST_F(SendmailSenderTest, MegabytesOfErrorsAreCutAndDoNotBlock) {
  const auto outcome = run("cat >/dev/null; head -c 3000000 /dev/zero | tr '\\0' x >&2; exit 1");
  EXPECT_EQ(outcome.kind, OutcomeKind::temporary);
  EXPECT_LE(outcome.text.size(), max_outcome_text + 3);
}

TEST_F(SendmailSenderTest, AProgramThatDoesNotReadHasNotDelivered) {
  SendmailSender sender(program("exec <&-; exit 0"), "tls@us.example");
  // More than a pipe holds.
  const auto outcome = sender.send({std::string(1 << 20, 'x'), "rua@receiver.example", "", ""});
  EXPECT_EQ(outcome.kind, OutcomeKind::temporary);
  EXPECT_NE(outcome.text.find("did not read"), std::string::npos) << outcome.text;
}

TEST_F(SendmailSenderTest, AnEarlyExitStatusCountsThoughTheInputIsClosed) {
  SendmailSender sender(program("exec <&-; echo unknown >&2; exit 67"), "tls@us.example");
  const auto outcome = sender.send({std::string(1 << 20, 'x'), "rua@receiver.example", "", ""});
  EXPECT_EQ(outcome.kind, OutcomeKind::permanent) << outcome.text;
}

// Whether the process does anything still; a zombie does not.
bool runs(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string stat;
  std::getline(file, stat);
  const std::size_t at = stat.rfind(')');
  return at != std::string::npos && at + 2 < stat.size() && stat[at + 2] != 'Z';
}

TEST_F(SendmailSenderTest, AHangingProgramIsEndedWithItsChildren) {
  const auto before = std::chrono::steady_clock::now();
  const auto outcome =
      run("sh -c 'echo $$ > \"$0/child\"; exec sleep 300' \"$dir\" & wait", milliseconds(700));
  EXPECT_EQ(outcome.kind, OutcomeKind::temporary);
  EXPECT_NE(outcome.text.find("no answer"), std::string::npos) << outcome.text;
  EXPECT_LT(std::chrono::steady_clock::now() - before, seconds(10));
  std::string child = dir_.read("child");
  ASSERT_FALSE(child.empty());
  child.pop_back();  // Line end.
  const auto deadline = std::chrono::steady_clock::now() + seconds(10);
  while (runs(child) && std::chrono::steady_clock::now() < deadline) sched_yield();
  EXPECT_FALSE(runs(child)) << "child " << child;
}

TEST_F(SendmailSenderTest, AProgramThatIgnoresSigtermIsKilled) {
  const auto outcome = run("trap '' TERM; while :; do sleep 60; done", milliseconds(300));
  EXPECT_EQ(outcome.kind, OutcomeKind::temporary);
}

// The MTA may start a daemon that keeps standard error open.
TEST_F(SendmailSenderTest, WaitsForTheProgramNotForWhatItLeavesBehind) {
  const auto before = std::chrono::steady_clock::now();
  EXPECT_TRUE(run("cat >/dev/null; sleep 5 & exit 0").delivered());
  EXPECT_LT(std::chrono::steady_clock::now() - before, seconds(4));
}

TEST_F(SendmailSenderTest, ASignalIsTemporary) {
  const auto outcome = run("cat >/dev/null; kill -9 $$");
  EXPECT_EQ(outcome.kind, OutcomeKind::temporary);
  EXPECT_NE(outcome.text.find("signal 9"), std::string::npos) << outcome.text;
}

TEST_F(SendmailSenderTest, AMissingProgramIsTemporaryAndNamed) {
  const auto outcome = SendmailSender(dir_.file("nothing"), "tls@us.example").send(mail);
  EXPECT_EQ(outcome.kind, OutcomeKind::temporary);
  EXPECT_NE(outcome.text.find("nothing"), std::string::npos) << outcome.text;
}

TEST_F(SendmailSenderTest, RefusesARecipientThatIsNoAddress) {
  SendmailSender sender(program("touch \"$dir/ran\""), "tls@us.example");
  for (const std::string& bad : {std::string(), std::string("a\nb@c.example"),
                                 std::string("a\0b@c.example", 13), std::string(400, 'a')}) {
    EXPECT_EQ(sender.send({"x\r\n", bad, "", ""}).kind, OutcomeKind::permanent);
  }
  EXPECT_FALSE(dir_.names().contains("ran"));
}

}  // namespace
}  // namespace tlsrpt::reporter
