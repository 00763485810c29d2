// ProxyTable: what the tlsproxy(8) processes of one Postfix instance logged and smtp(8) has not yet
// taken up.
//
// With smtp_tls_connection_reuse=yes the handshake is done by tlsproxy: reasons of verification
// failures, TLSRPT failures and failed handshakes are logged under its pid, without queue id; the
// summary line is logged by both. Pairing is by peer, oldest first; entries are dropped after
// proxy_memory of log time, or the oldest where there are more than max_proxy_entries.
#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "milter/correlate/attempt.h"
#include "milter/postfix/postfix_message.h"

namespace tlsrpt::milter {

// smtp(8) waits for tlsproxy no longer than smtp_starttls_timeout (300 s by default).
inline constexpr std::chrono::minutes proxy_memory{10};
inline constexpr std::size_t max_proxy_entries = 4096;

class ProxyTable {
 public:
  // A message of the tlsproxy process PID_KEY; TLSRPT as Session::tlsrpt.
  void take(std::string_view pid_key, policy::UtcSeconds at, const PostfixMessage& message,
            std::uint64_t tlsrpt = 0);

  // What tlsproxy noted for smtp's completed handshake with PEER; its entry is used up. The oldest
  // that both logged as of LEVEL, else the oldest.
  std::optional<PeerNote> handshake(const PeerView& peer, policy::UtcSeconds now,
                                    std::optional<TlsLevel> level = std::nullopt);
  // The oldest failed handshake with PEER's address is used up.
  std::optional<PeerNote> failure_with(const PeerView& peer, policy::UtcSeconds now);
  // The same; where there is none yet (tlsproxy logs a time-out after smtp), the next one with that
  // address will be used up.
  std::optional<PeerNote> use_failure(const PeerView& peer, policy::UtcSeconds now);
  // The oldest failed handshake that nobody has taken up: the address of a failure for which smtp
  // logs no host. One whose TLSRPT line names DOMAIN goes first.
  std::optional<PeerNote> oldest_failure(std::string_view domain, policy::UtcSeconds now);

  // TLSRPT lines since the last call whose session was counted without them, and those that no
  // session will claim.
  std::vector<std::uint64_t> take_settled() { return std::exchange(settled_, {}); }
  std::vector<std::uint64_t> take_abandoned() { return std::exchange(abandoned_, {}); }

  bool empty() const { return handshakes_.empty() && notes_.empty() && failures_.empty(); }
  // Drops what is older than proxy_memory.
  void expire(policy::UtcSeconds now);

  void write(StateWriter& writer) const;
  void read(StateReader& reader);

 private:
  struct ProcessNote {
    std::string pid_key;
    PeerNote note;
  };

  PeerNote& note_for(std::string_view pid_key, const PeerView& peer, policy::UtcSeconds at);
  PeerNote take_note(std::string_view pid_key, const PeerView& peer, policy::UtcSeconds at);
  void abandon(const PeerNote& note);
  void bound(std::deque<PeerNote>& entries);
  void add_failure(std::string_view pid_key, policy::UtcSeconds at, const PeerView& peer);

  std::deque<ProcessNote> notes_;    // Before the handshake's end.
  std::deque<PeerNote> handshakes_;  // Completed, not yet seen in smtp's log lines.
  std::deque<PeerNote> failures_;    // Failed, likewise.
  std::deque<PeerNote> early_uses_;  // smtp told of a failure before tlsproxy did.
  std::vector<std::uint64_t> settled_;
  std::vector<std::uint64_t> abandoned_;
};

}  // namespace tlsrpt::milter
