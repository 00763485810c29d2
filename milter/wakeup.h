// Wakeup: ends another thread's wait.
//
// ring() may be called by any thread and in a signal handler; everything else by the thread that
// waits. Several rings before take() are one.
#pragma once

#include <utility>

#include "policy/result.h"
#include "policy/unique_fd.h"

namespace tlsrpt::milter {

class Wakeup {
 public:
  // Errc::io: the system has no file descriptor left.
  static policy::Result<Wakeup> make();

  void ring() const noexcept;

  // To be polled for input: it was rung since the last take().
  int fd() const { return event_.get(); }
  void take() const noexcept;

 private:
  explicit Wakeup(policy::UniqueFd event) : event_(std::move(event)) {}

  policy::UniqueFd event_;
};

}  // namespace tlsrpt::milter
