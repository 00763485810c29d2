#include "reporter/deliver/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <system_error>
#include <utility>

#include "policy/text.h"
#include "policy/unique_fd.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Result;
using policy::UniqueFd;
using SteadyTime = std::chrono::steady_clock::time_point;

Error system_error(const std::string& what, int number) {
  return {number == ENOENT ? Errc::not_found : Errc::io,
          what + ": " + std::generic_category().message(number)};
}

struct Pipe {
  UniqueFd reader;
  UniqueFd writer;
};

std::optional<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// A file without a name that holds TEXT whole before anybody reads it. A pipe would do for a child
// that outlives us, but if we are killed while we fill it, the child takes the part, or nothing at
// all, for everything. Invalid where the kernel refuses, with errno set.
UniqueFd make_input(std::string_view text) {
  UniqueFd file(::memfd_create("input", MFD_CLOEXEC));
  while (file.valid() && !text.empty()) {
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return {};
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (file.valid() && ::lseek(file.get(), 0, SEEK_SET) != 0) return {};
  return file;
}

class SpawnActions {
 public:
  SpawnActions() { posix_spawn_file_actions_init(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  ~SpawnActions() { posix_spawn_file_actions_destroy(&actions_); }
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

class SpawnAttributes {
 public:
  // Signals as at login, whatever we block or ignore, and a process group of its own.
  SpawnAttributes() {
    posix_spawnattr_init(&attributes_);
    sigset_t none{};
    sigemptyset(&none);
    sigset_t all{};
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  ~SpawnAttributes() { posix_spawnattr_destroy(&attributes_); }
  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

// glibc 2.36 declares pidfd_open() without extern "C"; so the system call itself.
int open_pidfd(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

// A started program; killed with its group and waited for unless it has ended.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid), pidfd_(open_pidfd(pid)) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (!ended_) {
      signal_group(SIGKILL);
      wait(0);
    }
  }

  // Becomes readable when the program ends; -1 where the kernel does not offer that.
  int pidfd() const { return pidfd_.get(); }
  bool ended() const { return ended_; }
  int status() const { return status_; }

  // Sees whether it has ended (OPTIONS as for waitpid).
  void wait(int options) {
    while (!ended_) {
      const pid_t got = ::waitpid(pid_, &status_, options);
      if (got < 0 && errno == EINTR) continue;
      ended_ = got == pid_ || got < 0;  // ECHILD: somebody ignores SIGCHLD; it is gone.
      lost_ = got < 0;
      return;
    }
  }
  // Whether its end was seen but not how it ended.
  bool lost() const { return lost_; }

  void signal_group(int signal) const { ::kill(-pid_, signal); }

 private:
  pid_t pid_;
  UniqueFd pidfd_;
  bool ended_ = false;
  bool lost_ = false;
  int status_ = 0;
};

// One stream that a child writes, of which the first LIMIT bytes are kept.
class Listener {
 public:
  Listener(UniqueFd fd, std::size_t limit) : fd_(std::move(fd)), limit_(limit) {}

  int fd() const { return fd_.get(); }
  std::string& said() { return said_; }

  // Everything that is there now; what is beyond the limit is read and dropped, so that the child
  // is never stuck.
  void take() {
    std::array<char, 4096> buffer{};
    while (fd_.valid()) {
      const ssize_t got = ::read(fd_.get(), buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) {
        fd_.reset();
        return;
      }
      const std::size_t room = limit_ - std::min(limit_, said_.size());
      said_.append(buffer.data(), std::min(room, static_cast<std::size_t>(got)));
    }
  }

 private:
  UniqueFd fd_;
  std::size_t limit_;
  std::string said_;
};

// Takes what a child says, until it has ended.
class Conversation {
 public:
  Conversation(Child& child, Listener errors, Listener output)
      : child_(child), errors_(std::move(errors)), output_(std::move(output)) {}

  // Until the child ends or DEADLINE; an errno where poll(2) fails.
  int run_until(SteadyTime deadline) {
    while (!child_.ended()) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0) return 0;
      if (const int problem = step(left)) return problem;
    }
    errors_.take();
    output_.take();
    return 0;
  }

  std::string& errors() { return errors_.said(); }
  std::string& output() { return output_.said(); }

 private:
  // Without a pidfd the end shows in the closed pipes, or at the next look.
  static constexpr std::chrono::milliseconds look_again{50};

  int step(std::chrono::milliseconds left) {
    std::array<pollfd, 3> watched{
        {{errors_.fd(), POLLIN, 0}, {output_.fd(), POLLIN, 0}, {child_.pidfd(), POLLIN, 0}}};
    if (child_.pidfd() < 0) left = std::min(left, look_again);
    const auto wait_ms = static_cast<int>(std::min<std::int64_t>(left.count(), 60'000));
    if (::poll(watched.data(), watched.size(), wait_ms) < 0) return errno == EINTR ? 0 : errno;
    if (watched[0].revents != 0) errors_.take();
    if (watched[1].revents != 0) output_.take();
    if (watched[2].revents != 0 || child_.pidfd() < 0) child_.wait(WNOHANG);
    return 0;
  }

  Child& child_;
  Listener errors_;
  Listener output_;
};

// Starts the program with the given standard streams, OUTPUT -1 for /dev/null; 0 or an errno.
int spawn(const std::vector<std::string>& arguments, int input, int errors, int output,
          pid_t* pid) {
  SpawnActions actions;
  // dup2 clears close-on-exec, also where both numbers are equal (glibc 2.29).
  if (int problem = posix_spawn_file_actions_adddup2(actions.get(), input, STDIN_FILENO)) {
    return problem;
  }
  if (int problem = posix_spawn_file_actions_adddup2(actions.get(), errors, STDERR_FILENO)) {
    return problem;
  }
  if (int problem = output >= 0
                        ? posix_spawn_file_actions_adddup2(actions.get(), output, STDOUT_FILENO)
                        : posix_spawn_file_actions_addopen(actions.get(), STDOUT_FILENO,
                                                           "/dev/null", O_WRONLY, 0)) {
    return problem;
  }
  // What somebody left open for us without close-on-exec is no business of the MTA's.
  if (int problem = posix_spawn_file_actions_addclosefrom_np(actions.get(), STDERR_FILENO + 1)) {
    return problem;
  }
  const SpawnAttributes attributes;
  std::vector<std::string> copies = arguments;
  std::vector<char*> argv;
  argv.reserve(copies.size() + 1);
  for (std::string& each : copies) argv.push_back(each.data());
  argv.push_back(nullptr);
  std::string path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  std::string locale = "LC_ALL=C";
  const std::array<char*, 3> environment{path.data(), locale.data(), nullptr};
  return ::posix_spawn(pid, argv.front(), actions.get(), attributes.get(), argv.data(),
                       environment.data());
}

void set_nonblocking(const UniqueFd& fd) { ::fcntl(fd.get(), F_SETFL, O_NONBLOCK); }

// FD, or a copy that does not collide with the numbers that the child's standard streams get.
UniqueFd above_standard(UniqueFd fd) {
  if (fd.get() > STDERR_FILENO || !fd.valid()) return fd;
  return UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

}  // namespace

Result<ChildResult> run_child(const std::vector<std::string>& arguments, std::string_view input,
                              std::chrono::milliseconds timeout, std::size_t max_output) {
  const std::string name = policy::escape_untrusted(arguments.at(0));
  const UniqueFd child_input = above_standard(make_input(input));
  if (!child_input.valid()) return system_error("cannot make the input of " + name, errno);
  auto error_pipe = make_pipe();
  auto output_pipe = max_output > 0 ? make_pipe() : Pipe();
  if (!error_pipe || !output_pipe) {
    return system_error("cannot make a pipe for " + name, errno);
  }
  UniqueFd child_errors = above_standard(std::move(error_pipe->writer));
  UniqueFd child_output;
  if (max_output > 0) child_output = above_standard(std::move(output_pipe->writer));
  if (!child_errors.valid() || (max_output > 0 && !child_output.valid())) {
    return system_error("cannot make a pipe for " + name, errno);
  }
  set_nonblocking(error_pipe->reader);
  if (max_output > 0) set_nonblocking(output_pipe->reader);

  pid_t pid = -1;
  if (const int problem =
          spawn(arguments, child_input.get(), child_errors.get(), child_output.get(), &pid)) {
    return system_error("cannot run " + name, problem);
  }
  Child child(pid);
  child_errors.reset();
  child_output.reset();

  Conversation conversation(child, Listener(std::move(error_pipe->reader), max_child_errors),
                            Listener(std::move(output_pipe->reader), max_output));
  ChildResult result;
  int problem = conversation.run_until(std::chrono::steady_clock::now() + timeout);
  if (problem == 0 && !child.ended()) {
    result.timed_out = true;
    child.signal_group(SIGTERM);
    problem = conversation.run_until(std::chrono::steady_clock::now() + child_grace);
    child.signal_group(SIGKILL);  // The group may outlive its leader.
    child.wait(0);
  }
  if (problem != 0) return system_error("cannot watch " + name, problem);
  if (child.lost()) return system_error("cannot wait for " + name, ECHILD);
  // The child's place in the file is ours, too.
  result.read_all = ::lseek(child_input.get(), 0, SEEK_CUR) == static_cast<off_t>(input.size());
  result.errors = std::move(conversation.errors());
  result.output = std::move(conversation.output());
  if (WIFEXITED(child.status())) result.exit_status = WEXITSTATUS(child.status());
  if (WIFSIGNALED(child.status())) result.signal = WTERMSIG(child.status());
  return result;
}

}  // namespace tlsrpt::reporter
