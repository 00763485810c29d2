#include "milter/service_manager.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "milter/mail/unix_address.h"
#include "policy/unique_fd.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {
namespace {

class ServiceManagerTest : public testing::Test {
 protected:
  ServiceManagerTest() {
    const std::string path = folder_.file("notify");
    EXPECT_EQ(UnixAddress(path).bind(socket_.get()), 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  ~ServiceManagerTest() override {
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("WATCHDOG_USEC");
  }
  std::vector<std::string> heard() const {
    std::vector<std::string> words;
    std::array<char, 4096> buffer{};
    ssize_t size = 0;
    while ((size = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT)) >= 0)
      words.emplace_back(buffer.data(), static_cast<std::size_t>(size));
    return words;
  }

 private:
  testing_support::TempDir folder_;
  policy::UniqueFd socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};

using Words = std::vector<std::string>;

TEST_F(ServiceManagerTest, TellsEachChange) {
  ServiceManager service;
  service.ready();
  service.status("one\nREADY=1");
  service.status("one\nREADY=1");
  service.status("two");
  service.stopping();
  EXPECT_EQ(heard(), (Words{"READY=1", "STATUS=one\\u{a}READY=1", "STATUS=two", "STOPPING=1"}));
  service.reloading();
  const Words words = heard();
  ASSERT_EQ(words.size(), 1U);
  EXPECT_EQ(words[0].find("RELOADING=1\nMONOTONIC_USEC="), 0U) << words[0];
}

TEST_F(ServiceManagerTest, IsAliveAsOftenAsTheWatchdogWantsAndNotMore) {
  ServiceManager without;
  without.alive();
  EXPECT_EQ(heard(), Words{});
  ::setenv("WATCHDOG_USEC", "3600000000", 1);
  ServiceManager with;
  for (int round = 0; round < 1000; ++round) with.alive();
  EXPECT_EQ(heard(), Words{"WATCHDOG=1"});
}

}  // namespace
}  // namespace tlsrpt::milter
