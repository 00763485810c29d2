// Background: the classic way of a daemon into the background.
//
// The process that was started waits until its child is ready, so that a start script learns
// whether the daemon works: it ends with 0 then, else with the status that the child ended with.
// Until then the child has the terminal, and says there what is wrong.
#pragma once

#include <utility>

#include "policy/result.h"
#include "policy/unique_fd.h"

namespace tlsrpt::milter {

class Background {
 public:
  // Returns in a child; the process that called it ends as said above. Before threads exist, and
  // before anything is opened that a fork would spoil. Errc::io: no process can be made.
  static policy::Result<Background> enter();

  // The daemon is ready: it leaves terminal, session and folder, and its parent ends. Errc::io: it
  // cannot, and is in the foreground still.
  policy::Status leave_terminal();

 private:
  explicit Background(policy::UniqueFd parent) : parent_(std::move(parent)) {}

  policy::UniqueFd parent_;  // A byte into it says that we are ready.
};

}  // namespace tlsrpt::milter
