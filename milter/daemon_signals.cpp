#include "milter/daemon_signals.h"

#include <csignal>

namespace tlsrpt::milter {
namespace {

// For signal handlers, hence here and not in an object.
std::atomic<bool> stop_flag{false};
std::atomic<bool> reload_flag{false};
std::atomic<const Wakeup*> waiting{nullptr};
static_assert(std::atomic<bool>::is_always_lock_free);
static_assert(std::atomic<const Wakeup*>::is_always_lock_free);

void raise_flag(std::atomic<bool>& flag) {
  flag = true;
  if (const Wakeup* wakeup = waiting; wakeup != nullptr) wakeup->ring();
}

extern "C" void on_stop(int /*signal*/) { raise_flag(stop_flag); }
extern "C" void on_reload(int /*signal*/) { raise_flag(reload_flag); }

void handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  // SA_NODEFER: a signal is not blocked while it is handled, or libmilter would get the next.
  // No SA_RESTART: a wait ends at once.
  action.sa_flags = SA_NODEFER;
  sigaction(signal, &action, nullptr);
}

}  // namespace

DaemonSignals::DaemonSignals(const Wakeup& wakeup) {
  stop_flag = false;
  reload_flag = false;
  waiting = &wakeup;
  handle(SIGTERM, on_stop);
  handle(SIGINT, on_stop);
  handle(SIGHUP, on_reload);
  handle(SIGPIPE, SIG_IGN);
}

DaemonSignals::~DaemonSignals() { waiting = nullptr; }

void DaemonSignals::request_stop() { raise_flag(stop_flag); }

const std::atomic<bool>& DaemonSignals::stop_requested() { return stop_flag; }

std::atomic<bool>& DaemonSignals::reload_requested() { return reload_flag; }

}  // namespace tlsrpt::milter
