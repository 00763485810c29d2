#include "reporter/store/collector_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include "policy/text.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Result;

constexpr mode_t file_mode = 0640;

// FNV-1a: tells the sources of one store apart in a file name; no secret, and a collision would
// only make two sources wait for each other.
std::string hash_of(std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  std::string name;
  for (int shift = 60; shift >= 0; shift -= 4) name += hex[(hash >> shift) & 15U];
  return name;
}

// " (process N)" as the holder wrote it, nothing where it cannot be read.
std::string holder_of(int descriptor) {
  std::array<char, 24> buffer{};
  const ssize_t size = ::pread(descriptor, buffer.data(), buffer.size(), 0);
  if (size <= 0) return "";
  const auto text = policy::trim({buffer.data(), static_cast<std::size_t>(size)});
  const auto process = policy::parse_number<std::uint32_t>(text.substr(0, text.find('\n')));
  return process ? " (process " + std::to_string(*process) + ")" : "";
}

// What holder_of() reads; only for the message, so a failure is no failure of the lock.
void write_holder(int descriptor) {
  const std::string text = std::to_string(::getpid()) + '\n';
  if (::ftruncate(descriptor, 0) != 0) return;
  (void)!::pwrite(descriptor, text.data(), text.size(), 0);
}

}  // namespace

Result<CollectorLock> CollectorLock::try_lock(std::string_view location, std::string_view relay,
                                              std::string_view source) {
  constexpr std::string_view scheme = "sqlite:";
  if (!location.starts_with(scheme) || location.size() == scheme.size()) {
    return Error(Errc::syntax, "store: \"" + std::string(location) + "\" is not sqlite:PATH");
  }
  std::string key(relay);
  key += '\0';
  key += source;
  const std::string path =
      std::string(location.substr(scheme.size())) + ".collector-" + hash_of(key) + ".lock";
  const auto failure = [&path](int error) {
    return Error(Errc::io, path + ": " + std::generic_category().message(error));
  };

  int descriptor = -1;
  do {
    descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, file_mode);
  } while (descriptor < 0 && errno == EINTR);
  const int open_error = errno;
  if (descriptor < 0) return failure(open_error);
  policy::UniqueFd file(descriptor);

  int locked = -1;
  do {
    locked = ::flock(descriptor, LOCK_EX | LOCK_NB);
  } while (locked < 0 && errno == EINTR);
  const int lock_error = errno;
  if (locked < 0) {
    if (lock_error != EWOULDBLOCK) return failure(lock_error);
    return Error(Errc::temporary, "another collector holds the lock" + holder_of(descriptor) +
                                      " for " + std::string(source) + ": " + path);
  }
  // The umask must not decide who may see the lock.
  if (::fchmod(descriptor, file_mode) != 0 && errno != EPERM) {
    const int mode_error = errno;
    return failure(mode_error);
  }
  write_holder(descriptor);
  return CollectorLock(std::move(file));
}

}  // namespace tlsrpt::reporter
