// ServiceManager: what systemd is told by sd_notify(3). Without systemd nothing happens.
//
// One thread: that of the main loop, so that a loop that hangs is no longer said to be alive.
#pragma once

#include <chrono>
#include <string>

namespace tlsrpt::milter {

class ServiceManager {
 public:
  ServiceManager();  // Reads what the watchdog expects of us.

  void ready();
  // Options are being read again; ready() ends it.
  void reloading();
  void stopping();
  // One line that `systemctl status` shows; sent where it is another than before.
  void status(const std::string& text);
  // The main loop has gone round once more. Sent as often as the watchdog needs it.
  void alive();

 private:
  using Instant = std::chrono::steady_clock::time_point;

  std::string status_;
  std::chrono::microseconds alive_interval_{};  // Zero: there is no watchdog.
  Instant next_alive_{};
};

}  // namespace tlsrpt::milter
