#include <array>
#include <utility>

#include "milter/postfix/postfix_message.h"

namespace tlsrpt::milter {
namespace {

bool starts_with_peer(std::string_view text, PeerView* peer, std::string_view* rest) {
  std::size_t length = 0;
  const auto found = parse_peer(text, &length);
  if (!found) return false;
  *peer = *found;
  *rest = text.substr(length);
  return true;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view reply_code(std::string_view reply) {
  if (reply.size() < 3 || !is_digit(reply[0]) || !is_digit(reply[1]) || !is_digit(reply[2]))
    return {};
  return reply.substr(0, 3);
}

Reason classify_tls_required(std::string_view rest) {
  Reason reason;
  constexpr std::string_view not_offered = "was not offered by host ";
  constexpr std::string_view host = "host ";
  constexpr std::string_view refused = " refused to start TLS: ";
  PeerView peer;
  std::string_view after;
  if (rest.starts_with(not_offered)) {
    reason.kind = ReasonKind::starttls_not_offered;
    if (starts_with_peer(rest.substr(not_offered.size()), &peer, &after)) reason.peer = peer;
  } else if (rest.starts_with(host) && starts_with_peer(rest.substr(host.size()), &peer, &after) &&
             after.starts_with(refused)) {
    reason.kind = ReasonKind::starttls_refused;
    reason.peer = peer;
    reason.code = reply_code(after.substr(refused.size()));
  } else {
    // "our TLS engine is unavailable", "some internal error": not the recipient's doing.
    reason.kind = ReasonKind::local_fault;
  }
  return reason;
}

// `host H said: REPLY (in reply to COMMAND command)`, `host H refused to talk to me: REPLY`,
// `lost connection with H while DOING`, `conversation with H timed out while DOING`.
bool ended_before_ehlo(std::string_view text, bool may_be_cut) {
  PeerView peer;
  std::string_view rest;
  if (text.starts_with("mail for ") && text.ends_with(" loops back to myself")) return true;
  if (text.starts_with("host ")) {
    if (!starts_with_peer(text.substr(5), &peer, &rest)) return false;
    if (rest.starts_with(" refused to talk to me: ")) return true;
    if (!rest.starts_with(" said: ") || may_be_cut) return false;
    return rest.ends_with("(in reply to EHLO command)") ||
           rest.ends_with("(in reply to HELO command)");
  }
  constexpr std::string_view lost = "lost connection with ";
  constexpr std::string_view conversation = "conversation with ";
  if (text.starts_with(lost)) {
    if (!starts_with_peer(text.substr(lost.size()), &peer, &rest)) return false;
  } else if (text.starts_with(conversation)) {
    if (!starts_with_peer(text.substr(conversation.size()), &peer, &rest)) return false;
    if (!rest.starts_with(" timed out")) return false;
    rest.remove_prefix(std::string_view(" timed out").size());
  } else {
    return false;
  }
  return rest.starts_with(" while receiving the initial server greeting") ||
         rest.starts_with(" while performing the EHLO handshake") ||
         rest.starts_with(" while performing the HELO handshake");
}

constexpr auto fixed_texts = std::to_array<std::pair<std::string_view, ReasonKind>>({
    {"Server certificate not trusted", ReasonKind::certificate_not_accepted},
    {"Server certificate not verified", ReasonKind::certificate_not_accepted},
    {"Cannot start TLS: handshake failure", ReasonKind::handshake_failure},
    {"no TLSA records found", ReasonKind::no_tlsa_records},
    {"non DNSSEC destination", ReasonKind::non_dnssec_destination},
    {"TLSA records unusable", ReasonKind::tlsa_records_unusable},
    {"client TLS configuration problem", ReasonKind::local_fault},
    {"Sender requested REQUIRETLS, but ", ReasonKind::local_fault},
});

}  // namespace

Reason classify_reason(std::string_view text, bool may_be_cut) {
  constexpr std::string_view required = "TLS is required, but ";
  if (text.starts_with(required)) return classify_tls_required(text.substr(required.size()));
  Reason reason;
  constexpr std::string_view lookup_error = "TLSA lookup error for ";
  if (text.starts_with(lookup_error)) {
    reason.kind = ReasonKind::tlsa_lookup_error;
    reason.host = text.substr(lookup_error.size());
    reason.host = reason.host.substr(0, reason.host.find(':'));
    return reason;
  }
  for (const auto& [prefix, kind] : fixed_texts) {
    if (text.starts_with(prefix)) {
      reason.kind = kind;
      return reason;
    }
  }
  if (ended_before_ehlo(text, may_be_cut)) reason.kind = ReasonKind::before_ehlo;
  return reason;
}

}  // namespace tlsrpt::milter
