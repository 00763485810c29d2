#include "reporter/deliver/disk_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "policy/text.h"
#include "policy/unique_fd.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Status;
using policy::UniqueFd;
using policy::Unit;

// Reports name the sites we mail with: nothing for others, and nobody else may change them.
constexpr mode_t report_mode = 0640;
constexpr mode_t directory_mode = 0750;

Error io_error(const std::string& path, const char* what, int number) {
  return {number == ENOENT ? Errc::not_found : Errc::io,
          policy::escape_untrusted(path) + ": " + what + ": " +
              std::generic_category().message(number)};
}

// Returns 0 or an errno.
int write_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t written = ::write(fd, data.data(), data.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    data.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

int sync(int fd) {
  while (::fsync(fd) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

// Whether FD is a file with just DATA, read from its beginning.
bool holds(int fd, std::string_view data) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return false;
  if (status.st_size != static_cast<off_t>(data.size())) return false;
  std::array<char, 64UL * 1024> buffer{};
  while (!data.empty()) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    const std::string_view piece(buffer.data(), static_cast<std::size_t>(got));
    if (!data.starts_with(piece)) return false;
    data.remove_prefix(piece.size());
  }
  return true;
}

// Whether PATH, with DATA and nothing else, is on the disk: somebody who was killed before he could
// say so had written it. It stays as it is, so that who has seen it sees no change.
bool is_there(const std::string& path, int folder, std::string_view data) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  return file.valid() && holds(file.get(), data) && sync(file.get()) == 0 && sync(folder) == 0;
}

// Gives the file UNNAMED a name DIRECTORY/.tlsrpt-PID-N, and moves it to PATH; 0 or an errno. Only
// for a final name that is taken: link(2) never replaces.
int link_over(const std::string& unnamed, const std::string& directory, const std::string& path) {
  static std::atomic<unsigned> number{0};
  constexpr int most_tries = 100;  // Names that others with our pid left behind when killed.
  int problem = EEXIST;
  for (int i = 0; i < most_tries && problem == EEXIST; ++i) {
    const std::string temporary =
        directory + "/.tlsrpt-" + std::to_string(::getpid()) + "-" + std::to_string(++number);
    problem = 0;
    if (::linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, temporary.c_str(), AT_SYMLINK_FOLLOW) != 0) {
      problem = errno;
    } else if (::rename(temporary.c_str(), path.c_str()) != 0) {
      problem = errno == EEXIST ? EIO : errno;
      ::unlink(temporary.c_str());
    }
  }
  return problem;
}

// A file that gets its name only at the end.
class NewFile {
 public:
  explicit NewFile(const std::string& directory) : directory_(directory) {
    fd_.reset(::open(directory.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, report_mode));
    // Some file systems know no unnamed files, and without /proc they cannot get a name.
    if (fd_.valid() && ::access(unnamed().c_str(), F_OK) == 0) return;
    temporary_ = directory + "/.tlsrpt-XXXXXX";
    fd_.reset(::mkostemp(temporary_.data(), O_CLOEXEC));
    if (!fd_.valid()) {
      error_ = errno;
      temporary_.clear();
    }
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile() {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
  }

  int error() const { return error_; }
  int fd() const { return fd_.get(); }

  // 0 or an errno.
  int name(const std::string& path) {
    if (!temporary_.empty()) {
      if (::rename(temporary_.c_str(), path.c_str()) != 0) return errno;
      temporary_.clear();
      return 0;
    }
    if (::linkat(AT_FDCWD, unnamed().c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0) {
      return 0;
    }
    return errno == EEXIST ? link_over(unnamed(), directory_, path) : errno;
  }

 private:
  std::string unnamed() const { return "/proc/self/fd/" + std::to_string(fd_.get()); }

  const std::string& directory_;
  std::string temporary_;  // Empty: unnamed, or named for good.
  UniqueFd fd_;
  int error_ = 0;
};

}  // namespace

Status write_file_durably(const std::string& directory, const std::string& name,
                          std::string_view data) {
  const std::string path = directory + "/" + name;
  if (path.find('\0') != std::string::npos) return io_error(path, "bad name", EINVAL);
  const UniqueFd folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return io_error(directory, "cannot open directory", errno);
  if (is_there(path, folder.get(), data)) return Unit{};
  NewFile file(directory);
  if (file.error() != 0) return io_error(directory, "cannot create a file", file.error());
  if (const int problem = write_all(file.fd(), data)) {
    return io_error(path, "cannot write", problem);
  }
  if (::fchmod(file.fd(), report_mode) != 0) return io_error(path, "cannot set mode", errno);
  if (const int problem = sync(file.fd())) return io_error(path, "cannot write to disk", problem);
  if (const int problem = file.name(path)) return io_error(path, "cannot name it", problem);
  if (const int problem = sync(folder.get())) {
    return io_error(directory, "cannot write to disk", problem);
  }
  return Unit{};
}

Status ensure_directory(const std::string& directory) {
  if (directory.find('\0') != std::string::npos) return io_error(directory, "bad name", EINVAL);
  if (::mkdir(directory.c_str(), directory_mode) == 0) return Unit{};
  if (errno != EEXIST) return io_error(directory, "cannot create directory", errno);
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) {
    return io_error(directory, "cannot examine", errno);
  }
  if (!S_ISDIR(status.st_mode)) return io_error(directory, "not a directory", ENOTDIR);
  return Unit{};
}

}  // namespace tlsrpt::reporter
