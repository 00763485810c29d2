// ServerProcess: a real server that a test starts and that is gone when the test is.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "policy/unique_fd.h"

extern char** environ;

namespace tlsrpt::testing_support {

class ServerProcess {
 public:
  // Starts ARGUMENTS[0], found in PATH.
  explicit ServerProcess(std::vector<std::string> arguments) {
    std::array<int, 2> to_child{};
    std::array<int, 2> from_child{};
    if (::pipe2(to_child.data(), O_CLOEXEC) != 0 || ::pipe2(from_child.data(), O_CLOEXEC) != 0) {
      throw std::runtime_error("pipe2 failed");
    }
    const policy::UniqueFd child_in(to_child[0]);
    const policy::UniqueFd child_out(from_child[1]);
    input_.reset(to_child[1]);
    output_.reset(from_child[0]);
    posix_spawn_file_actions_t actions{};
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, child_in.get(), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, child_out.get(), STDOUT_FILENO);
    std::vector<char*> argv;
    for (std::string& each : arguments) argv.push_back(each.data());
    argv.push_back(nullptr);
    const int problem =
        ::posix_spawnp(&pid_, argv.front(), &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (problem != 0) throw std::runtime_error("cannot start " + arguments.front());
  }
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;
  ~ServerProcess() { stop(); }

  // The next line of its standard output; waits for it.
  std::string read_line() {
    std::string line;
    for (char c = 0;;) {
      const ssize_t got = ::read(output_.get(), &c, 1);
      if (got <= 0) throw std::runtime_error("server ended after saying: " + line);
      if (c == '\n') return line;
      line += c;
    }
  }
  std::uint16_t read_port() {
    const std::string line = read_line();
    std::uint16_t port = 0;
    std::from_chars(line.data(), line.data() + line.size(), port);
    if (port == 0) throw std::runtime_error("server gave no port but: " + line);
    return port;
  }

  pid_t pid() const { return pid_; }

  void stop() {
    if (pid_ <= 0) return;
    input_.reset();
    ::kill(pid_, SIGTERM);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
  policy::UniqueFd input_;
  policy::UniqueFd output_;
};

}  // namespace tlsrpt::testing_support
