// CollectorDaemon: follows the log sources live, and commits once a second.
//
// The daemon never gives up: an unreadable or vanished log, a locked, damaged or removed store, a
// full disk is said once; it keeps what it has counted in bounded memory (it stops reading instead
// of forgetting) and goes on when the trouble ends; what cannot be had is asked for seldom. One
// thread; other threads hand it something by a CollectorInput and end its wait by the Wakeup.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "milter/absence.h"
#include "milter/backoff.h"
#include "milter/collector.h"
#include "milter/daemon_log.h"
#include "milter/wakeup.h"
#include "policy/result.h"

namespace tlsrpt::milter {

// What collectors learn from beside their logs, gathered by other threads in queues of bounded size
// (policy::LockGuarded) until the daemon takes it.
class CollectorInput {
 public:
  CollectorInput() = default;
  CollectorInput(const CollectorInput&) = delete;
  CollectorInput& operator=(const CollectorInput&) = delete;
  virtual ~CollectorInput() = default;

  // Hands everything that has come since the last call to each of COLLECTORS, those of all sources.
  // Called in the daemon's thread, before logs are read on and again before each block that was
  // read is judged, at least once a second: whoever cannot wait so long rings the daemon's Wakeup.
  // Not called while a source has no collector, because the store cannot be used.
  virtual void hand_over(std::span<Collector* const> collectors) = 0;
  // COLLECTORS, those of all sources, may have committed something.
  virtual void committed(std::span<Collector* const> /*collectors*/) {}
};

class CollectorDaemon {
 public:
  using Make = std::function<policy::Result<std::unique_ptr<Collector>>()>;

  // MAKES: one maker for each source, called again when the store failed in the middle of a block.
  // Everything outlives the daemon; STOP is set by a signal handler.
  CollectorDaemon(std::vector<Make> makes, const Wakeup& wakeup, DaemonLog& log,
                  const std::atomic<bool>& stop);

  // To be called before run(). INPUT outlives the daemon.
  void add_input(CollectorInput& input) { inputs_.push_back(&input); }
  // What else is done in the daemon's thread. To be called before run().
  struct Hooks {
    std::function<void()> ready;     // Once, when everything was taken up.
    std::function<void()> progress;  // After each round of the loop, at least once a second.
    // Where RELOAD_REQUESTED was set: gives the makers to go on with. Called when everything read
    // is committed and no collector is left, so that what they were made of can be replaced.
    std::function<std::vector<Make>()> reload;
    std::atomic<bool>* reload_requested = nullptr;
    // The store was removed under us: no collector is left, and the makers open it again.
    std::function<void()> store_lost;
  };
  void set_hooks(Hooks hooks) { hooks_ = std::move(hooks); }

  // Until STOP is set; everything read by then is committed where the store lets us. An error: a
  // source could not be taken up at the start.
  policy::Status run();

 private:
  using Instant = std::chrono::steady_clock::time_point;
  struct Source {
    Make make;
    std::unique_ptr<Collector> collector;    // Null: to be made again.
    std::vector<Collector::SeenMail> mails;  // Of the last one, for the next.
    std::string name;                        // Since there was a collector: "file:PATH".
    Absence absence;
  };

  static policy::Status take_up(Source& source);
  bool take_up_again(Source& source);
  void lose_store();
  void look_for_logs();
  std::vector<Collector*> collectors() const;
  void hand_over_inputs();
  void share_datagrams();
  void tell_missing_datagrams(const Collector& collector);
  void tell_datagrams_apart(const Collector& collector);
  void tell_silence(const Collector& collector);
  bool read_all(Instant until);
  bool read(Source& source, Instant until);
  bool commit_all();
  void reload();
  bool commit(Source& source);
  void wait(Instant until);
  bool take_events();

  std::vector<Source> sources_;
  std::vector<CollectorInput*> inputs_;
  Hooks hooks_;
  bool must_reload_ = false;
  Backoff take_up_backoff_;
  const Wakeup& wakeup_;
  DaemonLog& log_;
  const std::atomic<bool>& stop_;
};

}  // namespace tlsrpt::milter
