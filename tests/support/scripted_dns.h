// ScriptedDns: a UDP name server in a thread that answers as the test's function says, for the
// answers that no real server gives.
#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "policy/unique_fd.h"
#include "tests/support/unbound.h"

namespace tlsrpt::testing_support {

class ScriptedDns {
 public:
  // The answer to a query, both as on the wire; none: silence.
  using Script = std::function<std::optional<std::string>(std::string query)>;

  explicit ScriptedDns(Script script)
      : socket_(SOCK_DGRAM),
        stop_(eventfd(0, EFD_CLOEXEC)),
        script_(std::move(script)),
        thread_([this] { serve(); }) {}

  ~ScriptedDns() {
    const std::uint64_t one = 1;
    (void)!write(stop_.get(), &one, sizeof one);
    thread_.join();
  }
  ScriptedDns(const ScriptedDns&) = delete;
  ScriptedDns& operator=(const ScriptedDns&) = delete;

  std::uint16_t port() const { return socket_.port(); }
  // Queries that have come.
  unsigned asked() const { return asked_; }

 private:
  void serve() {
    while (true) {
      std::array<pollfd, 2> entries = {pollfd{socket_.fd(), POLLIN, 0},
                                       pollfd{stop_.get(), POLLIN, 0}};
      if (poll(entries.data(), entries.size(), -1) < 0) continue;
      if (entries[1].revents != 0) return;
      std::array<char, 2048> buffer{};
      sockaddr_in client{};
      socklen_t length = sizeof client;
      const ssize_t count = recvfrom(socket_.fd(), buffer.data(), buffer.size(), 0,
                                     reinterpret_cast<sockaddr*>(&client), &length);
      if (count <= 0) continue;
      ++asked_;
      const auto answer = script_(std::string(buffer.data(), static_cast<std::size_t>(count)));
      if (!answer) continue;
      (void)!sendto(socket_.fd(), answer->data(), answer->size(), 0,
                    reinterpret_cast<sockaddr*>(&client), length);
    }
  }

  LoopbackSocket socket_;
  policy::UniqueFd stop_;
  Script script_;
  std::atomic<unsigned> asked_{0};
  std::thread thread_;  // Last: it uses all others.
};

// The query turned into an answer without records and with RCODE. Its OPT record stays, as servers
// that know EDNS have it.
inline std::string answer_with_rcode(std::string query, unsigned rcode) {
  query[2] = static_cast<char>(static_cast<unsigned char>(query[2]) | 0x80U);
  query[3] = static_cast<char>(0x80U | rcode);
  return query;
}

}  // namespace tlsrpt::testing_support
