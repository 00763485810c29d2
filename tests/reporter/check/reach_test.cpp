#include "reporter/check/reach.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <thread>

#include "policy/unique_fd.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

TEST(Reach, FilesAndStores) {
  const testing_support::TempDir dir;
  dir.write("log", "");
  EXPECT_EQ(reading_problem(dir.file("log")), "");
  EXPECT_THAT(reading_problem(dir.file("absent")), HasSubstr("absent: No such file"));
  ASSERT_EQ(::mkfifo(dir.file("pipe").c_str(), 0600), 0);
  EXPECT_THAT(reading_problem(dir.file("pipe")), HasSubstr("pipe: is no plain file"));
  EXPECT_EQ(writing_problem(dir.file("store.sqlite")), "");
  EXPECT_FALSE(fs::exists(dir.file("store.sqlite")));
  EXPECT_THAT(writing_problem(dir.file("absent/store.sqlite")), HasSubstr("No such file"));
}

TEST(Reach, Transports) {
  const testing_support::TempDir dir;
  EXPECT_EQ(transport_problem("sendmail:/bin/true"), "");
  EXPECT_THAT(transport_problem("sendmail:" + dir.write("x", "")), HasSubstr("Permission denied"));
  EXPECT_EQ(transport_problem("directory:" + dir.path().string()), "");
  EXPECT_THAT(transport_problem("directory:" + dir.file("absent")), HasSubstr("No such file"));
  EXPECT_THAT(transport_problem("smtp://[127.0.0.1]:1"), HasSubstr("refused"));
}

TEST(Reach, WhoeverHasADatagramSocket) {
  const testing_support::TempDir dir;
  const std::string path = dir.file("t.sock");
  EXPECT_FALSE(has_datagram_listener(path));
  EXPECT_FALSE(has_datagram_listener("none"));
  EXPECT_FALSE(has_datagram_listener(std::string(200, 'x')));
  {
    const policy::UniqueFd other(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(path.begin(), path.end(), std::begin(address.sun_path));
    ASSERT_EQ(::bind(other.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_TRUE(has_datagram_listener(path));
  }
  EXPECT_FALSE(has_datagram_listener(path)) << "only its file is left";
}

TEST(Reach, AServerHasToGreet) {
  const policy::UniqueFd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(place);
  ASSERT_EQ(::bind(server.get(), reinterpret_cast<sockaddr*>(&place), size), 0);
  ASSERT_EQ(::listen(server.get(), 1), 0);
  ASSERT_EQ(::getsockname(server.get(), reinterpret_cast<sockaddr*>(&place), &size), 0);
  const std::string transport = "smtp://127.0.0.1:" + std::to_string(ntohs(place.sin_port));
  for (const std::string greeting : {"220 mx ESMTP\r\n", "554 go away\r\n"}) {
    const std::jthread thread([&server, &greeting] {
      const policy::UniqueFd client(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
      EXPECT_EQ(::send(client.get(), greeting.data(), greeting.size(), 0),
                static_cast<ssize_t>(greeting.size()));
    });
    EXPECT_EQ(transport_problem(transport).empty(), greeting.starts_with("220")) << greeting;
  }
}

// What milter_silence() says of a server that answers with ANSWER.
std::string silence_of(const std::string& answer) {
  const testing_support::TempDir dir;
  const std::string path = dir.file("m.sock");
  const policy::UniqueFd server(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un place{};
  place.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), place.sun_path);
  EXPECT_EQ(::bind(server.get(), reinterpret_cast<sockaddr*>(&place), sizeof(place)), 0);
  EXPECT_EQ(::listen(server.get(), 1), 0);
  const std::jthread thread([&server, &answer] {
    const policy::UniqueFd client(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
    std::string offer(17, '\0');
    EXPECT_EQ(::recv(client.get(), offer.data(), offer.size(), MSG_WAITALL), 17);
    EXPECT_EQ(offer.substr(3, 6), std::string("\x0DO\0\0\0\x06", 6));
    // In two parts, as a stream may bring it.
    ::send(client.get(), answer.data(), answer.size() / 2, MSG_NOSIGNAL);
    ::send(client.get(), answer.data() + answer.size() / 2, answer.size() - answer.size() / 2,
           MSG_NOSIGNAL);
  });
  return milter_silence("unix:" + path);
}

TEST(Reach, AMilterHasToAgreeWithoutRights) {
  const auto answer = [](char command, char actions) {
    std::string text("\0\0\0\x0DO\0\0\0\x06\0\0\0\0\0\0\x47\xD3", 17);
    text[4] = command;
    text[12] = actions;
    return text;
  };
  EXPECT_EQ(silence_of(answer('O', 0)), "");
  EXPECT_THAT(silence_of(answer('O', 1)), HasSubstr("changes mail"));
  EXPECT_THAT(silence_of(answer('x', 0)), HasSubstr("no milter"));
  EXPECT_THAT(silence_of("220 mx"), HasSubstr("hangs up"));
  EXPECT_THAT(milter_silence("unix:/nowhere/m.sock"), HasSubstr("No such file"));
  EXPECT_THAT(milter_silence("unix:/" + std::string(200, 'x')), HasSubstr("too long"));
  EXPECT_THAT(milter_silence("inet:1@127.0.0.1"), HasSubstr("refused"));
  EXPECT_EQ(milter_silence("none"), "");
}

}  // namespace
}  // namespace tlsrpt::reporter
