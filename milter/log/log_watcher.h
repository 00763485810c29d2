// LogWatcher: wakes whoever follows log files when one of them may have changed.
//
// Uses inotify on each file and its folder. Where that cannot be had (its limits are used up, a
// folder may not be read) the log has to be looked at once a second; inotify is tried again each
// time. It never says what has changed, only that reading is worth while. One thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/unique_fd.h"

namespace tlsrpt::milter {

class LogWatcher {
 public:
  // Watches the logs at PATHS; they need not exist yet. What changes after this is noticed.
  explicit LogWatcher(const std::vector<std::string>& paths);

  // To be polled for input. -1: some log can only be looked at once a second.
  int fd() const { return is_polling_ ? none : inotify_.get(); }
  // Takes what fd() has to tell; whether a log may have changed. Without fd() one always may have,
  // and it tries to get one.
  bool take_events();

 private:
  static constexpr int none = -1;
  struct Watched {
    std::string path;
    std::string folder;
    std::string name;
    int folder_watch = none;
    int file_watch = none;
    int old_file_watch = none;  // A renamed file, which may still be written to.
  };

  void watch_all();
  bool watch(Watched* log);
  void watch_file(Watched* log);
  bool take_pending();
  bool take_event(int watch, unsigned mask, std::string_view name);

  policy::UniqueFd inotify_;
  std::vector<Watched> logs_;
  bool is_polling_ = false;
};

}  // namespace tlsrpt::milter
