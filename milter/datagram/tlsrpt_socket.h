// TlsrptSocket: the datagram socket of `tlsrpt_socket`, made by us or handed over by systemd.
//
// The kernel keeps net.unix.max_dgram_qlen datagrams for a socket, as that was when the socket was
// made, whatever its buffers: SO_RCVBUF means nothing for UNIX datagrams, whose memory is their
// sender's. Beyond it Postfix's smtp(8), which does not wait, gets an error.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "milter/mail/socket_file.h"
#include "policy/result.h"
#include "policy/unique_fd.h"
#include "reporter/socket_obstacle.h"

namespace tlsrpt::milter {

class TlsrptSocket {
 public:
  // Makes it as OPTIONS say (but the type), with credentials of senders. Errors as those of
  // SocketFile. REQUIRES: no other thread creates files meanwhile.
  static policy::Result<std::unique_ptr<TlsrptSocket>> make(SocketFileOptions options);
  // What made it fail with ERROR, as far as that is to be seen now.
  static reporter::SocketObstacle obstacle(const SocketFileOptions& options,
                                           const policy::Error& error);
  // Takes over SOCKET, which lies at PATH and is not ours to remove.
  static std::unique_ptr<TlsrptSocket> adopt(policy::UniqueFd socket, const std::string& path);

  TlsrptSocket(const TlsrptSocket&) = delete;
  TlsrptSocket& operator=(const TlsrptSocket&) = delete;
  ~TlsrptSocket() = default;

  int fd() const { return socket_.get(); }
  bool is_handed_over() const { return given_path_.has_value(); }
  // Whether its name still leads to it; somebody may have taken it away.
  bool is_in_place() const;
  // Takes its name away where it is ours, so that nobody finds it any more.
  void withdraw() { file_.reset(); }
  // Whether the kernel's queue is full at present: whoever sends now is refused.
  bool is_full() const;

 private:
  TlsrptSocket(policy::UniqueFd socket, std::unique_ptr<SocketFile> file)
      : file_(std::move(file)), socket_(std::move(socket)) {}
  void connect_probe(const std::string& path);

  std::unique_ptr<SocketFile> file_;           // Null: handed over.
  std::optional<std::string> given_path_;      // Where that was.
  std::optional<SocketFile::Identity> given_;  // What lay there then.
  policy::UniqueFd socket_;
  policy::UniqueFd probe_;  // Connected to it; never sends.
};

}  // namespace tlsrpt::milter
