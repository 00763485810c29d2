#include "milter/datagram/tlsrpt_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "milter/mail/unix_address.h"

namespace tlsrpt::milter {
namespace {

using policy::Errc;
using policy::Error;
using policy::UniqueFd;
using reporter::SocketObstacle;

UniqueFd make_socket() {
  return UniqueFd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

// The kernel tells the pid of whoever sends from now on, and when that was.
void ask_for_sender_and_time(int socket) {
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  ::setsockopt(socket, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof on);
}

// Whether we, the effective user, may do what MODE says with PATH: 0, or errno.
int access_problem(const std::string& path, int mode) {
  return ::faccessat(AT_FDCWD, path.c_str(), mode, AT_EACCESS) == 0 ? 0 : errno;
}

bool is_other_file(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && !S_ISSOCK(status.st_mode);
}

}  // namespace

policy::Result<std::unique_ptr<TlsrptSocket>> TlsrptSocket::make(SocketFileOptions options) {
  options.type = SOCK_DGRAM;
  const std::string path = options.path;
  auto file = std::make_unique<SocketFile>(std::move(options));
  if (auto status = file->clear_temporary(); !status) return std::move(status).error();
  UniqueFd socket = make_socket();
  ask_for_sender_and_time(socket.get());
  {
    const PrivateUmask nobody_else;
    if (UnixAddress(file->temporary()).bind(socket.get()) != 0) {
      const int problem = errno;
      return Error(Errc::io, path + ": " + std::generic_category().message(problem));
    }
  }
  if (auto status = file->publish(); !status) return std::move(status).error();
  const std::string lasting = file->lasting_path();
  std::unique_ptr<TlsrptSocket> made(new TlsrptSocket(std::move(socket), std::move(file)));
  made->connect_probe(lasting);
  return made;
}

SocketObstacle TlsrptSocket::obstacle(const SocketFileOptions& options, const Error& error) {
  const std::string temporary = SocketFile(options).temporary();
  if (error.code() == Errc::temporary) {
    const bool may_ask =
        access_problem(options.path, W_OK) != EACCES && access_problem(temporary, W_OK) != EACCES;
    return may_ask ? SocketObstacle::listener : SocketObstacle::hidden;
  }
  if (error.code() == Errc::not_found) return SocketObstacle::no_group;
  const auto folder = std::filesystem::path(options.path).parent_path();
  switch (access_problem(folder.string(), W_OK | X_OK)) {
    case 0:
      if (is_other_file(options.path) || is_other_file(temporary)) return SocketObstacle::no_socket;
      return options.group.empty() ? SocketObstacle::other : SocketObstacle::group;
    case ENOENT:
      return SocketObstacle::no_folder;
    case EACCES:
      return SocketObstacle::closed_folder;
    case EROFS:
      return SocketObstacle::read_only;
    default:
      return SocketObstacle::other;
  }
}

std::unique_ptr<TlsrptSocket> TlsrptSocket::adopt(UniqueFd socket, const std::string& path) {
  ask_for_sender_and_time(socket.get());
  std::unique_ptr<TlsrptSocket> made(new TlsrptSocket(std::move(socket), nullptr));
  made->given_path_ = path;
  if (const auto found = SocketFile::identity_of(path)) made->given_ = *found;
  made->connect_probe(path);
  return made;
}

void TlsrptSocket::connect_probe(const std::string& path) {
  probe_ = make_socket();
  if (UnixAddress(path).connect(probe_.get()) != 0) probe_.reset();
}

bool TlsrptSocket::is_in_place() const {
  if (!given_path_) return file_ && file_->is_in_place();
  const auto found = SocketFile::identity_of(*given_path_);
  return given_ && found && *found == *given_;
}

// A connected datagram socket is writable while the queue of its peer has room (unix(7)).
bool TlsrptSocket::is_full() const {
  pollfd probe{probe_.get(), POLLOUT, 0};
  return probe_.valid() && ::poll(&probe, 1, 0) == 0;
}

}  // namespace tlsrpt::milter
