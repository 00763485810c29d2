// Unbound: a real name server on 127.0.0.1 with an unprivileged port, for the time of a test.
//
// It answers for the zone "example." from the text given, refuses "refused.test." and says SERVFAIL
// for "servfail.test." (delegated to an address that it may not ask). UDP answers are cut at 1,232
// octets, so that longer ones have to come over TCP.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include "policy/unique_fd.h"

namespace tlsrpt::testing_support {

// A socket bound to PORT of 127.0.0.1 (0: a free one); port() is 0 where that failed.
class LoopbackSocket {
 public:
  explicit LoopbackSocket(int type, std::uint16_t port = 0)
      : fd_(socket(AF_INET, type | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = at_port(port);
    socklen_t length = sizeof address;
    if (bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), length) == 0 &&
        getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0) {
      port_ = ntohs(address.sin_port);
    }
  }
  static sockaddr_in at_port(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
  }

  int fd() const { return fd_.get(); }
  std::uint16_t port() const { return port_; }

 private:
  policy::UniqueFd fd_;
  std::uint16_t port_ = 0;
};

// A port of 127.0.0.1 that was free for UDP and TCP a moment ago.
inline std::uint16_t free_port() {
  for (int i = 0; i < 100; ++i) {
    const LoopbackSocket udp(SOCK_DGRAM);
    const LoopbackSocket tcp(SOCK_STREAM, udp.port());
    if (udp.port() != 0 && tcp.port() == udp.port()) return udp.port();
  }
  return 0;
}

class Unbound {
  struct Private {};  // Only start() makes servers.

 public:
  // Starts the server with ZONE (master file text of "example.") and waits until it serves. None
  // where unbound is not installed or does not start.
  static std::unique_ptr<Unbound> start(std::string_view zone) {
    constexpr std::string_view binary = "/usr/sbin/unbound";
    if (!std::filesystem::exists(binary)) return nullptr;
    // Another process may take the port between the look and the start.
    for (int i = 0; i < 3; ++i) {
      auto server = std::make_unique<Unbound>(Private{}, zone);
      if (server->spawn(std::string(binary))) return server;
    }
    return nullptr;
  }

  Unbound(Private /*unused*/, std::string_view zone) : port_(free_port()) {
    std::string name = (std::filesystem::temp_directory_path() / "tlsrpt-unbound-XXXXXX").string();
    directory_ = mkdtemp(name.data());
    std::ofstream(directory_ / "example.zone")
        << "$ORIGIN example.\n$TTL 60\n@ SOA ns hostmaster 1 60 60 60 60\n@ NS ns\n"
        << "ns A 127.0.0.1\n"
        << zone;
    std::ofstream(directory_ / "unbound.conf")
        << "server:\n  interface: 127.0.0.1\n  port: " << port_ << "\n  directory: \""
        << directory_.string()
        << "\"\n  chroot: \"\"\n  username: \"\"\n  pidfile: \"\"\n  use-syslog: no\n"
           "  logfile: \"\"\n  verbosity: 1\n  do-daemonize: no\n  module-config: \"iterator\"\n"
           "  num-threads: 1\n  do-ip6: no\n  access-control: 127.0.0.0/8 allow\n"
           "  max-udp-size: 1232\n  edns-buffer-size: 1232\n  do-not-query-localhost: yes\n"
           "  local-zone: \"test.\" transparent\n  local-zone: \"refused.test.\" refuse\n"
           "  local-zone: \"invalid.\" static\n"
           "auth-zone:\n  name: \"example.\"\n  zonefile: \"example.zone\"\n"
           "  for-downstream: yes\n  for-upstream: no\n  fallback-enabled: no\n"
           "stub-zone:\n  name: \"servfail.test.\"\n  stub-addr: 127.0.0.1\n"
           "remote-control:\n  control-enable: no\n";
  }

  ~Unbound() {
    if (child_ > 0) {
      kill(child_, SIGTERM);
      while (waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  Unbound(const Unbound&) = delete;
  Unbound& operator=(const Unbound&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  bool spawn(const std::string& binary) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    policy::UniqueFd writing(ends[1]);
    // Kept open: the server would die of writing to a closed pipe.
    log_.reset(ends[0]);
    const std::string config = (directory_ / "unbound.conf").string();
    child_ = fork();
    if (child_ == 0) {
      dup2(writing.get(), STDERR_FILENO);
      execl(binary.c_str(), "unbound", "-d", "-c", config.c_str(), nullptr);
      _exit(127);
    }
    writing.reset();  // Else the end of a server that failed would not be seen.
    return child_ > 0 && wait_for(log_.get(), "start of service");
  }

  // Reads until TEXT has come, at most ten seconds.
  static bool wait_for(int fd, std::string_view text) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    std::string seen;
    std::array<char, 4096> buffer{};
    while (std::chrono::steady_clock::now() < until) {
      pollfd entry{fd, POLLIN, 0};
      if (poll(&entry, 1, 1000) <= 0) continue;
      const ssize_t count = read(fd, buffer.data(), buffer.size());
      if (count <= 0) return false;
      seen.append(buffer.data(), static_cast<std::size_t>(count));
      if (seen.find(text) != std::string::npos) return true;
    }
    return false;
  }

  std::filesystem::path directory_;
  std::uint16_t port_;
  pid_t child_ = -1;
  policy::UniqueFd log_;
};

}  // namespace tlsrpt::testing_support
