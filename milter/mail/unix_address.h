// UnixAddress: the address of a UNIX socket, as the socket interface wants it.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string_view>

namespace tlsrpt::milter {

class UnixAddress {
 public:
  // A PATH that is too long (107 bytes fit) leads nowhere: bind(2) and connect(2) refuse it.
  explicit UnixAddress(std::string_view path) {
    address_.sun_family = AF_UNIX;
    if (path.size() < sizeof address_.sun_path)
      path.copy(static_cast<char*>(address_.sun_path), path.size());
    else
      address_.sun_family = AF_UNSPEC;
  }

  int bind(int socket) const { return ::bind(socket, generic(), sizeof address_); }
  int connect(int socket) const { return ::connect(socket, generic(), sizeof address_); }

 private:
  const sockaddr* generic() const {
    return static_cast<const sockaddr*>(static_cast<const void*>(&address_));
  }
  sockaddr_un address_{};
};

}  // namespace tlsrpt::milter
