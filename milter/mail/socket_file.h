// SocketFile: the place of a UNIX socket of ours in the file system.
//
// The socket is bound by the caller under temporary(), gets its group and mode there, and then its
// name in one step: who finds it under path() may already connect to it as the options say. A
// socket that nobody listens on any more is replaced; one that somebody listens on, or that we may
// not ask, is never touched, and neither is a file that is no socket. The destructor takes the name
// away where it is still ours. One thread.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <optional>
#include <string>

#include "policy/result.h"
#include "policy/unique_fd.h"

namespace tlsrpt::milter {

struct SocketFileOptions {
  std::string path;
  std::string group;  // Empty: the group that it is made with.
  unsigned mode = 0;  // Permission bits.
  int type = 0;       // SOCK_STREAM or SOCK_DGRAM.
};

class SocketFile {
 public:
  // Tells a file from another one that gets its name.
  struct Identity {
    dev_t device = 0;
    ino_t inode = 0;
    friend bool operator==(const Identity&, const Identity&) = default;
  };
  // Of what lies at PATH. Errc::io: nothing does.
  static policy::Result<Identity> identity_of(const std::string& path);

  explicit SocketFile(SocketFileOptions options);
  SocketFile(const SocketFile&) = delete;
  SocketFile& operator=(const SocketFile&) = delete;
  ~SocketFile();

  // Where to bind. The file mode creation mask must keep others out until publish(): PrivateUmask.
  const std::string& temporary() const { return temporary_; }
  // Makes sure that temporary() is free. Errc::temporary: somebody listens there; Errc::io: what
  // lies there is no socket, or the folder cannot be used.
  policy::Status clear_temporary() const;
  // After a socket was bound to temporary(): gives it its name. May be tried again after an error,
  // which is one of clear_temporary(), for path(), or Errc::not_found: there is no such group.
  policy::Status publish();
  // Whether its name still leads to it, after publish(); another program may have taken it away.
  bool is_in_place() const;
  // A path that leads to the socket whatever became of its name, after publish().
  std::string lasting_path() const;

 private:
  static policy::Result<std::optional<Identity>> stale_socket(const std::string& path, int type);
  policy::Status set_access() const;
  policy::Status take_name(const std::optional<Identity>& stale) const;

  SocketFileOptions options_;
  std::string temporary_;
  std::optional<Identity> ours_;  // Since publish().
  policy::UniqueFd handle_;       // Likewise.
};

// The file mode creation mask under which a new socket is its owner's alone, as long as it lives.
// The mask is the process's: no other thread may create files meanwhile.
class PrivateUmask {
 public:
  PrivateUmask() : old_(::umask(0177)) {}
  ~PrivateUmask() { ::umask(old_); }
  PrivateUmask(const PrivateUmask&) = delete;
  PrivateUmask& operator=(const PrivateUmask&) = delete;

 private:
  mode_t old_;
};

// Makes the folder of a socket at PATH where it is missing: owned by OWNER and GROUP, mode 2750, so
// that sockets in it belong to the group, which may pass. Missing folders above it are made, too:
// owned by us, mode 0755. Does nothing where it exists. For root, before privileges are dropped.
// Errc::io; Errc::not_found: no such group.
policy::Status make_socket_folder(const std::string& path, uid_t owner, const std::string& group);

}  // namespace tlsrpt::milter
