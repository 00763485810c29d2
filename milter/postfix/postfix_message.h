// PostfixMessage: what one message of smtp(8), tlsproxy(8), cleanup(8), qmgr(8) or bounce(8) says.
//
// Every message is matched from its first byte against Postfix's own fixed texts. Text that a
// stranger chose (replies, banners, issuer names, local parts) is never searched and decides
// nothing; a message that fits no known text is `other`, one that starts as a known text and does
// not go on as one is `not_understood`. Source: Postfix 3.4 to 3.12, src/smtp and src/tls.
#pragma once

#include <cstdint>
#include <string_view>

#include "milter/log/log_line.h"
#include "milter/postfix/delivery_line.h"
#include "milter/postfix/peer.h"
#include "milter/postfix/verify_reason.h"

namespace tlsrpt::milter {

enum class MessageKind : std::uint8_t {
  other,
  not_understood,
  established,        // `Trusted TLS connection established to H`
  reused,             // `... TLS connection reused to H`
  handshake_error,    // `SSL_connect error to H`
  proxy_failure,      // tlsproxy: `TLS handshake failed for service=smtp peer=[ip]:port`
  verify_failed,      // `certificate verification failed for H: ...`
  resumed_untrusted,  // `H: re-using session with untrusted ...`
  tlsa_unusable,      // `H: all TLSA records unusable`
  tlsa_unsupported,   // 3.4, 3.5: `unsupported ... in RR: _25._tcp.HOST IN TLSA`
  starttls_offered,   // `Host offered STARTTLS: [HOST]`
  tlsrpt,             // `TLSRPT: status=...`
  tlsrpt_not_sent,    // `Could not report TLS handshake result to tlsrpt library`
  policy_lookup,      // `TLS policy lookup for D/MX: REASON`
  sts_mx_mismatch,    // `MX name 'X' does not match STS MX pattern for 'D'`
  delivery,           // `QID: to=<...`
  soft_failure,       // `QID: REASON`: this MX failed, the next one is tried
  message_id,         // cleanup: `QID: message-id=<...>`
  sender,             // qmgr: `QID: from=<...>, size=`
  removed,            // qmgr: `QID: removed`
  notification,       // bounce: `QID: sender non-delivery notification: NEW-QID`
};

// Levels of the summary line (tls/tls_misc.c, tls_log_summary).
enum class TlsLevel : std::uint8_t { anonymous, untrusted, trusted, verified };

// Postfix's fixed reasons, in `to=` lines, soft failures and policy look-up warnings.
enum class ReasonKind : std::uint8_t {
  other,
  certificate_not_accepted,  // Server certificate not trusted, not verified
  starttls_not_offered,      // TLS is required, but was not offered by host H
  starttls_refused,          // TLS is required, but host H refused to start TLS: REPLY
  handshake_failure,         // Cannot start TLS: handshake failure
  tlsa_lookup_error,         // TLSA lookup error for HOST:PORT
  no_tlsa_records,           // no TLSA records found
  non_dnssec_destination,    // non DNSSEC destination
  tlsa_records_unusable,     // TLSA records unusable
  local_fault,               // our TLS engine, our configuration, REQUIRETLS
  before_ehlo,               // the dialogue ended before EHLO or HELO was answered
};

struct Reason {
  ReasonKind kind = ReasonKind::other;
  std::optional<PeerView> peer;  // starttls_*: the host named there (port unknown: 25).
  std::string_view host;         // tlsa_lookup_error: HOST.
  std::string_view code;         // starttls_refused: the three digits of the reply; empty: none.
};

// TEXT is a reason without its parentheses. MAY_BE_CUT: the line had the length at which syslog
// cuts, so that its end proves nothing.
Reason classify_reason(std::string_view text, bool may_be_cut);

// Views into the message; which are set depends on the kind.
struct PostfixMessage {
  MessageKind kind = MessageKind::other;
  // delivery, soft_failure, and everything below them; not_understood: of a delivery line.
  std::string_view queue_id;
  PeerView peer;  // everything with H
  TlsLevel level = TlsLevel::anonymous;
  VerifyReason verify;  // verify_failed
  Reason reason;        // delivery, soft_failure, policy_lookup
  DeliveryLine delivery;
  std::string_view domain;   // tlsrpt, policy_lookup, sts_mx_mismatch
  std::string_view mx_host;  // policy_lookup, sts_mx_mismatch, tlsa_unsupported, starttls_offered
  bool success = false;      // tlsrpt
  policy::Outcome failure_type = policy::Outcome::success;  // tlsrpt
  // tlsrpt: failure_reason; message_id; sender: between the brackets; notification: its queue id.
  std::string_view text;
};

// Never fails.
PostfixMessage parse_message(Program program, std::string_view message);

// A queue id: short (hexadecimal, upper case) or long (no vowels), with the `: ` behind it dropped
// from *REST. Empty: TEXT does not start with one.
std::string_view take_queue_id(std::string_view text, std::string_view* rest);

}  // namespace tlsrpt::milter
