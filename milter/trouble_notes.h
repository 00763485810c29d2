// TroubleNotes: keeps in the store what the daemon is in trouble with, for `--status`.
//
// What cannot be noted now, because the store itself is the trouble, is noted when it can be
// written again: that there was trouble, and from when to when. One thread.
#pragma once

#include <map>
#include <string>

#include "milter/backoff.h"
#include "reporter/clock.h"
#include "reporter/store/store.h"

namespace tlsrpt::milter {

class TroubleNotes {
 public:
  // CLOCK outlives it.
  explicit TroubleNotes(const reporter::Clock& clock) : clock_(clock) {}

  // TROUBLES: what lasts now, by name (DaemonLog::troubles()); what begins and ends between two
  // calls is not seen. Begins with what STORE, null where there is none now, has of RELAY, which a
  // daemon that was killed may have left. A failure is no trouble of its own: it is tried again,
  // after longer and longer waits.
  void note(const std::map<std::string, std::string>& troubles, reporter::Store* store,
            const std::string& relay, Backoff::Instant now);

 private:
  void compare(const std::map<std::string, std::string>& troubles, const std::string& relay);
  policy::Status write(reporter::Store& store, const std::string& relay);

  const reporter::Clock& clock_;
  bool is_known_ = false;  // Whether what the store has was read.
  std::map<std::string, reporter::CollectorTrouble> lasting_;
  std::map<std::string, reporter::CollectorTrouble> unwritten_;
  Backoff backoff_;
};

}  // namespace tlsrpt::milter
