#include "milter/correlate/delivery_rules.h"

#include <algorithm>
#include <utility>

#include "milter/postfix/tls_feature.h"

namespace tlsrpt::milter {
namespace {

using policy::Ignored;
using policy::Outcome;
using policy::PolicyType;

constexpr std::size_t max_carried = 100;

bool is_delivered(std::string_view status) { return status == "sent" || status == "deliverable"; }

}  // namespace

void DeliveryRules::take(const PostfixMessage& message, std::string_view text) {
  message_ = &message;
  delivery_ = &message.delivery;
  begin_delivery();
  // A line of a TLSRPT handshake has no port; the delivery line of the same host has.
  if (delivery_->relay && !delivery_->reused) {
    Attempt* attempt = process_.find_open(*delivery_->relay);
    if (attempt != nullptr && attempt->kind == AttemptKind::reported)
      attempt->peer.port = delivery_->relay->port;
  }
  apply_reason();
  if (delivery_->relay && !delivery_->reused) {
    if (!has_handshake(*delivery_->relay)) find_retried(*delivery_->relay);
    if (!has_handshake(*delivery_->relay)) judge_without_handshake(text);
  }
  apply_tls_feature();
  find_addresses();
  count_open();
  count_message();
  process_.notes.clear();
  process_.offered.clear();
}

// Rule 7: lines of one delivery request have the same queue id and the same first two delays, also
// where recipients are told one by one, on several connections.
void DeliveryRules::begin_delivery() {
  if (process_.queue_id == message_->queue_id &&
      process_.arrival_delays == delivery_->arrival_delays)
    return;
  process_.forget_delivery();
  process_.queue_id = message_->queue_id;
  process_.arrival_delays = delivery_->arrival_delays;
}

bool DeliveryRules::has_handshake(const PeerView& relay) {
  const Attempt* open = process_.find_open(relay);
  if (open != nullptr && open->kind != AttemptKind::stopped) return true;
  const Carried* carried = process_.find_carried(relay);
  return carried != nullptr && carried->is_handshake;
}

// Rules 3, 4, 5 and 9: the fixed reasons.
void DeliveryRules::apply_reason() {
  const Reason& reason = message_->reason;
  const auto& relay = delivery_->relay;
  if (!relay) {
    // What stopped this attempt before a connection; the warning before it named the MX host.
    if (reason.kind == ReasonKind::tlsa_lookup_error ||
        reason.kind == ReasonKind::no_tlsa_records ||
        reason.kind == ReasonKind::non_dnssec_destination ||
        reason.kind == ReasonKind::tlsa_records_unusable) {
      if (process_.carried.empty() || !process_.open.empty())
        correlator_.on_stop(process_, at_, reason.kind, reason.host);
    }
    return;
  }
  if (delivery_->reused) return;
  switch (reason.kind) {
    case ReasonKind::certificate_not_accepted:
      refuse_certificate(*relay);
      return;
    case ReasonKind::handshake_failure:
      fail_handshake(*relay);
      return;
    case ReasonKind::starttls_not_offered:
    case ReasonKind::starttls_refused:
      if (process_.find_carried(*relay, delivery_->session_delays) == nullptr)
        correlator_.on_not_supported(process_, at_, *relay, reason);
      return;
    default:
      return;
  }
}

void DeliveryRules::refuse_certificate(const PeerView& relay) {
  Attempt* attempt = process_.find_open(relay);
  if (attempt == nullptr || attempt->kind == AttemptKind::stopped) {
    if (process_.find_carried(relay, delivery_->session_delays) != nullptr) return;  // Rule 7.
    // loglevel 0: the refusal is all that is logged of the handshake.
    Attempt fresh;
    fresh.kind = AttemptKind::reported;
    fresh.peer.assign(relay);
    fresh.at = at_;
    correlator_.add(process_, std::move(fresh));
    attempt = &process_.open.back();
  }
  attempt->certificate_failed = true;
  if (attempt->kind != AttemptKind::reported) return;
  auto note = process_.take_note(relay);
  if (!note) note = correlator_.proxies_of(line_).handshake(relay, at_);
  correlator_.use_note(line_, *attempt, std::move(note));
}

void DeliveryRules::fail_handshake(const PeerView& relay) {
  Attempt* attempt = process_.find_open(relay);
  if (attempt != nullptr &&
      (attempt->kind == AttemptKind::failed ||
       (attempt->kind == AttemptKind::reported && !attempt->tlsrpt_success))) {
    attempt->kind = AttemptKind::failed;
    attempt->is_confirmed = true;
    return;
  }
  if (process_.find_carried(relay, delivery_->session_delays) != nullptr) return;  // Rule 7.
  // With tlsproxy smtp(8) logs no error of its own.
  Attempt fresh;
  fresh.kind = AttemptKind::failed;
  fresh.is_confirmed = true;
  fresh.peer.assign(relay);
  fresh.at = at_;
  // Its time-out may yet be logged: what was said of it until now.
  if (auto note = correlator_.proxies_of(line_).use_failure(relay, at_))
    fresh.note = *std::move(note);
  correlator_.add(process_, std::move(fresh));
}

// Rule 4 with tlsproxy: plaintext to the address of a handshake that just failed is its retry, and
// tells the host that the failure lacks.
void DeliveryRules::find_retried(const PeerView& relay) {
  const auto failed =
      std::find_if(process_.open.rbegin(), process_.open.rend(), [](const Attempt& attempt) {
        return attempt.kind == AttemptKind::failed && !attempt.peer.is_known();
      });
  if (failed == process_.open.rend()) return;
  auto note = correlator_.proxies_of(line_).failure_with(relay, at_);
  if (!note) return;
  failed->note = std::move(*note);
  failed->peer.assign(relay);
}

bool DeliveryRules::is_past_ehlo() const {
  return is_delivered(delivery_->status) || message_->reason.kind != ReasonKind::before_ehlo;
}

// Rule 6, and rule 12 at loglevel 0: a session of which only the delivery line tells.
void DeliveryRules::judge_without_handshake(std::string_view text) {
  const PeerView& relay = *delivery_->relay;
  if (process_.find_carried(relay, delivery_->session_delays) != nullptr) return;  // Rule 7.
  if (message_->reason.kind == ReasonKind::local_fault) {
    ignore_once(Ignored::local_fault);
    return;
  }
  if (!is_past_ehlo()) {
    ignore_once(Ignored::before_ehlo);
    return;
  }
  if (!delivery_->tls.empty()) {
    judge_tls_feature(text);
    return;
  }
  if (auto note = process_.take_note(relay); note && note->tlsa_unusable) {
    // Encryption is mandatory then: a delivery that went on had TLS.
    Attempt attempt;
    attempt.kind = AttemptKind::reported;
    attempt.tlsrpt_success = true;
    attempt.peer.assign(relay);
    attempt.at = at_;
    attempt.note = std::move(*note);
    correlator_.add(process_, std::move(attempt));
    return;
  }
  Peer peer;
  peer.assign(relay);
  if (std::find(process_.offered.begin(), process_.offered.end(), peer.host) !=
      process_.offered.end()) {
    ignore_once(Ignored::tls_not_wanted);
    return;
  }
  count_plaintext(false);
}

void DeliveryRules::judge_tls_feature(std::string_view text) {
  const auto feature = parse_tls_feature(delivery_->tls);
  if (!feature || feature->state == TlsState::violated ||
      (feature->state == TlsState::undecided && is_delivered(delivery_->status))) {
    correlator_.sink_.not_understood(at_, text);
    ignore_once(Ignored::not_understood);
    return;
  }
  switch (feature->state) {
    case TlsState::not_wanted:
      ignore_once(Ignored::tls_not_wanted);
      return;
    case TlsState::undecided:
      ignore_once(Ignored::before_ehlo);
      return;
    case TlsState::plaintext:
      count_plaintext(true);
      return;
    default:
      break;
  }
  // `tls=LEVEL` alone, at loglevel 0, is a success of that level.
  Attempt attempt;
  attempt.kind = AttemptKind::reported;
  attempt.tlsrpt_success = true;
  attempt.peer.assign(*delivery_->relay);
  attempt.at = at_;
  attempt.note.tlsa_unusable = feature->is_unauthenticated;
  correlator_.add(process_, std::move(attempt));
}

// Design, section 6: of a log alone, a DANE level proves a TLSA policy.
void DeliveryRules::apply_tls_feature() {
  if (!delivery_->relay || delivery_->reused || delivery_->tls.empty()) return;
  const auto feature = parse_tls_feature(delivery_->tls);
  if (!feature || !feature->is_dane) return;
  Attempt* attempt = process_.find_open(*delivery_->relay);
  if (attempt != nullptr) attempt->dane_level = true;
}

// Rule 4: a failed handshake of tlsproxy for which smtp(8) named no host.
void DeliveryRules::find_addresses() {
  for (Attempt& attempt : process_.open) {
    if (attempt.kind != AttemptKind::failed || attempt.peer.is_known()) continue;
    const auto& domain = correlator_.filter_.domain(delivery_->domain).domain;
    auto note = correlator_.proxies_of(line_).oldest_failure(domain, at_);
    if (!note) continue;
    attempt.peer = note->peer;
    attempt.note = std::move(*note);
  }
}

Carried& DeliveryRules::carry(const Peer& peer, bool is_handshake) {
  auto& carried = process_.carried;
  if (carried.size() >= max_carried) carried.erase(carried.begin());
  Carried& connection = carried.emplace_back();
  connection.peer = peer;
  connection.is_handshake = is_handshake;
  if (delivery_->relay && peer.matches(*delivery_->relay))
    connection.session_delays = delivery_->session_delays;
  return connection;
}

void DeliveryRules::ignore_once(Ignored kind) {
  Peer peer;
  peer.assign(*delivery_->relay);
  carry(peer, false).message_counted = true;
  if (peer.port != smtp_port) kind = Ignored::other_port;
  if (correlator_.queue_ids_.is_exempt(line_, at_, message_->queue_id)) kind = Ignored::report_mail;
  if (kind == Ignored::not_understood) return;  // The line itself is counted so.
  correlator_.sink_.ignore(kind, at_, correlator_.filter_.domain(delivery_->domain).domain);
}

const std::string* DeliveryRules::domain_for(std::string_view tlsrpt_domain, const Peer& peer) {
  if (correlator_.queue_ids_.is_exempt(line_, at_, message_->queue_id)) {
    correlator_.sink_.ignore(Ignored::report_mail, at_, "");
    return nullptr;
  }
  // Rule 11: where Postfix itself names another domain, the session is that domain's.
  const DomainFilter::Answer& answer =
      correlator_.filter_.domain(tlsrpt_domain.empty() ? delivery_->domain : tlsrpt_domain);
  if (const auto kind = correlator_.filter_.relay(peer)) {
    correlator_.sink_.ignore(*kind, at_, answer.domain);
    return nullptr;
  }
  if (answer.ignored) {
    correlator_.sink_.ignore(*answer.ignored, at_, answer.domain);
    return nullptr;
  }
  return &answer.domain;
}

void DeliveryRules::count_plaintext(bool is_proven) {
  Peer peer;
  peer.assign(*delivery_->relay);
  Carried& connection = carry(peer, false);
  const std::string* domain = domain_for("", peer);
  const bool has_message = delivery_->status == "sent";
  connection.message_counted = has_message || domain == nullptr;
  if (domain == nullptr) return;
  connection.domain = *domain;
  connection.verdict.outcome = is_proven ? Outcome::starttls_not_supported : Outcome::no_tls_seen;
  Session session = session_of(connection);
  session.messages = has_message ? 1 : 0;
  correlator_.sink_.count(session);
}

// The session that CONNECTION was counted as, for its row.
Session DeliveryRules::session_of(const Carried& connection) const {
  Session session;
  session.at = at_;
  session.log_host = line_.host;
  session.service = line_.program;
  session.domain = connection.domain;
  session.mx_host = connection.peer.host;
  session.mx_ip = connection.peer.address;
  session.outcome = connection.verdict.outcome;
  session.reason = connection.verdict.reason;
  session.policy = connection.verdict.policy;
  session.tlsrpt = connection.tlsrpt;
  session.starttls_not_offered =
      !connection.is_handshake && connection.verdict.outcome != Outcome::success;
  if (session.outcome == Outcome::no_tls_seen) {
    // Rule 6 (b): the 24 h before are known here, the 24 h after at evaluation.
    std::string key(line_.host);
    key.append(1, ' ').append(line_.program);
    const auto logged = correlator_.tls_logged_.find(key);
    session.is_unproven =
        logged == correlator_.tls_logged_.end() || at_ - logged->second > tls_logged_window;
  }
  return session;
}

void DeliveryRules::count_open() {
  // The message went over the newest connection to the relay.
  const Attempt* carrier = nullptr;
  if (delivery_->status == "sent" && delivery_->relay && !delivery_->reused)
    carrier = process_.find_open(*delivery_->relay);
  for (const Attempt& attempt : process_.open) count_attempt(attempt, &attempt == carrier);
  process_.open.clear();
}

void DeliveryRules::count_attempt(const Attempt& attempt, bool has_message) {
  if (at_ - attempt.at > attribution_limit) {
    correlator_.give_up(attempt);
    return;
  }
  const bool is_handshake = attempt.kind != AttemptKind::stopped;
  Carried& connection = carry(attempt.peer, is_handshake);
  const std::string* domain = domain_for(attempt.tlsrpt_domain, attempt.peer);
  connection.message_counted = has_message || domain == nullptr;
  if (domain == nullptr) {
    correlator_.settle(attempt);
    return;
  }
  connection.domain = *domain;
  connection.verdict = verdict_of(attempt);
  connection.tlsrpt = correlator_.claim(attempt);
  Session session = session_of(connection);
  session.at = attempt.at;
  session.starttls_not_offered =
      attempt.kind == AttemptKind::not_supported && attempt.refusal.empty();
  session.handshake_completed = attempt.kind == AttemptKind::established ||
                                (attempt.kind == AttemptKind::reported && attempt.tlsrpt_success);
  session.messages = has_message ? 1 : 0;
  correlator_.sink_.count(session);
}

// Messages are counted with the session that carried them; over a connection that was opened
// before, with a session of its own kind and no session more.
void DeliveryRules::count_message() {
  if (delivery_->status != "sent" || !delivery_->relay) return;
  Carried* connection = process_.find_carried(*delivery_->relay, delivery_->session_delays);
  if (connection == nullptr) {
    if (!delivery_->reused) return;
    Peer peer;
    peer.assign(*delivery_->relay);
    connection = &carry(peer, false);
    const DomainFilter::Answer& answer = correlator_.filter_.domain(delivery_->domain);
    if (answer.ignored || correlator_.filter_.relay(peer) ||
        correlator_.queue_ids_.is_exempt(line_, at_, message_->queue_id)) {
      connection->message_counted = true;
      return;
    }
    connection->domain = answer.domain;
  }
  if (connection->message_counted) return;
  connection->message_counted = true;
  connection->session_delays = delivery_->session_delays;
  Session session = session_of(*connection);
  session.sessions = 0;
  session.messages = 1;
  correlator_.sink_.count(session);
}

}  // namespace tlsrpt::milter
