#include "milter/service_manager.h"

#include <systemd/sd-daemon.h>

#include <cstdint>

#include "policy/text.h"

namespace tlsrpt::milter {
namespace {

using std::chrono::steady_clock;

// sd_watchdog_enabled(3) recommends half of the limit; the loop may take a second for a round.
constexpr int signs_of_life = 4;

// A failure has no remedy here: systemd acts as if nothing had been said.
void tell(const std::string& words) { (void)::sd_notify(0, words.c_str()); }

}  // namespace

ServiceManager::ServiceManager() {
  std::uint64_t limit = 0;  // Microseconds.
  if (::sd_watchdog_enabled(0, &limit) > 0)
    alive_interval_ = std::chrono::microseconds(limit / signs_of_life);
}

void ServiceManager::ready() { tell("READY=1"); }

// sd_notify(3) wants to know when, in CLOCK_MONOTONIC.
void ServiceManager::reloading() {
  const auto now =
      std::chrono::floor<std::chrono::microseconds>(steady_clock::now().time_since_epoch());
  tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.count()));
}

void ServiceManager::stopping() { tell("STOPPING=1"); }

void ServiceManager::status(const std::string& text) {
  if (text == status_) return;
  status_ = text;
  tell("STATUS=" + policy::escape_untrusted(text));
}

void ServiceManager::alive() {
  if (alive_interval_ == std::chrono::microseconds(0)) return;
  const auto now = steady_clock::now();
  if (now < next_alive_) return;
  next_alive_ = now + alive_interval_;
  tell("WATCHDOG=1");
}

}  // namespace tlsrpt::milter
