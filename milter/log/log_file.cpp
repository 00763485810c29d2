#include "milter/log/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace tlsrpt::milter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Result;

constexpr std::string_view gzip_magic("\x1F\x8B", 2);
struct Compression {
  std::string_view magic;
  std::string_view name;
};
constexpr std::array unreadable{Compression{std::string_view("\xFD"
                                                             "7zXZ",
                                                             5),
                                            "xz"},
                                Compression{"\x28\xB5\x2F\xFD", "zstd"},
                                Compression{"BZh", "bzip2"},
                                Compression{"\x04\x22\x4D\x18", "lz4"}};

std::string message_of(int error) { return std::generic_category().message(error); }

Errc code_of(int error) { return error == ENOENT || error == ENOTDIR ? Errc::not_found : Errc::io; }

FileStatus to_status(const struct stat& raw) {
  constexpr std::int64_t ns_per_second = 1'000'000'000;
  FileStatus status;
  status.id = {raw.st_dev, raw.st_ino};
  status.size = static_cast<std::uint64_t>(std::max<off_t>(raw.st_size, 0));
  status.changed_ns =
      std::max<std::int64_t>(raw.st_mtim.tv_sec * ns_per_second + raw.st_mtim.tv_nsec, 0);
  return status;
}

std::string_view kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

}  // namespace

Result<FileStatus> file_status(const std::string& path) {
  struct stat raw {};
  if (::stat(path.c_str(), &raw) != 0) {
    const int error = errno;
    return Error(code_of(error), path + ": " + message_of(error));
  }
  return to_status(raw);
}

Error LogFile::failure(Errc code, const std::string& what) const {
  return {code, path_ + ": " + what};
}

Result<LogFile> LogFile::open(const std::string& path) {
  // O_NONBLOCK: a FIFO would wait for its writer.
  policy::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) {
    const int error = errno;
    return Error(code_of(error), path + ": " + message_of(error));
  }
  LogFile file(path, std::move(fd));
  struct stat raw {};
  if (::fstat(file.fd_.get(), &raw) != 0) return file.failure(Errc::io, message_of(errno));
  if (!S_ISREG(raw.st_mode)) {
    return file.failure(Errc::io, "is " + std::string(kind_of(raw.st_mode)) +
                                      ", only a plain file can be read as a log");
  }
  std::array<char, 8> start{};
  const Result<std::size_t> got = file.read_plain(0, start);
  if (!got.ok()) return got.error();
  const std::string_view begin(start.data(), *got);
  for (const Compression& other : unreadable) {
    if (begin.starts_with(other.magic)) {
      return file.failure(
          Errc::io, "is compressed with " + std::string(other.name) + "; only gzip can be read");
    }
  }
  if (begin.starts_with(gzip_magic)) {
    file.gzip_ = std::make_unique<GzipText>(file.fd_.get());
  }
  return file;
}

Result<FileStatus> LogFile::status() const {
  struct stat raw {};
  if (::fstat(fd_.get(), &raw) != 0) return failure(Errc::io, message_of(errno));
  return to_status(raw);
}

Result<std::size_t> LogFile::read(std::uint64_t offset, std::span<char> into) {
  if (!gzip_) return read_plain(offset, into);
  Result<std::size_t> got = gzip_->read(offset, into);
  if (!got.ok()) return std::move(got).error().context(path_);
  return got;
}

Result<std::size_t> LogFile::read_plain(std::uint64_t offset, std::span<char> into) const {
  while (true) {
    const ssize_t got = ::pread(fd_.get(), into.data(), into.size(), static_cast<off_t>(offset));
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return failure(Errc::io, message_of(errno));
  }
}

Result<std::string> LogFile::head(std::size_t count) {
  std::string text(count, '\0');
  std::size_t have = 0;
  while (have < count) {
    const Result<std::size_t> got = read(have, std::span(text).subspan(have));
    // Damage further on says nothing about the beginning.
    if (!got.ok() && (got.error().code() != Errc::syntax || have == 0)) return got.error();
    if (!got.ok() || *got == 0) break;
    have += *got;
  }
  text.resize(have);
  return text;
}

}  // namespace tlsrpt::milter
