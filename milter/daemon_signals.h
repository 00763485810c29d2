// DaemonSignals: SIGTERM and SIGINT, SIGHUP, as flags that end the daemon's wait.
//
// The handlers may run in any thread, and none blocks the others' signals: libmilter's own thread
// waits for all three, and gets one only where every other thread blocks it or already has another
// one to handle (milter/mail/milter_server.h).
#pragma once

#include <atomic>

#include "milter/wakeup.h"

namespace tlsrpt::milter {

class DaemonSignals {
 public:
  // Catches them from now on. WAKEUP outlives it; there is one at a time.
  explicit DaemonSignals(const Wakeup& wakeup);
  // A signal that comes later sets its flag and wakes nobody.
  ~DaemonSignals();
  DaemonSignals(const DaemonSignals&) = delete;
  DaemonSignals& operator=(const DaemonSignals&) = delete;

  // As a signal does.
  static void request_stop();

  static const std::atomic<bool>& stop_requested();
  // SIGHUP; whoever does it sets it back.
  static std::atomic<bool>& reload_requested();
};

}  // namespace tlsrpt::milter
