// What the daemon refuses before it follows anything, and the whole of it under load, so that the
// thread sanitizer sees it; everything else is told by collector_daemon_test.cpp and by the
// integration tests.
#include "milter/run_daemon.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <thread>
#include <vector>

#include "reporter/store/collector_lock.h"
#include "reporter/store/store.h"
#include "tests/milter/program_fixture.h"
#include "tests/support/mta.h"

namespace tlsrpt::milter {
namespace {

using std::chrono::steady_clock;
using testing_support::Mta;

constexpr unsigned clients = 20;
constexpr unsigned messages = 40;  // Of each client.

class RunDaemon : public ProgramTest {
 protected:
  std::string socket() const { return folder().file("m.sock"); }

  // A client of Postfix's smtpd(8) with many messages; each third is given up half-way.
  void send_messages(unsigned client) const {
    const Mta mta(socket());
    EXPECT_TRUE(mta.is_connected());
    EXPECT_EQ(mta.negotiate().substr(0, 1), "O");
    for (unsigned number = 0; number < messages; ++number) {
      const std::string queue_id = std::to_string(1000000 + client * 1000 + number);
      mta.say('M', Mta::texts({"<x@elsewhere.example>"}));
      mta.say('L', Mta::texts({"Subject", "load"}));
      mta.say('L', Mta::texts({"TLS-Report-Domain", "a.example"}));
      if (number % 3 == 2) {
        mta.say('A', "");
        continue;
      }
      mta.say('D', Mta::texts({"Ei", queue_id}));
      mta.say('E', "");
      EXPECT_EQ(mta.hear(), "c");
    }
    mta.say('Q', "");
  }
  // Everything at once: clients, a log that grows, options that are read again. Then the end.
  void load() const {
    const auto until = steady_clock::now() + std::chrono::minutes(1);
    while (!Mta(socket()).is_connected() && steady_clock::now() < until) std::this_thread::yield();
    std::vector<std::jthread> threads;
    for (unsigned client = 0; client < clients; ++client)
      threads.emplace_back([this, client] { send_messages(client); });
    for (unsigned time = 0; time < 5; ++time) {
      std::ofstream(log(), std::ios::app) << "2026-11-22T10:00:00Z relay1 postfix/qmgr[7]: 4XyZ: "
                                             "removed\n";
      ::kill(::getpid(), SIGHUP);
    }
    threads.clear();
    ::kill(::getpid(), SIGTERM);
  }
  std::uint64_t untrusted() const {
    const auto store = reporter::open_store(this->store(), reporter::StoreAccess::read_only, {});
    std::uint64_t sum = 0;
    const auto days = (*store)->days();
    for (const policy::UtcDay day : *days) {
      const auto ignored = (*store)->ignored(day);
      for (const auto& [kind, sessions] : *ignored) {
        if (kind == policy::Ignored::report_mail_untrusted) sum += sessions;
      }
    }
    return sum;
  }
  // In a process of its own, as libmilter can be started once only.
  [[noreturn]] void run_under_load() {
    folder().write("mail.log", "");
    const std::string file =
        config("milter_socket_group = " + std::string(::getgrgid(::getegid())->gr_name) + "\n",
               "unix:" + socket());
    int status = 0;
    {
      const std::jthread driver([this] { load(); });
      status = run({"-c", file, "-f"});
    }
    const std::uint64_t expected = clients * (messages - messages / 3);
    std::cerr << err() << "status " << status << ", counted " << untrusted() << " of " << expected
              << '\n';
    std::exit(status == 0 && untrusted() == expected && !HasFailure() ? 0 : 1);
  }
};

TEST_F(RunDaemon, StartedTwiceTheSecondSaysSo) {
  folder().write("mail.log", "");
  const auto lock = reporter::CollectorLock::try_lock(store(), "relay1", "file:" + log());
  ASSERT_TRUE(lock.ok());
  EXPECT_EQ(run({"-c", config(""), "-f"}), reporter::exit_temporary);
  EXPECT_NE(err().find("lock"), std::string::npos);
}

TEST_F(RunDaemon, AStoreOfSomethingElseIsTold) {
  folder().write("mail.log", "");
  folder().write("s.sqlite", std::string(4096, 'x'));
  for (const char* option : {"-f", "--catch-up"}) {
    EXPECT_EQ(run({"-c", config(""), option}), reporter::exit_temporary) << option;
    EXPECT_NE(err().find("s.sqlite"), std::string::npos);
  }
}

TEST_F(RunDaemon, ManyClientsAtOnceLoseNothing) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(run_under_load(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace tlsrpt::milter
