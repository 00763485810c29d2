// Attempt: one session that a delivery has opened, before its recipient's domain is known.
//
// A process of smtp(8) collects attempts until its next `to=` line. An attempt gathers all lines
// that speak of the same session; outcome() is the verdict of design section 3, rules 2 to 9
// and 12.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "milter/postfix/peer.h"
#include "milter/postfix/postfix_message.h"
#include "policy/fact.h"

namespace tlsrpt::milter {

class StateReader;
class StateWriter;

// What a TLS client logged about a peer before its handshake was done. One for each peer; taken by
// the next handshake with it.
struct PeerNote {
  Peer peer;
  policy::UtcSeconds at{};
  bool has_verify = false;
  VerifyReason verify;  // reason points to static storage: see verify_vocabulary.
  bool is_resumed = false;
  bool tlsa_unusable = false;
  bool has_tlsrpt = false;  // Only tlsproxy's: its TLSRPT line precedes smtp's lines.
  policy::Outcome tlsrpt_type = policy::Outcome::success;
  std::string tlsrpt_reason;
  std::string tlsrpt_domain;
  std::uint64_t tlsrpt = 0;              // As Session::tlsrpt.
  TlsLevel level = TlsLevel::anonymous;  // Of tlsproxy's summary line.

  void write(StateWriter& writer) const;
  void read(StateReader& reader);
};

enum class AttemptKind : std::uint8_t {
  established,    // A handshake was completed.
  failed,         // A handshake failed.
  not_supported,  // STARTTLS was required and not offered, or refused.
  stopped,        // Policy stopped it before a connection.
  reported,       // Only a TLSRPT line tells of it (loglevel 0).
};

struct Attempt {
  AttemptKind kind = AttemptKind::established;
  Peer peer;  // Address empty: not known.
  policy::UtcSeconds at{};
  TlsLevel level = TlsLevel::anonymous;
  PeerNote note;
  // A resumed session: what was logged of the session that it resumes. None: not known.
  std::optional<VerifyReason> resumed;
  bool certificate_failed = false;      // Rule 3: Postfix refused the certificate.
  bool is_confirmed = false;            // failed: its `Cannot start TLS` was seen.
  bool tlsa_unsupported = false;        // Rule 8, Postfix 3.4 and 3.5.
  ReasonKind stop = ReasonKind::other;  // stopped: why. other: the STS MX pattern.
  std::string refusal;                  // not_supported: reply code of a refusal.
  bool has_tlsrpt = false;
  bool tlsrpt_success = false;
  policy::Outcome tlsrpt_type = policy::Outcome::success;
  std::string tlsrpt_reason;
  std::string tlsrpt_domain;
  std::uint64_t tlsrpt = 0;  // As Session::tlsrpt.
  bool dane_level = false;   // `tls=` says dane, half-dane or dane-only.

  void write(StateWriter& writer) const;
  void read(StateReader& reader);
};

struct Verdict {
  policy::Outcome outcome = policy::Outcome::success;
  std::string reason;
  policy::PolicyType policy = policy::PolicyType::no_policy_found;
};

Verdict verdict_of(const Attempt& attempt);

}  // namespace tlsrpt::milter
