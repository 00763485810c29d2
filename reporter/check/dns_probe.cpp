#include "reporter/check/dns_probe.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>
#include <string_view>

#include "policy/ip_address.h"
#include "policy/text.h"
#include "policy/unique_fd.h"

namespace tlsrpt::reporter {
namespace {

constexpr int answer_timeout_ms = 5'000;

// RFC 1035, 4.1: id, flags RD and AD (RFC 6840, 5.7: "tell me"), one question: ". NS IN".
std::array<unsigned char, 17> root_question(unsigned char id_high, unsigned char id_low) {
  return {id_high, id_low, 0x01, 0x20, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1};
}

}  // namespace

Validation ask_for_root(const std::string& address, unsigned short port) {
  const auto parsed = policy::IpAddress::parse(address);
  if (!parsed) return Validation::failed;
  sockaddr_storage place{};
  socklen_t size = 0;
  if (parsed->is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    ::inet_pton(AF_INET, address.c_str(), &v4.sin_addr);
    std::memcpy(&place, &v4, sizeof(v4));
    size = sizeof(v4);
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    ::inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr);
    std::memcpy(&place, &v6, sizeof(v6));
    size = sizeof(v6);
  }
  const policy::UniqueFd server(::socket(place.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  // Connected: answers of others are not taken.
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): how sockets take addresses.
  if (!server.valid() || ::connect(server.get(), reinterpret_cast<sockaddr*>(&place), size) != 0)
    return Validation::failed;
  std::array<unsigned char, 2> id{};
  if (::getrandom(id.data(), id.size(), 0) != static_cast<ssize_t>(id.size()))
    return Validation::failed;
  const auto question = root_question(id[0], id[1]);
  if (::send(server.get(), question.data(), question.size(), 0) < 0) return Validation::failed;
  pollfd watched{server.get(), POLLIN, 0};
  std::array<unsigned char, 4096> answer{};
  if (::poll(&watched, 1, answer_timeout_ms) != 1) return Validation::failed;
  const ssize_t got = ::recv(server.get(), answer.data(), answer.size(), 0);
  constexpr ssize_t header_size = 12;
  if (got < header_size || answer[0] != id[0] || answer[1] != id[1]) return Validation::failed;
  const unsigned code = answer[3] & 0x0FU;
  if (code != 0) return Validation::failed;
  return (answer[3] & 0x20U) != 0 ? Validation::secure : Validation::insecure;
}

std::vector<std::string> name_servers(const std::string& resolv_conf) {
  std::vector<std::string> servers;
  std::ifstream file(resolv_conf);
  for (std::string line; std::getline(file, line);) {
    const auto words = policy::split_words(line);
    if (words.size() >= 2 && words[0] == "nameserver") servers.emplace_back(words[1]);
  }
  if (servers.empty()) servers.emplace_back("127.0.0.1");
  return servers;
}

}  // namespace tlsrpt::reporter
