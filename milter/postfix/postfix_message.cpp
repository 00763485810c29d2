#include "milter/postfix/postfix_message.h"

#include <array>
#include <string>
#include <utility>

namespace tlsrpt::milter {
namespace {

// Postfix's vstring limit for a logged text and the syslog daemons' default cut lines at about
// 2,000 octets; a message of this length or more may lack its end.
constexpr std::size_t cut_length = 1900;

bool skip(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

PostfixMessage of_kind(MessageKind kind) {
  PostfixMessage message;
  message.kind = kind;
  return message;
}

// A kind whose text must go on with a peer: not understood without one.
PostfixMessage with_peer(MessageKind kind, std::string_view text, std::string_view* rest) {
  PostfixMessage message;
  std::size_t length = 0;
  const auto peer = parse_peer(text, &length);
  if (!peer) return of_kind(MessageKind::not_understood);
  message.kind = kind;
  message.peer = *peer;
  *rest = text.substr(length);
  return message;
}

PostfixMessage parse_summary(std::string_view text, TlsLevel level) {
  std::string_view rest;
  if (skip(text, " TLS connection established to ")) {
    PostfixMessage message = with_peer(MessageKind::established, text, &rest);
    message.level = level;
    return message;
  }
  if (skip(text, " TLS connection reused to ")) return of_kind(MessageKind::reused);
  return {};
}

PostfixMessage parse_verify(std::string_view text) {
  std::string_view rest;
  PostfixMessage message = with_peer(MessageKind::verify_failed, text, &rest);
  if (message.kind == MessageKind::verify_failed && skip(rest, ": "))
    message.verify = classify_verify_reason(rest);
  return message;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.find_first_of(" ,'\"<>[]()") == std::string_view::npos;
}

// `status=success, domain=D, receiving_mx=h[ip]` or
// `status=failure, domain=D, receiving_mx=h[ip], failure_type=x_y[, failure_reason=r]`.
PostfixMessage parse_tlsrpt(std::string_view text) {
  PostfixMessage message = of_kind(MessageKind::tlsrpt);
  const PostfixMessage bad = of_kind(MessageKind::not_understood);
  message.success = skip(text, "success, domain=");
  if (!message.success && !skip(text, "failure, domain=")) return bad;
  const std::size_t end = text.find(", receiving_mx=");
  if (end == std::string_view::npos) return bad;
  message.domain = text.substr(0, end);
  text.remove_prefix(end + std::string_view(", receiving_mx=").size());
  std::size_t length = 0;
  const auto peer = parse_peer(text, &length);
  if (!peer || !is_name(message.domain)) return bad;
  message.peer = *peer;
  text.remove_prefix(length);
  if (message.success) return text.empty() ? message : bad;
  if (!skip(text, ", failure_type=")) return bad;
  const std::size_t type_end = std::min(text.find(','), text.size());
  std::string type(text.substr(0, type_end));
  for (char& c : type) c = c == '_' ? '-' : c;
  const auto result_type = policy::parse_result_type(type);
  if (!result_type) return bad;
  message.failure_type = policy::to_outcome(*result_type);
  text.remove_prefix(type_end);
  if (skip(text, ", failure_reason=")) message.text = text;
  return message;
}

// `TLS policy lookup for D/MX: REASON`, and `TLS policy lookup error for D/MX: REASON`.
PostfixMessage parse_policy_lookup(std::string_view text) {
  if (!skip(text, "error for ") && !skip(text, "for ")) return {};
  const std::size_t slash = text.find('/');
  const std::size_t colon = text.find(": ");
  if (slash == std::string_view::npos || colon == std::string_view::npos || slash > colon)
    return of_kind(MessageKind::not_understood);
  PostfixMessage message = of_kind(MessageKind::policy_lookup);
  message.domain = text.substr(0, slash);
  message.mx_host = text.substr(slash + 1, colon - slash - 1);
  message.reason = classify_reason(text.substr(colon + 2), false);
  return message;
}

// `MX name 'X' does not match STS MX pattern for 'D'`.
PostfixMessage parse_sts_mismatch(std::string_view text) {
  const std::size_t end = text.find('\'');
  if (end == std::string_view::npos) return of_kind(MessageKind::not_understood);
  PostfixMessage message = of_kind(MessageKind::sts_mx_mismatch);
  message.mx_host = text.substr(0, end);
  text.remove_prefix(end);
  if (!skip(text, "' does not match STS MX pattern for '")) return {};
  message.domain = text.substr(0, text.find('\''));
  return message;
}

// Postfix 3.4, 3.5: `unsupported selector 9 in RR: _25._tcp.HOST IN TLSA 3 9 1 ...`.
PostfixMessage parse_unsupported(std::string_view text) {
  constexpr std::string_view marker = " in RR: _25._tcp.";
  const std::size_t at = text.find(marker);
  // The words before it are Postfix's: "selector 9", "certificate usage 1", "matching type 7".
  constexpr std::size_t longest_words = 40;
  if (at == std::string_view::npos || at > longest_words) return {};
  text.remove_prefix(at + marker.size());
  const std::size_t end = text.find(" IN TLSA");
  if (end == std::string_view::npos) return {};
  PostfixMessage message = of_kind(MessageKind::tlsa_unsupported);
  message.mx_host = text.substr(0, end);
  return message;
}

// `H: TEXT`, with or without "warning: " before it.
PostfixMessage parse_peer_message(std::string_view text) {
  std::size_t length = 0;
  const auto peer = parse_peer(text, &length);
  if (!peer) return {};
  text.remove_prefix(length);
  PostfixMessage message;
  message.peer = *peer;
  if (text.starts_with(": re-using session with untrusted ")) {
    message.kind = MessageKind::resumed_untrusted;
  } else if (text.starts_with(": all TLSA records unusable")) {
    message.kind = MessageKind::tlsa_unusable;
  }
  return message;
}

PostfixMessage parse_warning(std::string_view text) {
  if (skip(text, "TLS policy lookup ")) return parse_policy_lookup(text);
  if (skip(text, "MX name '")) return parse_sts_mismatch(text);
  if (skip(text, "unsupported ")) return parse_unsupported(text);
  if (text.starts_with("Could not report TLS handshake result to tlsrpt library"))
    return of_kind(MessageKind::tlsrpt_not_sent);
  return parse_peer_message(text);
}

PostfixMessage parse_smtp_queue_id(std::string_view queue_id, std::string_view rest,
                                   bool may_be_cut) {
  PostfixMessage message;
  message.queue_id = queue_id;
  if (!rest.starts_with("to=<")) {
    message.reason = classify_reason(rest, may_be_cut);
    message.kind =
        message.reason.kind == ReasonKind::other ? MessageKind::other : MessageKind::soft_failure;
    return message;
  }
  const auto delivery = parse_delivery_line(rest);
  if (!delivery) {
    message.kind = MessageKind::not_understood;
    return message;
  }
  message.kind = MessageKind::delivery;
  message.delivery = *delivery;
  message.reason = classify_reason(delivery->reason, may_be_cut);
  return message;
}

constexpr auto levels = std::to_array<std::pair<std::string_view, TlsLevel>>({
    {"Verified", TlsLevel::verified},
    {"Trusted", TlsLevel::trusted},
    {"Untrusted", TlsLevel::untrusted},
    {"Anonymous", TlsLevel::anonymous},
});

// Messages of the TLS client, in smtp(8) or tlsproxy(8), that have no queue id.
PostfixMessage parse_tls_message(std::string_view text) {
  std::string_view rest;
  switch (text.empty() ? '\0' : text.front()) {
    case 'V':
    case 'T':
    case 'U':
    case 'A':
      for (const auto& [word, level] : levels) {
        if (skip(text, word)) return parse_summary(text, level);
      }
      if (skip(text, "TLSRPT: status=")) return parse_tlsrpt(text);
      if (skip(text, "TLS handshake failed for service=smtp peer=")) {
        // The peer has no name here: the address is enough.
        const std::string named = "unknown" + std::string(text);
        std::size_t length = 0;
        const auto peer = parse_peer(named, &length);
        if (!peer) return of_kind(MessageKind::not_understood);
        PostfixMessage message = of_kind(MessageKind::proxy_failure);
        message.peer.address = text.substr(1, peer->address.size());
        message.peer.port = peer->port;
        return message;
      }
      break;
    case 'S':
      if (skip(text, "SSL_connect error to "))
        return with_peer(MessageKind::handshake_error, text, &rest);
      break;
    case 'H':
      if (skip(text, "Host offered STARTTLS: [")) {
        PostfixMessage message = of_kind(MessageKind::starttls_offered);
        message.mx_host = text.substr(0, text.find(']'));
        return message;
      }
      break;
    case 'C':
      if (skip(text, "CA certificate verification failed for ")) return parse_verify(text);
      break;
    case 'c':
      if (skip(text, "certificate verification failed for ")) return parse_verify(text);
      break;
    case 's':
      if (skip(text, "server certificate verification failed for ")) return parse_verify(text);
      break;
    case 'w':
      if (skip(text, "warning: ")) return parse_warning(text);
      break;
    default:
      break;
  }
  return parse_peer_message(text);
}

PostfixMessage parse_cleanup(std::string_view text) {
  PostfixMessage message;
  message.queue_id = take_queue_id(text, &text);
  if (message.queue_id.empty() || !skip(text, "message-id=")) return {};
  message.kind = MessageKind::message_id;
  message.text = text;
  return message;
}

PostfixMessage parse_qmgr(std::string_view text) {
  PostfixMessage message;
  message.queue_id = take_queue_id(text, &text);
  if (message.queue_id.empty()) return {};
  if (text == "removed") {
    message.kind = MessageKind::removed;
  } else if (skip(text, "from=<")) {
    const std::size_t end = text.find(">, size=");
    if (end == std::string_view::npos) return {};
    message.kind = MessageKind::sender;
    message.text = text.substr(0, end);
  }
  return message;
}

// `QID: sender non-delivery notification: NEW-QID` and its like (bounce_notify_service.c,
// bounce_warn_service.c, bounce_trace_service.c).
PostfixMessage parse_bounce(std::string_view text) {
  PostfixMessage message;
  message.queue_id = take_queue_id(text, &text);
  if (message.queue_id.empty()) return {};
  if (!skip(text, "sender ") && !skip(text, "postmaster ")) return {};
  if (!skip(text, "non-delivery ") && !skip(text, "delay ") && !skip(text, "delivery status "))
    return {};
  if (!skip(text, "notification: ")) return {};
  message.kind = MessageKind::notification;
  message.text = text;
  return message;
}

}  // namespace

std::string_view take_queue_id(std::string_view text, std::string_view* rest) {
  // Short ids: at least 5 digits of microseconds and an inode; long ids: 6 + 4 digits, 'z', inode.
  constexpr std::size_t shortest = 6;
  constexpr std::size_t shortest_long = 11;
  constexpr std::size_t longest = 40;
  std::size_t at = 0;
  bool is_hexadecimal = true;
  for (; at < text.size() && at < longest; ++at) {
    const char c = text[at];
    if (c == ':') break;
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F')) continue;
    if (!((c >= 'a' && c <= 'z') || (c >= 'G' && c <= 'Z'))) return {};
    is_hexadecimal = false;
  }
  if (at < shortest || (!is_hexadecimal && at < shortest_long)) return {};
  if (text.substr(at, 2) != ": ") return {};
  *rest = text.substr(at + 2);
  return text.substr(0, at);
}

PostfixMessage parse_message(Program program, std::string_view message) {
  switch (program) {
    case Program::cleanup:
      return parse_cleanup(message);
    case Program::qmgr:
      return parse_qmgr(message);
    case Program::bounce:
      return parse_bounce(message);
    case Program::tlsproxy:
      return parse_tls_message(message);
    case Program::smtp:
      break;
  }
  std::string_view rest;
  const std::string_view queue_id = take_queue_id(message, &rest);
  if (!queue_id.empty()) return parse_smtp_queue_id(queue_id, rest, message.size() >= cut_length);
  return parse_tls_message(message);
}

}  // namespace tlsrpt::milter
