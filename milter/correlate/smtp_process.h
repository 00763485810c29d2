// SmtpProcess: what one process of smtp(8) has logged since its last delivery was told.
//
// The key is (log host, program with service, pid); a reused pid of another service is another
// process. Plain data with the small operations on it; the rules are in correlator.cpp.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "milter/correlate/attempt.h"

namespace tlsrpt::milter {

// A connection that a delivery has used, so that its further `to=` lines are not counted again.
struct Carried {
  Peer peer;
  std::string session_delays;  // A/B/C of `delays=`; empty until a `to=` line told it.
  bool is_handshake = false;   // TLS was negotiated or tried.
  bool message_counted = false;
  // The row that was counted, for the message that a later `to=` line tells of.
  std::string domain;
  Verdict verdict;
  std::uint64_t tlsrpt = 0;  // As Session::tlsrpt.
};

// Postfix 3.4 and 3.5 say of an MX host that a TLSA record cannot be used when they look it up, and
// not again while the process has the answer in its cache.
struct UnsupportedTlsa {
  std::string mx_host;
  policy::UtcSeconds at{};  // Stamp of the newest line that says so.
};
// Postfix, tls.h: TLS_DANE_CACHE_TTL_MAX, and the second that it adds; then smtp_connect_timeout,
// as the handshake comes so long after the look-up at most.
inline constexpr std::chrono::seconds unsupported_tlsa_memory{101 + 30};

struct SmtpProcess {
  std::string key;
  std::string service;  // Program with service.
  std::string log_host;
  policy::UtcSeconds at{};  // Stamp of its newest line.

  std::vector<Attempt> open;         // Sessions whose domain is not known yet.
  std::vector<PeerNote> notes;       // What was said of a peer before its handshake.
  std::vector<std::string> offered;  // MX hosts of `Host offered STARTTLS`.
  std::vector<UnsupportedTlsa> unsupported_tlsa;

  // The delivery request that the last `to=` line belonged to.
  std::string queue_id;
  std::string arrival_delays;
  std::vector<Carried> carried;

  // The note of PEER, made where there is none. Port and letter case are not compared: not all
  // lines have them.
  PeerNote& note_for(const PeerView& peer, policy::UtcSeconds now);
  // Takes the note of PEER; none: nothing was said.
  std::optional<PeerNote> take_note(const PeerView& peer);

  // MX_HOST (lower case) has TLSA records that this version of Postfix cannot use.
  void add_unsupported_tlsa(std::string mx_host, policy::UtcSeconds now);
  bool has_unsupported_tlsa(std::string_view mx_host, policy::UtcSeconds now) const;

  // The newest open attempt with PEER, nullptr where there is none.
  Attempt* find_open(const PeerView& peer);
  // The connection to PEER that this delivery has used already, nullptr where there is none. With
  // SESSION_DELAYS only the very same one, or one of which no `to=` line told yet.
  Carried* find_carried(const PeerView& peer);
  Carried* find_carried(const PeerView& peer, std::string_view session_delays);

  // Adds an attempt. Beyond max_open the oldest is given back: it will never find its delivery.
  std::optional<Attempt> add(Attempt attempt);

  bool is_idle() const { return open.empty() && notes.empty(); }
  // Forgets everything but who it is.
  void forget_delivery();

  void write(StateWriter& writer) const;
  void read(StateReader& reader);
};

}  // namespace tlsrpt::milter
