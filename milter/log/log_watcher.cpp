#include "milter/log/log_watcher.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

namespace tlsrpt::milter {
namespace {

constexpr std::uint32_t folder_events =
    IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF;
// IN_ATTRIB: it may have become readable.
constexpr std::uint32_t file_events = IN_MODIFY | IN_ATTRIB;

}  // namespace

LogWatcher::LogWatcher(const std::vector<std::string>& paths)
    : inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  for (const std::string& path : paths) {
    Watched log;
    log.path = path;
    const std::size_t slash = path.rfind('/');
    log.folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    log.name = slash == std::string::npos ? path : path.substr(slash + 1);
    logs_.push_back(std::move(log));
  }
  watch_all();
}

void LogWatcher::watch_all() {
  if (!inotify_.valid()) inotify_.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  is_polling_ = !inotify_.valid();
  if (is_polling_) return;
  for (Watched& log : logs_) is_polling_ = !watch(&log) || is_polling_;
}

// Whether we are told of all changes of LOG from now on.
bool LogWatcher::watch(Watched* log) {
  log->folder_watch =
      ::inotify_add_watch(inotify_.get(), log->folder.c_str(), folder_events | IN_ONLYDIR);
  watch_file(log);
  if (log->folder_watch == none) return false;
  // An absent file is announced by its folder; one that may not be read can still be watched by
  // nobody.
  return log->file_watch != none || ::access(log->path.c_str(), F_OK) != 0;
}

void LogWatcher::watch_file(Watched* log) {
  const int watch = ::inotify_add_watch(inotify_.get(), log->path.c_str(), file_events);
  if (watch == log->file_watch) return;
  if (log->file_watch != none) {
    if (log->old_file_watch != none && log->old_file_watch != watch) {
      ::inotify_rm_watch(inotify_.get(), log->old_file_watch);
    }
    log->old_file_watch = log->file_watch;
  }
  log->file_watch = watch;
}

bool LogWatcher::take_events() {
  if (!is_polling_) return take_pending();
  watch_all();
  return true;
}

// Takes all that have come; whether one concerns a log.
bool LogWatcher::take_pending() {
  // Room for many events with names (inotify(7): at least one with a name of NAME_MAX bytes).
  alignas(inotify_event) std::array<char, 16'384> buffer{};
  bool concerns_us = false;
  while (true) {
    const ssize_t got = ::read(inotify_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return concerns_us;
    std::size_t place = 0;
    while (place + sizeof(inotify_event) <= static_cast<std::size_t>(got)) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + place, sizeof(event));
      place += sizeof(event);
      const std::string_view padded(buffer.data() + place, event.len);
      place += event.len;
      const std::string_view name = padded.substr(0, padded.find('\0'));
      concerns_us = take_event(event.wd, event.mask, name) || concerns_us;
    }
  }
}

bool LogWatcher::take_event(int watch, unsigned mask, std::string_view name) {
  if ((mask & IN_Q_OVERFLOW) != 0) {
    watch_all();
    return true;
  }
  bool concerns_us = false;
  for (Watched& log : logs_) {
    if (watch == log.file_watch || watch == log.old_file_watch) {
      if ((mask & IN_IGNORED) != 0) {
        (watch == log.file_watch ? log.file_watch : log.old_file_watch) = none;
      }
      concerns_us = true;
    } else if (watch == log.folder_watch) {
      const bool folder_is_gone = (mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) != 0;
      if (folder_is_gone) log.folder_watch = none;
      if (!folder_is_gone && name != log.name) continue;
      watch_file(&log);
      is_polling_ = is_polling_ || folder_is_gone ||
                    (log.file_watch == none && ::access(log.path.c_str(), F_OK) == 0);
      concerns_us = true;
    }
  }
  return concerns_us;
}

}  // namespace tlsrpt::milter
