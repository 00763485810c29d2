#include "milter/background.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>

#include "reporter/command/command.h"

namespace tlsrpt::milter {
namespace {

policy::Error io_error(const char* what) {
  const int problem = errno;
  return {policy::Errc::io, std::string(what) + ": " + std::generic_category().message(problem)};
}

// What the parent ends with: 0 once CHILD has said that it is ready, else as CHILD ended.
int wait_for(pid_t child, int descriptor) {
  char octet = 0;
  ssize_t got = 0;
  do {
    got = ::read(descriptor, &octet, 1);
  } while (got < 0 && errno == EINTR);
  if (got == 1) return reporter::exit_ok;
  int status = 0;
  pid_t ended = 0;
  do {
    ended = ::waitpid(child, &status, 0);
  } while (ended < 0 && errno == EINTR);
  if (ended == child && WIFEXITED(status)) return WEXITSTATUS(status);
  return reporter::exit_software;
}

}  // namespace

policy::Result<Background> Background::enter() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return io_error("pipe");
  const policy::UniqueFd reading(ends[0]);
  policy::UniqueFd writing(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return io_error("fork");
  if (child == 0) return Background(std::move(writing));
  writing.reset();  // Or its end would never be seen.
  ::_exit(wait_for(child, reading.get()));
}

policy::Status Background::leave_terminal() {
  const policy::UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null.valid()) return io_error("/dev/null");
  if (::setsid() < 0) return io_error("setsid");
  if (::chdir("/") != 0) return io_error("/");
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::dup2(null.get(), descriptor) < 0) return io_error("dup2");
  }
  // Who does not wait for us any more need not know.
  const char octet = '\n';
  (void)!::write(parent_.get(), &octet, 1);
  parent_.reset();
  return policy::Unit{};
}

}  // namespace tlsrpt::milter
