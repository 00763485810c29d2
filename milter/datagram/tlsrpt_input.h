// TlsrptInput: Postfix's TLSRPT datagrams as the daemon sees them.
//
// It has the socket, tries again where that cannot be had yet, makes it anew where somebody has
// removed it, and hands what was received to the collectors, beginning with what an earlier life
// received and did not commit. Each datagram goes to the first collector. The daemon's thread calls
// everything.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "milter/collector_daemon.h"
#include "milter/daemon_log.h"
#include "milter/datagram/datagram_journal.h"
#include "milter/datagram/datagram_landing.h"
#include "milter/datagram/tlsrpt_receiver.h"
#include "milter/datagram/tlsrpt_socket.h"
#include "milter/wakeup.h"
#include "policy/result.h"
#include "policy/unique_fd.h"
#include "reporter/clock.h"
#include "reporter/options/settings.h"

namespace tlsrpt::milter {

// Makes the folder of `tlsrpt_socket` where it is missing. For root, before privileges are dropped;
// does nothing for anybody else. Errors as make_socket_folder().
policy::Status prepare_tlsrpt_folder(const reporter::Settings& settings);

class TlsrptInput final : public CollectorInput {
 public:
  // HANDED_OVER: the socket of `tlsrpt_socket` where somebody else made it, else none. Once STOP is
  // set, what waits is handed over for a moment only; the rest is in the journal. CLOCK, LOG,
  // WAKEUP and STOP outlive it.
  TlsrptInput(const reporter::Settings& settings, const reporter::Clock& clock, DaemonLog& log,
              const Wakeup& wakeup, const std::atomic<bool>& stop, policy::UniqueFd handed_over);
  // What is received by now and not committed is in the journal.
  ~TlsrptInput() override;

  // Makes the socket. Whether there is one; a failure is said, and tried again while the daemon
  // runs.
  bool start();
  void hand_over(std::span<Collector* const> collectors) override;
  void committed(std::span<Collector* const> collectors) override;
  // The store was removed, and no collector is left: those of the next store get everything that
  // was not committed to this one.
  void lose_store();

 private:
  void begin(std::span<Collector* const> collectors);
  void keep_up();
  void look_for_socket();
  void renew_socket();
  void tell_trouble(reporter::SocketObstacle obstacle, const std::string& text);
  void tell_recovered(const std::string& text);
  void tell_overruns(Collector& counting);
  void tell_dropped(Collector& counting);

  const SocketFileOptions options_;
  const std::string store_;
  const reporter::Clock& clock_;
  DaemonLog& log_;
  const Wakeup& wakeup_;
  const std::atomic<bool>& stop_;
  std::string prefix_;  // Of the files beside the store.
  DatagramJournal journal_;
  DatagramLanding landing_;
  bool is_begun_ = false;
  std::uint64_t base_ = 0;                  // Numbers of this store are higher.
  std::optional<std::uint64_t> committed_;  // To this store; none: nothing yet.
  std::uint64_t handed_ = 0;                // Number of the last datagram handed over.
  std::uint64_t last_ = 0;                  // Number of the last one before the present receiver.
  std::unique_ptr<TlsrptSocket> socket_;
  std::optional<TlsrptReceiver> receiver_;
  std::string socket_trouble_;  // The name of what was told; empty: nothing.
  std::chrono::steady_clock::time_point next_try_{};
  std::chrono::steady_clock::time_point next_look_{};  // Whether it is in place.
  std::uint64_t untold_overruns_ = 0;
  std::chrono::steady_clock::time_point next_warning_{};  // Of overruns.
  std::uint64_t untold_dropped_ = 0;
  std::chrono::steady_clock::time_point next_dropped_warning_{};
};

}  // namespace tlsrpt::milter
