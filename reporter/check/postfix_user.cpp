#include "reporter/check/postfix_user.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <optional>
#include <system_error>
#include <vector>

#include "policy/unique_fd.h"

namespace tlsrpt::reporter {
namespace {

using Obstacle = MilterReach::Obstacle;

std::string reason(int error) { return std::generic_category().message(error); }

struct User {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
};

std::optional<User> find_user(const std::string& name) {
  const passwd* entry = ::getpwnam(name.c_str());
  if (entry == nullptr) return std::nullopt;
  User user{entry->pw_uid, entry->pw_gid, std::vector<gid_t>(64)};
  int count = static_cast<int>(user.groups.size());
  while (::getgrouplist(name.c_str(), user.gid, user.groups.data(), &count) < 0)
    user.groups.resize(static_cast<std::size_t>(count));
  user.groups.resize(static_cast<std::size_t>(count));
  return user;
}

// Whether USER has the permission BIT (4, 2, 1) of FILE.
bool may(const struct stat& file, const User& user, unsigned bit) {
  if (user.uid == 0) return true;
  const unsigned mode = file.st_mode;
  if (file.st_uid == user.uid) return (mode >> 6U & bit) != 0;
  if (std::find(user.groups.begin(), user.groups.end(), file.st_gid) != user.groups.end())
    return (mode >> 3U & bit) != 0;
  return (mode & bit) != 0;
}

// What the modes of the folders and of the socket say; folders that hold BEGIN are passed already.
MilterReach judge(const std::string& path, const User& user, std::size_t begin) {
  for (std::size_t slash = path.find('/', begin + 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const std::string folder = path.substr(0, slash);
    struct stat seen {};
    if (::stat(folder.c_str(), &seen) != 0) return {Obstacle::folder, folder, reason(errno)};
    if (!may(seen, user, 1)) return {Obstacle::folder, folder, "it may not be passed through"};
  }
  struct stat seen {};
  if (::stat(path.c_str(), &seen) != 0) return {Obstacle::socket, path, reason(errno)};
  if (!S_ISSOCK(seen.st_mode)) return {Obstacle::socket, path, "it is no socket"};
  if (!may(seen, user, 2)) return {Obstacle::socket, path, "it may not be written"};
  return {};
}

// The errno of connecting to PATH, in this process; 0: it is done.
int connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return ENAMETOOLONG;
  std::copy(path.begin(), path.end(), std::begin(address.sun_path));
  const policy::UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // The system's interface wants the general type.
  const int done =
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  return done == 0 ? 0 : errno;
}

bool is_below(const std::string& path, const std::string& folder) {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

// As a service with VIEW would, for good.
int connect_as(const std::string& path, const PostfixView& view, const User& user) {
  const std::string& queue = view.queue_directory;
  if (::chdir(queue.c_str()) != 0 || (view.is_chrooted && ::chroot(".") != 0)) return errno;
  if (::setgroups(user.groups.size(), user.groups.data()) != 0 || ::setgid(user.gid) != 0 ||
      ::setuid(user.uid) != 0)
    return errno;
  return connect_to(is_below(path, queue) ? path.substr(queue.size() + 1) : path);
}

// The same in a process of its own; none: that could not be tried.
std::optional<int> try_as(const std::string& path, const PostfixView& view, const User& user) {
  const pid_t child = ::fork();
  if (child < 0) return std::nullopt;
  if (child == 0) ::_exit(connect_as(path, view, user));
  int status = 0;
  pid_t ended = 0;
  do {
    ended = ::waitpid(child, &status, 0);
  } while (ended < 0 && errno == EINTR);
  if (ended != child || !WIFEXITED(status)) return std::nullopt;
  return WEXITSTATUS(status);
}

}  // namespace

MilterReach reach_socket(const std::string& path, const PostfixView& view) {
  const auto user = find_user(view.user);
  if (!user) return {Obstacle::socket, path, "there is no user " + view.user};
  // Services work in that folder: what lies above it is no matter.
  const bool is_in_queue = is_below(path, view.queue_directory);
  if (view.is_chrooted && !is_in_queue)
    return {Obstacle::chroot, path, "it lies outside of " + view.queue_directory};
  MilterReach seen = judge(path, *user, is_in_queue ? view.queue_directory.size() : 0);
  if (::geteuid() != 0) return seen;
  const auto error = try_as(path, view, *user);
  if (!error) return seen;
  // A socket that nobody listens on, or that is busy, was reached.
  if (*error == 0 || *error == ECONNREFUSED || *error == EAGAIN) return {};
  return seen.obstacle != Obstacle::none ? seen
                                         : MilterReach{Obstacle::socket, path, reason(*error)};
}

std::string primary_group(const std::string& user) {
  const auto found = find_user(user);
  const group* entry = found ? ::getgrgid(found->gid) : nullptr;
  return entry == nullptr ? "" : entry->gr_name;
}

std::string closed_folder(const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const std::string folder = path.substr(0, slash);
    if (::faccessat(AT_FDCWD, folder.c_str(), X_OK, AT_EACCESS) != 0 && errno == EACCES)
      return folder;
  }
  return "";
}

}  // namespace tlsrpt::reporter
