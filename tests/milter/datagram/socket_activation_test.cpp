#include "milter/datagram/socket_activation.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>

#include "milter/mail/unix_address.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::milter {
namespace {

class SocketActivationTest : public testing::Test {
 protected:
  // Whether CHECK holds in a process that has SOCKETS at descriptor 3 and following, as systemd
  // leaves them, with LISTEN_PID of that process.
  static bool holds(const std::vector<int>& sockets, const std::function<bool()>& check) {
    const pid_t child = ::fork();
    if (child == 0) {
      std::vector<int> high;
      for (const int each : sockets) high.push_back(::fcntl(each, F_DUPFD, 100));
      for (std::size_t i = 0; i < high.size(); ++i) ::dup2(high[i], static_cast<int>(3 + i));
      ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
      ::setenv("LISTEN_FDS", std::to_string(sockets.size()).c_str(), 1);
      ::_exit(check() ? 0 : 1);
    }
    int status = 1;
    ::waitpid(child, &status, 0);
    return status == 0;
  }
  policy::UniqueFd bound(int type) const {
    policy::UniqueFd socket(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    EXPECT_EQ(UnixAddress(path()).bind(socket.get()), 0);
    return socket;
  }
  std::string path() const { return folder_.file("t.sock"); }

  testing_support::TempDir folder_;
};

TEST_F(SocketActivationTest, TakesTheDatagramSocketOfThePath) {
  const auto socket = bound(SOCK_DGRAM);
  EXPECT_TRUE(holds({socket.get()}, [this] {
    const HandedOver handed_over = take_handed_over(path());
    return handed_over.socket.get() == 3 && handed_over.notices.empty() &&
           (::fcntl(3, F_GETFD) & FD_CLOEXEC) != 0 && ::getenv("LISTEN_FDS") == nullptr;
  }));
}

TEST_F(SocketActivationTest, SaysWhatIsNotWantedAndClosesIt) {
  const auto socket = bound(SOCK_DGRAM);
  for (const std::string& wanted : {std::string("none"), folder_.file("other.sock")}) {
    EXPECT_TRUE(holds({socket.get()}, [wanted] {
      const HandedOver handed_over = take_handed_over(wanted);
      return !handed_over.socket.valid() && handed_over.notices.size() == 1 &&
             ::fcntl(3, F_GETFD) < 0;
    }));
  }
}

TEST_F(SocketActivationTest, AStreamSocketIsNone) {
  const auto socket = bound(SOCK_STREAM);
  EXPECT_TRUE(holds({socket.get()}, [this] { return !take_handed_over(path()).socket.valid(); }));
}

TEST_F(SocketActivationTest, NothingIsHandedOverByDefault) {
  const HandedOver handed_over = take_handed_over(path());
  EXPECT_FALSE(handed_over.socket.valid());
  EXPECT_TRUE(handed_over.notices.empty());
}

}  // namespace
}  // namespace tlsrpt::milter
