// Preloaded into a program: kills it with SIGKILL at its Nth call that changes a file or writes to
// a socket.
//
// DIE_AT_CALL=N, counted over all files and threads. A write is done whole, by half or not at all
// before the end comes, in turn with N: so a commit is cut at each of its steps, which kills at
// random instants rarely hit.
#include <dlfcn.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

long wanted_call() {
  const char* text = std::getenv("DIE_AT_CALL");
  long number = 0;
  if (text != nullptr) std::from_chars(text, text + std::strlen(text), number);
  return number;
}

enum class Fate { live, die_before, die_half_way, die_after };

Fate next_fate() {
  static std::atomic<long> calls{0};
  static const long wanted = wanted_call();
  if (++calls != wanted) return Fate::live;
  constexpr Fate fates[] = {Fate::die_before, Fate::die_half_way, Fate::die_after};
  return fates[wanted % 3];
}

[[noreturn]] void die() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

template <class Function>
Function real(Function /*same_type*/, const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

// CALL(count) does the call, for COUNT bytes.
template <class Call>
auto cut(std::size_t count, Call call) {
  const Fate fate = next_fate();
  if (fate == Fate::die_before) die();
  const auto result = call(fate == Fate::die_half_way ? count / 2 : count);
  if (fate != Fate::live) die();
  return result;
}

}  // namespace

extern "C" {

ssize_t pwrite(int fd, const void* data, size_t count, off_t offset) {
  static const auto next = real(&pwrite, "pwrite");
  return cut(count, [&](size_t n) { return next(fd, data, n, offset); });
}

ssize_t pwrite64(int fd, const void* data, size_t count, off64_t offset) {
  static const auto next = real(&pwrite64, "pwrite64");
  return cut(count, [&](size_t n) { return next(fd, data, n, offset); });
}

ssize_t write(int fd, const void* data, size_t count) {
  static const auto next = real(&write, "write");
  return cut(count, [&](size_t n) { return next(fd, data, n); });
}

ssize_t send(int fd, const void* data, size_t count, int flags) {
  static const auto next = real(&send, "send");
  return cut(count, [&](size_t n) { return next(fd, data, n, flags); });
}

int fdatasync(int fd) {
  static const auto next = real(&fdatasync, "fdatasync");
  return cut(0, [&](size_t) { return next(fd); });
}

int fsync(int fd) {
  static const auto next = real(&fsync, "fsync");
  return cut(0, [&](size_t) { return next(fd); });
}

int ftruncate(int fd, off_t length) noexcept {
  static const auto next = real(&ftruncate, "ftruncate");
  return cut(0, [&](size_t) { return next(fd, length); });
}

int ftruncate64(int fd, off64_t length) noexcept {
  static const auto next = real(&ftruncate64, "ftruncate64");
  return cut(0, [&](size_t) { return next(fd, length); });
}

int linkat(int old_folder, const char* old_path, int folder, const char* path, int flags) noexcept {
  static const auto next = real(&linkat, "linkat");
  return cut(0, [&](size_t) { return next(old_folder, old_path, folder, path, flags); });
}

int rename(const char* old_path, const char* path) noexcept {
  static const auto next = real(&rename, "rename");
  return cut(0, [&](size_t) { return next(old_path, path); });
}

int unlink(const char* path) noexcept {
  static const auto next = real(&unlink, "unlink");
  return cut(0, [&](size_t) { return next(path); });
}

}  // extern "C"
