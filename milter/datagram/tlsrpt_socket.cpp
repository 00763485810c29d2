#include "milter/datagram/tlsrpt_socket.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "milter/mail/unix_address.h"

namespace tlsrpt::milter {
namespace {

using policy::Errc;
using policy::Error;
using policy::UniqueFd;

UniqueFd make_socket() {
  return UniqueFd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

// The kernel tells the pid of whoever sends from now on, and when that was.
void ask_for_sender_and_time(int socket) {
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  ::setsockopt(socket, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof on);
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
