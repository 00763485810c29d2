// MilterInput: the milter as the daemon sees it.
//
// It listens on `milter_socket`, tries again where that cannot be had yet, and hands what passed to
// the collectors. Without it the log alone tells of our reports: the daemon goes on, and says so.
// The daemon's thread calls everything.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "milter/collector_daemon.h"
#include "milter/daemon_log.h"
#include "milter/mail/milter_inbox.h"
#include "milter/mail/milter_server.h"
#include "policy/result.h"
#include "reporter/clock.h"
#include "reporter/options/settings.h"

namespace tlsrpt::milter {

// Makes the folder of `milter_socket` where it is missing. For root, before privileges are dropped;
// does nothing for anybody else. Errors as make_socket_folder().
policy::Status prepare_milter_folder(const reporter::Settings& settings);

class MilterInput final : public CollectorInput {
 public:
  // Called with the recipient domains of mail that is not delivered yet.
  using LookAhead = std::function<void(const std::unordered_set<std::string>& domains)>;

  // ENDED is called, in the daemon's thread and maybe again and again, once libmilter has stopped
  // listening without being asked to by us. LOOK_AHEAD may be empty: then nothing is learnt of
  // recipients. CLOCK and LOG outlive it.
  MilterInput(const reporter::Settings& settings, const reporter::Clock& clock, DaemonLog& log,
              std::function<void()> ended, LookAhead look_ahead);

  // Begins to listen. Whether it does; a failure is said, and tried again while the daemon runs.
  bool start();
  // Takes from SETTINGS what can change while it listens: `report_senders`.
  void reload(const reporter::Settings& settings);
  void hand_over(std::span<Collector* const> collectors) override;
  // Where the milter's threads put what they learn.
  MilterInbox& inbox() { return inbox_; }

 private:
  void keep_up();
  void look_for_socket();

  const reporter::Clock& clock_;
  DaemonLog& log_;
  std::function<void()> ended_;
  LookAhead look_ahead_;
  MilterInbox inbox_;
  MilterServer server_;
  const std::string socket_;
  std::chrono::steady_clock::time_point next_try_{};
  std::chrono::steady_clock::time_point next_look_{};
};

}  // namespace tlsrpt::milter
