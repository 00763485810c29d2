// DatagramSender: what sends to our socket, as libtlsrpt does.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>
#include <string_view>

#include "milter/mail/unix_address.h"
#include "policy/unique_fd.h"

namespace tlsrpt::milter {

class DatagramSender {
 public:
  explicit DatagramSender(const std::string& path)
      : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    connected_ = UnixAddress(path).connect(socket_.get()) == 0;
  }
  bool is_connected() const { return connected_; }
  // Whether the kernel took it.
  bool send(std::string_view octets) const {
    return ::send(socket_.get(), octets.data(), octets.size(), MSG_DONTWAIT | MSG_NOSIGNAL) ==
           static_cast<ssize_t>(octets.size());
  }

 private:
  policy::UniqueFd socket_;
  bool connected_ = false;
};

}  // namespace tlsrpt::milter
