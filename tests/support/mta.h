// Mta: one connection of an MTA to a milter, protocol version 6.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <chrono>
#include <initializer_list>
#include <string>
#include <string_view>

#include "milter/mail/unix_address.h"
#include "policy/unique_fd.h"

namespace tlsrpt::testing_support {

// Replies are read by the caller, where the protocol has one. A milter that is silent for
// answer_limit has none: a test fails then, and does not hang.
class Mta {
 public:
  // A third of what Postfix waits (milter_command_timeout).
  static constexpr std::chrono::seconds answer_limit{10};

  // PATH: the milter's socket.
  explicit Mta(const std::string& path)
      : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)),
        is_connected_(milter::UnixAddress(path).connect(socket_.get()) == 0) {
    const timeval limit{answer_limit.count(), 0};
    EXPECT_EQ(::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
  }

  bool is_connected() const { return is_connected_; }
  void say(char command, std::string_view data) const {
    const std::string packet = number(data.size() + 1) + command + std::string(data);
    EXPECT_EQ(::send(socket_.get(), packet.data(), packet.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(packet.size()));
  }
  // As of a peer that stops within a packet: says that COMMAND is to come with data, and no more.
  void begin_to_say(char command) const {
    const std::string packet = number(100) + command;
    EXPECT_EQ(::send(socket_.get(), packet.data(), packet.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(packet.size()));
  }
  // The next packet, command first; empty at the end, and where none comes.
  std::string hear() const {
    std::string length(4, '\0');
    if (!fill(length)) return "";
    std::size_t size = 0;
    for (const char c : length) size = size * 256 + static_cast<unsigned char>(c);
    std::string packet(size, '\0');
    return fill(packet) ? packet : "";
  }
  // Offers everything that there is; what the milter wants of it.
  std::string negotiate() const {
    say('O', number(6) + number(0x1FF) + number(0x1FFFFF));
    return hear();
  }
  static std::string number(std::size_t value) {
    std::string octets;
    for (const unsigned shift : {24U, 16U, 8U, 0U}) octets += static_cast<char>(value >> shift);
    return octets;
  }
  static std::string texts(std::initializer_list<std::string_view> texts) {
    std::string all;
    for (const std::string_view text : texts) all.append(text).append(1, '\0');
    return all;
  }

 private:
  bool fill(std::string& buffer) const {
    return ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_WAITALL) ==
           static_cast<ssize_t>(buffer.size());
  }

  policy::UniqueFd socket_;
  bool is_connected_;
};

}  // namespace tlsrpt::testing_support
