#include "reporter/check/dns_probe.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <thread>

#include "policy/unique_fd.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

// What is made of an answer whose fourth octet (AD, response code) is FLAGS.
Validation answered_with(unsigned char flags) {
  const policy::UniqueFd server(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(place);
  EXPECT_EQ(::bind(server.get(), reinterpret_cast<sockaddr*>(&place), size), 0);
  EXPECT_EQ(::getsockname(server.get(), reinterpret_cast<sockaddr*>(&place), &size), 0);
  const std::jthread thread([&server, flags] {
    std::array<unsigned char, 512> question{};
    sockaddr_in from{};
    socklen_t from_size = sizeof(from);
    const ssize_t got = ::recvfrom(server.get(), question.data(), question.size(), 0,
                                   reinterpret_cast<sockaddr*>(&from), &from_size);
    EXPECT_EQ(got, 17);  // A header and the root's name.
    question[2] = 0x81;
    question[3] = flags;
    ::sendto(server.get(), question.data(), static_cast<std::size_t>(got), 0,
             reinterpret_cast<sockaddr*>(&from), from_size);
  });
  return ask_for_root("127.0.0.1", ntohs(place.sin_port));
}

TEST(DnsProbe, TellsByTheAdFlag) {
  EXPECT_TRUE(answered_with(0xA0) == Validation::secure);
  EXPECT_TRUE(answered_with(0x80) == Validation::insecure);
  EXPECT_TRUE(answered_with(0x82) == Validation::failed);  // SERVFAIL
  EXPECT_TRUE(ask_for_root("nonsense", 53) == Validation::failed);
}

TEST(DnsProbe, KnowsTheServersOfAFile) {
  const testing_support::TempDir dir;
  const std::string file =
      dir.write("resolv.conf", "# x\nnameserver 127.255.255.254\nnameserver 127.0.0.2\n");
  EXPECT_EQ(name_servers(file), (std::vector<std::string>{"127.255.255.254", "127.0.0.2"}));
  EXPECT_EQ(name_servers(dir.file("absent")), std::vector<std::string>{"127.0.0.1"});
}

}  // namespace
}  // namespace tlsrpt::reporter
