#include "reporter/deliver/child_process.h"

#include <gtest/gtest.h>

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <string>

namespace tlsrpt::reporter {
namespace {

using std::chrono::seconds;

policy::Result<ChildResult> run_script(const std::string& script, std::string_view input) {
  return run_child({"/bin/sh", "-c", script}, input, seconds(20));
}

TEST(ChildProcess, GivesTheInputAndReturnsStatusAndErrors) {
  const auto ran = run_script("cat >&2; exit 7", "some text");
  ASSERT_TRUE(ran.ok());
  EXPECT_EQ(ran->exit_status, 7);
  EXPECT_EQ(ran->signal, 0);
  EXPECT_FALSE(ran->timed_out);
  EXPECT_TRUE(ran->read_all);
  EXPECT_EQ(ran->errors, "some text");
}

TEST(ChildProcess, OutputIsKeptAsFarAsAskedFor) {
  const auto run = [](std::size_t max_output) {
    return run_child({"/bin/sh", "-c", "echo out; echo err >&2; head -c 300000 /dev/zero"}, "",
                     seconds(20), max_output);
  };
  const auto ran = run(6);
  ASSERT_TRUE(ran.ok());
  EXPECT_EQ(ran->exit_status, 0);
  EXPECT_EQ(ran->output, std::string("out\n\0\0", 6));
  EXPECT_EQ(ran->errors, "err\n");
  const auto whole = run(1'000'000);
  ASSERT_TRUE(whole.ok());
  EXPECT_EQ(whole->output.size(), 300'004U);
  const auto none = run(0);
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(none->output, "");
}

TEST(ChildProcess, AnEmptyInputEndsAtOnce) {
  const auto ran = run_script("cat >&2", "");
  ASSERT_TRUE(ran.ok());
  EXPECT_EQ(ran->exit_status, 0);
  EXPECT_TRUE(ran->read_all);
}

// The set that /proc/PID/status shows after LABEL.
std::uint64_t signal_set(const std::string& status, const std::string& label) {
  const std::size_t at = status.find(label);
  if (at == std::string::npos) return ~std::uint64_t{0};
  const char* digits = status.data() + at + label.size();
  std::uint64_t set = ~std::uint64_t{0};
  std::from_chars(digits, status.data() + status.size(), set, 16);
  return set;
}

constexpr std::uint64_t bit(int signal) { return std::uint64_t{1} << (signal - 1); }

TEST(ChildProcess, TheChildHasDefaultSignals) {
  // As a daemon that ignores SIGPIPE and blocks SIGTERM would start it.
  struct sigaction before {};
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  ASSERT_EQ(sigaction(SIGPIPE, &ignore, &before), 0);
  sigset_t term{};
  sigaddset(&term, SIGTERM);
  sigset_t mask{};
  pthread_sigmask(SIG_BLOCK, &term, &mask);
  const auto ran = run_script("grep -E '^Sig(Blk|Ign)' /proc/self/status >&2", "");
  pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  sigaction(SIGPIPE, &before, nullptr);
  ASSERT_TRUE(ran.ok());
  EXPECT_EQ(signal_set(ran->errors, "SigBlk:\t") & bit(SIGTERM), 0U) << ran->errors;
  EXPECT_EQ(signal_set(ran->errors, "SigIgn:\t") & bit(SIGPIPE), 0U) << ran->errors;
}

// A program that finds a part of its input, or none, because we were killed, would send that.
TEST(ChildProcess, TheWholeInputIsThereBeforeTheProgramStarts) {
  const auto ran = run_script("stat -L -c %s /dev/stdin >&2", std::string(1 << 20, 'x'));
  ASSERT_TRUE(ran.ok());
  EXPECT_EQ(ran->errors, "1048576\n");
}

TEST(ChildProcess, SeesThatTheInputWasNotReadToItsEnd) {
  for (const char* script : {"exec <&-; exit 3", "head -c 1000 >/dev/null; exit 3", "exit 3"}) {
    SCOPED_TRACE(script);
    const auto ran = run_script(script, std::string(1 << 20, 'x'));
    ASSERT_TRUE(ran.ok());
    EXPECT_EQ(ran->exit_status, 3);
    EXPECT_FALSE(ran->read_all);
  }
}

TEST(ChildProcess, InheritsNoDescriptors) {
  const auto ran = run_script("ls /proc/self/fd >&2", "");
  ASSERT_TRUE(ran.ok());
  EXPECT_EQ(ran->errors, "0\n1\n2\n3\n");  // 3 is ls(1) reading the directory.
}

TEST(ChildProcess, SaysWhatCannotBeRun) {
  const auto missing = run_child({"/nonexistent/program"}, "", seconds(5));
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code(), policy::Errc::not_found);
  const auto directory = run_child({"/tmp"}, "", seconds(5));
  ASSERT_FALSE(directory.ok());
  EXPECT_EQ(directory.error().code(), policy::Errc::io);
}

}  // namespace
}  // namespace tlsrpt::reporter
