// VerifyMemory: why a peer's certificate was last refused, for sessions that resume one.
//
// A resumed TLS session repeats the verdict of the one it resumes, but Postfix only logs `re-using
// session with untrusted ..., look for details earlier in the log`. This is that look: the class of
// the last reason logged for the peer, for verify_memory_time of log time. Bounded; the entry
// unused for longest goes first.
#pragma once

#include <chrono>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "milter/postfix/peer.h"
#include "milter/postfix/verify_reason.h"
#include "policy/utc_day.h"

namespace tlsrpt::milter {

class StateReader;
class StateWriter;

// smtp_tls_session_cache_timeout is 3600s by default.
inline constexpr std::chrono::hours verify_memory_time{1};
inline constexpr std::size_t max_verify_memory = 4096;

class VerifyMemory {
 public:
  void remember(std::string_view log_host, const Peer& peer, policy::UtcSeconds at,
                const VerifyReason& verify);
  // None: nothing was logged of PEER, or too long ago.
  std::optional<VerifyReason> recall(std::string_view log_host, const Peer& peer,
                                     policy::UtcSeconds now) const;

  void write(StateWriter& writer) const;
  void read(StateReader& reader);
  void clear();

 private:
  struct Entry {
    std::string key;
    policy::UtcSeconds at{};
    VerifyReason verify;
  };
  std::list<Entry> entries_;  // The newest comes first.
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key_;  // Views of their keys.
};

}  // namespace tlsrpt::milter
