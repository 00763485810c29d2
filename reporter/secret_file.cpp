#include "reporter/secret_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "policy/text.h"
#include "reporter/options/config_file.h"
#include "reporter/run_as.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Result;

// What is wrong with owner and permissions of a file with a secret; empty: nothing.
std::string permission_fault(const struct stat& status, const SecretReader& reader) {
  if (!S_ISREG(status.st_mode)) return "is no regular file";
  if (status.st_uid != 0 && status.st_uid != reader.uid) {
    return "belongs to another user than root and the reporter's";
  }
  if ((status.st_mode & S_IRWXO) != 0) {
    return "can be read or written by every user: chmod o= it";
  }
  if ((status.st_mode & S_IWGRP) != 0) return "can be written by its group: chmod g-w it";
  const bool is_ours = status.st_gid == reader.gid || status.st_gid == 0;
  if ((status.st_mode & S_IRGRP) != 0 && !is_ours) {
    return "can be read by a group that is not the reporter's: chgrp it";
  }
  // Where root asks for somebody else.
  const bool can_read = reader.uid == 0 ||
                        (status.st_uid == reader.uid && (status.st_mode & S_IRUSR) != 0) ||
                        (status.st_gid == reader.gid && (status.st_mode & S_IRGRP) != 0);
  return can_read ? "" : "cannot be read by the reporter's user: chgrp it, and chmod g+r it";
}

}  // namespace

Result<SecretReader> find_secret_reader(const Settings& settings) {
  if (::geteuid() == 0) {
    const auto user = find_run_as_user(settings);
    if (!user.ok()) return user.error();
    if (user->has_value()) return SecretReader{(*user)->uid, (*user)->gid};
  }
  return SecretReader{::geteuid(), ::getegid()};
}

Result<std::string> read_secret_file(const std::string& path, const SecretReader& reader,
                                     std::size_t limit) {
  const std::string shown = policy::escape_untrusted(path);
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    const int problem = errno;
    return Error(problem == ENOENT ? Errc::not_found : Errc::io,
                 shown + ": " + std::generic_category().message(problem));
  }
  if (const std::string fault = permission_fault(status, reader); !fault.empty()) {
    return Error(Errc::io, shown + ": " + fault);
  }
  return read_small_file(path, limit);
}

}  // namespace tlsrpt::reporter
