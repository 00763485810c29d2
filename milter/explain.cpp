#include "milter/explain.h"

#include <istream>
#include <ostream>
#include <string>
#include <utility>

#include "milter/postfix/postfix_message.h"
#include "policy/text.h"

namespace tlsrpt::milter {
namespace {

constexpr std::string_view indent = "  = ";
// As LogFollower: a longer line is no line of Postfix.
constexpr std::size_t max_line = 64UL * 1024;

std::string_view outcome_text(const Session& session) {
  switch (session.outcome) {
    case policy::Outcome::success:
      return "success";
    case policy::Outcome::no_tls_seen:
      return session.is_unproven
                 ? "plaintext; starttls-not-supported if this service logs TLS within 24 h"
                 : "starttls-not-supported (plaintext, and this service logs TLS)";
    default:
      return policy::to_text(policy::to_result_type(session.outcome));
  }
}

class ExplainingSink final : public SessionSink {
 public:
  explicit ExplainingSink(std::ostream& out) : out_(out) {}

  void count(const Session& session) override {
    understood = true;
    if (session.sessions == 0) {
      out_ << indent << "one more message over a session that was counted before\n";
      return;
    }
    out_ << indent << "session of " << session.domain << ": " << outcome_text(session);
    if (!session.mx_host.empty()) out_ << ", MX host " << policy::escape_untrusted(session.mx_host);
    if (!session.mx_ip.empty()) out_ << " [" << session.mx_ip << ']';
    if (!session.reason.empty()) out_ << ", reason " << policy::escape_untrusted(session.reason);
    out_ << ", policy " << policy::to_text(session.policy) << ", day "
         << policy::to_text(policy::day_of(session.at)) << '\n';
  }
  void ignore(policy::Ignored kind, policy::UtcSeconds /*at*/, std::string_view domain) override {
    understood = true;
    out_ << indent << "not counted: " << policy::to_text(kind);
    if (!domain.empty()) out_ << " (" << domain << ')';
    out_ << '\n';
  }
  void not_understood(policy::UtcSeconds /*at*/, std::string_view /*line*/) override {
    understood = true;
    out_ << indent << "not understood, counted as such\n";
  }
  void tls_logged(policy::UtcSeconds /*at*/, std::string_view /*log_host*/,
                  std::string_view /*service*/) override {}
  bool is_report_message(std::string_view /*message_id*/, policy::UtcSeconds /*at*/) override {
    return false;
  }

  bool understood = false;

 private:
  std::ostream& out_;
};

std::string peer_text(const PeerView& peer) {
  std::string text(peer.host);
  return text.append("[").append(peer.address).append("]:").append(std::to_string(peer.port));
}

std::string describe_reason(const Reason& reason) {
  switch (reason.kind) {
    case ReasonKind::certificate_not_accepted:
      return "the certificate of the latest handshake was refused";
    case ReasonKind::starttls_not_offered:
      return "TLS is required and was not offered";
    case ReasonKind::starttls_refused:
      return "TLS is required and was refused";
    case ReasonKind::handshake_failure:
      return "the TLS handshake failed";
    case ReasonKind::tlsa_lookup_error:
    case ReasonKind::no_tlsa_records:
    case ReasonKind::non_dnssec_destination:
    case ReasonKind::tlsa_records_unusable:
      return "policy stopped this attempt before a connection";
    case ReasonKind::local_fault:
      return "a fault of this relay, not of the recipient";
    case ReasonKind::before_ehlo:
      return "ended before EHLO was answered";
    case ReasonKind::other:
      break;
  }
  return "says nothing of TLS";
}

// What a line says by itself; sessions are told when their delivery line comes.
std::string describe(const PostfixMessage& message) {
  switch (message.kind) {
    case MessageKind::established:
      return "TLS handshake with " + peer_text(message.peer) + " completed";
    case MessageKind::reused:
      return "connection used again: no session";
    case MessageKind::handshake_error:
      return "TLS handshake with " + peer_text(message.peer) + " failed";
    case MessageKind::proxy_failure:
      return "TLS handshake of tlsproxy with " + std::string(message.peer.address) + " failed";
    case MessageKind::verify_failed: {
      const std::string reason = message.verify.reason_text();
      return "certificate of " + peer_text(message.peer) + ": " +
             std::string(policy::to_text(policy::to_result_type(message.verify.outcome))) +
             (reason.empty() ? "" : " " + reason);
    }
    case MessageKind::resumed_untrusted:
      return "resumed a TLS session whose certificate was refused before";
    case MessageKind::tlsa_unusable:
    case MessageKind::tlsa_unsupported:
      return "TLSA records cannot be used";
    case MessageKind::starttls_offered:
      return "STARTTLS was offered and not wanted";
    case MessageKind::tlsrpt:
      return "Postfix's own TLSRPT event for " + std::string(message.domain);
    case MessageKind::tlsrpt_not_sent:
      return "Postfix could not send the datagram of its TLSRPT event";
    case MessageKind::policy_lookup:
    case MessageKind::soft_failure:
      return describe_reason(message.reason);
    case MessageKind::sts_mx_mismatch:
      return "MX host outside the MTA-STS policy of " + std::string(message.domain);
    case MessageKind::delivery:
      if (message.reason.kind != ReasonKind::other)
        return "delivery: " + describe_reason(message.reason);
      return message.delivery.relay ? "delivery over a session that was told before"
                                    : "delivery without a session";
    case MessageKind::message_id:
      return "message id";
    case MessageKind::sender:
      return "envelope sender";
    case MessageKind::notification:
      return "bounce(8) tells the sender";
    case MessageKind::removed:
      return "queue id is free again";
    case MessageKind::other:
    case MessageKind::not_understood:
      break;
  }
  return "says nothing of TLS";
}

}  // namespace

void explain_log(std::istream& in, std::ostream& out, StampParser stamps,
                 policy::UtcSeconds reference, const ExplainOptions& options) {
  const LogLineSplitter splitter(options.syslog_names);
  ExplainingSink sink(out);
  Correlator correlator(options.correlator, sink);
  std::string line;
  while (std::getline(in, line)) {
    if (line.size() > max_line) line.resize(max_line);
    out << policy::escape_untrusted(line) << '\n';
    const auto stamp = stamps.parse(line, reference);
    if (!stamp) {
      if (!line.empty()) out << indent << "no time stamp: not read\n";
      continue;
    }
    const auto split = splitter.split(std::string_view(line).substr(stamp->length));
    if (!split) {
      out << indent << "not a line of Postfix's smtp, tlsproxy, cleanup, qmgr or bounce\n";
      continue;
    }
    sink.understood = false;
    const std::string meaning = describe(parse_message(split->kind, split->message));
    correlator.take(stamp->instant, *split, line);
    if (!sink.understood) out << indent << policy::escape_untrusted(meaning) << '\n';
  }
}

}  // namespace tlsrpt::milter
