#include "milter/mail/socket_file.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "milter/mail/unix_address.h"
#include "reporter/group.h"

namespace tlsrpt::milter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Result;
using policy::Status;

Error io_error(const std::string& what, int number) {
  return {Errc::io, what + ": " + std::generic_category().message(number)};
}

// What connecting to the socket at PATH comes to: 0, or errno.
int try_connect(const std::string& path, int type) {
  const policy::UniqueFd socket(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid() || UnixAddress(path).connect(socket.get()) != 0) return errno;
  return 0;
}

bool is_there(const std::filesystem::path& folder) {
  struct stat status {};
  return folder.empty() || ::stat(folder.c_str(), &status) == 0;
}

Status make_folder(const std::filesystem::path& folder, uid_t owner, gid_t group, mode_t mode) {
  if (::mkdir(folder.c_str(), 0700) != 0) {
    if (errno == EEXIST) return policy::Unit{};
    return io_error(folder.string(), errno);
  }
  if (::chown(folder.c_str(), owner, group) != 0 || ::chmod(folder.c_str(), mode) != 0) {
    const int problem = errno;
    ::rmdir(folder.c_str());
    return io_error(folder.string(), problem);
  }
  return policy::Unit{};
}

// Those above FOLDER that are missing; anybody may pass.
Status make_folders_above(const std::filesystem::path& folder) {
  constexpr mode_t passable = 0755;
  constexpr auto unchanged = static_cast<gid_t>(-1);
  std::vector<std::filesystem::path> missing;
  for (auto above = folder.parent_path(); !is_there(above); above = above.parent_path())
    missing.push_back(above);
  for (auto above = missing.rbegin(); above != missing.rend(); ++above) {
    if (auto status = make_folder(*above, ::geteuid(), unchanged, passable); !status) return status;
  }
  return policy::Unit{};
}

}  // namespace

SocketFile::SocketFile(SocketFileOptions options)
    : options_(std::move(options)), temporary_(options_.path + ".new") {}

SocketFile::~SocketFile() {
  const std::string& name = ours_ ? options_.path : temporary_;
  struct stat status {};
  if (::lstat(name.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return;
  if (!ours_ || Identity{status.st_dev, status.st_ino} == *ours_) ::unlink(name.c_str());
}

Result<SocketFile::Identity> SocketFile::identity_of(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return io_error(path, errno);
  return Identity{status.st_dev, status.st_ino};
}

// The socket at PATH that nobody listens on; none where there is nothing.
Result<std::optional<SocketFile::Identity>> SocketFile::stale_socket(const std::string& path,
                                                                     int type) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return std::optional<Identity>();
    return io_error(path, errno);
  }
  if (!S_ISSOCK(status.st_mode)) return Error(Errc::io, path + ": exists and is no socket");
  // Only a refused connection proves that nobody listens any more.
  const int problem = try_connect(path, type);
  if (problem == EACCES)
    return Error(Errc::temporary,
                 path + ": whether another program listens on it cannot be told (" +
                     std::generic_category().message(problem) + "): remove it if none does");
  if (problem != ECONNREFUSED)
    return Error(Errc::temporary, path + ": another program listens on it");
  return std::optional<Identity>(Identity{status.st_dev, status.st_ino});
}

Status SocketFile::clear_temporary() const {
  const auto stale = stale_socket(temporary_, options_.type);
  if (!stale) return stale.error();
  // Its maker was killed before publish() was done.
  if (*stale && ::unlink(temporary_.c_str()) != 0) return io_error(temporary_, errno);
  return policy::Unit{};
}

Status SocketFile::publish() {
  const auto stale = stale_socket(options_.path, options_.type);
  if (!stale) return stale.error();
  if (auto status = set_access(); !status) return status;
  const auto fresh = identity_of(temporary_);
  if (!fresh) return fresh.error();
  policy::UniqueFd handle(::open(temporary_.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (auto status = take_name(*stale); !status) return status;
  ours_ = *fresh;
  handle_ = std::move(handle);
  return policy::Unit{};
}

Status SocketFile::set_access() const {
  if (!options_.group.empty()) {
    const auto wanted = reporter::find_group(options_.group);
    if (!wanted) return wanted.error();
    struct stat status {};
    if (::lstat(temporary_.c_str(), &status) != 0) return io_error(temporary_, errno);
    if (status.st_gid != *wanted &&
        ::lchown(temporary_.c_str(), static_cast<uid_t>(-1), *wanted) != 0) {
      return io_error(options_.path + ": cannot be given to the group " + options_.group +
                          " (let its folder belong to that group and have the mode 2750)",
                      errno);
    }
  }
  if (::chmod(temporary_.c_str(), static_cast<mode_t>(options_.mode)) != 0)
    return io_error(temporary_, errno);
  return policy::Unit{};
}

// Neither way can take the name from a socket that somebody made there meanwhile.
Status SocketFile::take_name(const std::optional<Identity>& stale) const {
  const char* from = temporary_.c_str();
  const char* to = options_.path.c_str();
  const unsigned how = stale ? RENAME_EXCHANGE : RENAME_NOREPLACE;
  if (::renameat2(AT_FDCWD, from, AT_FDCWD, to, how) != 0) {
    if (errno == EEXIST || errno == ENOENT)
      return Error(Errc::temporary, options_.path + ": another program works on it");
    return io_error(options_.path, errno);
  }
  if (!stale) return policy::Unit{};
  const auto taken = identity_of(temporary_);
  if (taken && *taken != *stale) {
    ::renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE);
    return Error(Errc::temporary, options_.path + ": another program works on it");
  }
  ::unlink(from);
  return policy::Unit{};
}

bool SocketFile::is_in_place() const {
  const auto found = identity_of(options_.path);
  return ours_ && found && *found == *ours_;
}

std::string SocketFile::lasting_path() const {
  return "/proc/self/fd/" + std::to_string(handle_.get());
}

Status make_socket_folder(const std::string& path, uid_t owner, const std::string& group) {
  constexpr mode_t folder_mode = 02750;
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (is_there(folder)) return policy::Unit{};
  gid_t gid = static_cast<gid_t>(-1);
  if (!group.empty()) {
    const auto found = reporter::find_group(group);
    if (!found) return found.error();
    gid = *found;
  }
  if (auto status = make_folders_above(folder); !status) return status;
  return make_folder(folder, owner, gid, folder_mode);
}

}  // namespace tlsrpt::milter
