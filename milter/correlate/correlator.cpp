#include "milter/correlate/correlator.h"

#include <algorithm>
#include <utility>

#include "milter/correlate/delivery_rules.h"
#include "milter/correlate/state_codec.h"

namespace tlsrpt::milter {
namespace {

constexpr std::chrono::minutes sweep_interval{10};
// Instances and services of one log; more than any real site has.
constexpr std::size_t max_services = 1000;
// MX hosts of one delivery; Postfix tries 5 (smtp_mx_session_limit 2).
constexpr std::size_t max_offered = 100;

bool is_policy_stop(ReasonKind kind) {
  return kind == ReasonKind::tlsa_lookup_error || kind == ReasonKind::no_tlsa_records ||
         kind == ReasonKind::non_dnssec_destination || kind == ReasonKind::tlsa_records_unusable;
}

// HOST as in a Peer.
std::string host_of(std::string_view host) {
  Peer peer;
  peer.assign({host, "", smtp_port});
  return std::move(peer.host);
}

std::string service_key(std::string_view log_host, std::string_view service) {
  std::string key(log_host);
  return key.append(1, ' ').append(service);
}

}  // namespace

Correlator::Correlator(CorrelatorOptions options, SessionSink& sink)
    : filter_(std::move(options.filter)),
      queue_ids_(std::move(options.report_senders), std::move(options.double_bounce_senders)),
      sink_(sink) {}

void Correlator::take(policy::UtcSeconds at, const LogLine& line, std::string_view text) {
  // After a stamp far in the future the log's time is behind the next sweep for long.
  if (at >= next_sweep_ || at + 2 * sweep_interval < next_sweep_) sweep(at);
  switch (line.kind) {
    case Program::cleanup:
    case Program::qmgr:
    case Program::bounce:
      if (queue_ids_.concerns(line))
        queue_ids_.take(line, at, parse_message(line.kind, line.message), sink_);
      return;
    case Program::tlsproxy: {
      const PostfixMessage message = parse_message(line.kind, line.message);
      if (message.kind == MessageKind::not_understood) {
        sink_.not_understood(at, text);
      } else if (message.kind == MessageKind::tlsrpt_not_sent) {
        sink_.tlsrpt_not_sent(line);
      } else if (message.kind != MessageKind::other) {
        ProxyTable& proxies = proxies_of(line);
        const std::uint64_t tlsrpt =
            message.kind == MessageKind::tlsrpt ? sink_.tlsrpt_line(at, line, message) : 0;
        proxies.take(line.process, at, message, tlsrpt);
        tell_tlsrpt(proxies);
      }
      return;
    }
    case Program::smtp:
      take_smtp(at, line, text);
      return;
  }
}

void Correlator::take(const ReportMail& mail, policy::UtcSeconds at, bool counts) {
  queue_ids_.take(mail, at, counts, sink_);
}

void Correlator::take_smtp(policy::UtcSeconds at, const LogLine& line, std::string_view text) {
  const PostfixMessage message = parse_message(line.kind, line.message);
  if (message.kind == MessageKind::other || message.kind == MessageKind::reused) return;
  if (message.kind == MessageKind::tlsrpt_not_sent) {
    sink_.tlsrpt_not_sent(line);
    return;
  }
  if (message.kind == MessageKind::not_understood) {
    sink_.not_understood(at, text);
    // Rule 1: the session is that of the next recipient, even where a cut line does not tell whose.
    if (!message.queue_id.empty()) abandon(process_of(line, at));
    return;
  }
  SmtpProcess& process = process_of(line, at);
  switch (message.kind) {
    case MessageKind::established:
      on_established(process, at, line, message);
      return;
    case MessageKind::handshake_error:
      on_handshake_error(process, at, message);
      return;
    case MessageKind::verify_failed: {
      PeerNote& note = process.note_for(message.peer, at);
      note.has_verify = true;
      note.verify = message.verify;
      return;
    }
    case MessageKind::resumed_untrusted:
      process.note_for(message.peer, at).is_resumed = true;
      return;
    case MessageKind::tlsa_unusable:
      process.note_for(message.peer, at).tlsa_unusable = true;
      return;
    case MessageKind::tlsa_unsupported:
      process.add_unsupported_tlsa(host_of(message.mx_host), at);
      return;
    case MessageKind::starttls_offered:
      if (process.offered.size() < max_offered) process.offered.push_back(host_of(message.mx_host));
      return;
    case MessageKind::tlsrpt:
      on_tlsrpt(process, at, line, message);
      return;
    case MessageKind::policy_lookup:
      if (is_policy_stop(message.reason.kind))
        on_stop(process, at, message.reason.kind, message.mx_host);
      return;
    case MessageKind::sts_mx_mismatch:
      on_stop(process, at, ReasonKind::other, message.mx_host);
      return;
    case MessageKind::soft_failure:
      on_soft_failure(process, at, line, message.reason);
      return;
    case MessageKind::delivery:
      DeliveryRules(*this, process, line, at).take(message, text);
      return;
    default:
      return;
  }
}

// Rule 2, and the notes of rules 3, 8 and 12 that came before it.
void Correlator::on_established(SmtpProcess& process, policy::UtcSeconds at, const LogLine& line,
                                const PostfixMessage& message) {
  note_tls_logged(at, line);
  // A certificate failure's TLSRPT line comes before the summary line of the same handshake.
  Attempt* reported = process.find_open(message.peer);
  const bool is_same =
      reported != nullptr && reported->kind == AttemptKind::reported && !reported->tlsrpt_success;
  Attempt fresh;
  Attempt& attempt = is_same ? *reported : fresh;
  attempt.kind = AttemptKind::established;
  attempt.peer.assign(message.peer);
  attempt.at = at;
  attempt.level = message.level;
  auto note = process.take_note(message.peer);
  if (!note) note = proxies_of(line).handshake(message.peer, at, message.level);
  use_note(line, attempt, std::move(note));
  attempt.tlsa_unsupported = process.has_unsupported_tlsa(attempt.peer.host, at);
  if (!is_same) add(process, std::move(fresh));
}

// Rule 6 (b).
void Correlator::note_tls_logged(policy::UtcSeconds at, const LogLine& line) {
  // Most lines are of the same second and service as the one before.
  if (at == last_logged_at_ && line.host == last_logged_host_ &&
      line.program == last_logged_service_)
    return;
  last_logged_at_ = at;
  last_logged_host_ = line.host;
  last_logged_service_ = line.program;
  sink_.tls_logged(at, line.host, line.program);
  const std::string key = service_key(line.host, line.program);
  if (tls_logged_.size() < max_services || tls_logged_.contains(key)) tls_logged_[key] = at;
}

// Rule 3: what was said of the peer before its handshake was done.
void Correlator::use_note(const LogLine& line, Attempt& attempt, std::optional<PeerNote> note) {
  if (!note) return;
  attempt.note = std::move(*note);
  if (attempt.note.has_verify) {
    verify_memory_.remember(line.host, attempt.peer, attempt.at, attempt.note.verify);
  } else if (attempt.note.is_resumed) {
    attempt.resumed = verify_memory_.recall(line.host, attempt.peer, attempt.at);
  }
}

// Rule 4.
void Correlator::on_handshake_error(SmtpProcess& process, policy::UtcSeconds at,
                                    const PostfixMessage& message) {
  Attempt attempt;
  attempt.kind = AttemptKind::failed;
  attempt.peer.assign(message.peer);
  attempt.at = at;
  if (auto note = process.take_note(message.peer)) attempt.note = std::move(*note);
  add(process, std::move(attempt));
}

// Rule 12.
void Correlator::on_tlsrpt(SmtpProcess& process, policy::UtcSeconds at, const LogLine& line,
                           const PostfixMessage& message) {
  Attempt* attempt = process.find_open(message.peer);
  if (attempt == nullptr || attempt->has_tlsrpt || attempt->kind == AttemptKind::stopped) {
    Attempt reported;
    reported.kind = AttemptKind::reported;
    reported.peer.assign(message.peer);
    reported.at = at;
    add(process, std::move(reported));
    attempt = &process.open.back();
  }
  attempt->has_tlsrpt = true;
  attempt->tlsrpt = sink_.tlsrpt_line(at, line, message);
  attempt->tlsrpt_success = message.success;
  attempt->tlsrpt_type = message.failure_type;
  attempt->tlsrpt_reason = message.text;
  attempt->tlsrpt_domain = message.domain;
}

// Rule 9: one per attempt and MX host, however many lines say so.
void Correlator::on_stop(SmtpProcess& process, policy::UtcSeconds at, ReasonKind why,
                         std::string_view mx_host) {
  Peer peer;
  peer.assign({mx_host, "", smtp_port});
  const bool is_known =
      std::any_of(process.open.begin(), process.open.end(), [&](const Attempt& attempt) {
        return attempt.kind == AttemptKind::stopped && attempt.stop == why &&
               (mx_host.empty() || attempt.peer.host == peer.host);
      });
  if (is_known) return;
  Attempt attempt;
  attempt.kind = AttemptKind::stopped;
  attempt.peer = std::move(peer);
  attempt.at = at;
  attempt.stop = why;
  add(process, std::move(attempt));
}

// `QID: REASON` without a host: this MX is given up, the next one is tried.
void Correlator::on_soft_failure(SmtpProcess& process, policy::UtcSeconds at, const LogLine& line,
                                 const Reason& reason) {
  if (is_policy_stop(reason.kind)) {
    on_stop(process, at, reason.kind, reason.host);
    return;
  }
  switch (reason.kind) {
    case ReasonKind::certificate_not_accepted:
      on_certificate_refused(process, at, line);
      return;
    case ReasonKind::handshake_failure: {
      Attempt* last = process.open.empty() ? nullptr : &process.open.back();
      if (last != nullptr && !last->is_confirmed &&
          (last->kind == AttemptKind::failed ||
           (last->kind == AttemptKind::reported && !last->tlsrpt_success))) {
        last->kind = AttemptKind::failed;
        last->is_confirmed = true;
        return;
      }
      // With tlsproxy: the address is found when the delivery's domain is known.
      Attempt attempt;
      attempt.kind = AttemptKind::failed;
      attempt.is_confirmed = true;
      attempt.at = at;
      add(process, std::move(attempt));
      return;
    }
    case ReasonKind::starttls_not_offered:
    case ReasonKind::starttls_refused:
      if (reason.peer) on_not_supported(process, at, *reason.peer, reason);
      return;
    default:
      return;
  }
}

// Rule 3, the form without a host: the process's latest handshake.
void Correlator::on_certificate_refused(SmtpProcess& process, policy::UtcSeconds at,
                                        const LogLine& line) {
  const auto latest =
      std::find_if(process.open.rbegin(), process.open.rend(), [](const Attempt& a) {
        return a.kind == AttemptKind::established || a.kind == AttemptKind::reported;
      });
  if (latest != process.open.rend() && !latest->certificate_failed) {
    latest->certificate_failed = true;
    if (!process.notes.empty() && latest->kind == AttemptKind::reported) {
      use_note(line, *latest,
               process.take_note({latest->peer.host, latest->peer.address, smtp_port}));
    }
    return;
  }
  // loglevel 0 logs no handshake; what was said of a peer names it.
  Attempt attempt;
  attempt.kind = AttemptKind::reported;
  attempt.certificate_failed = true;
  attempt.at = at;
  if (!process.notes.empty()) {
    PeerNote note = std::move(process.notes.back());
    process.notes.pop_back();
    attempt.peer = note.peer;
    use_note(line, attempt, std::move(note));
  }
  add(process, std::move(attempt));
}

// Rule 5.
void Correlator::on_not_supported(SmtpProcess& process, policy::UtcSeconds at, const PeerView& peer,
                                  const Reason& reason) {
  Attempt* attempt = process.find_open(peer);
  const bool is_same = attempt != nullptr && attempt->kind == AttemptKind::reported &&
                       attempt->tlsrpt_type == policy::Outcome::starttls_not_supported;
  if (!is_same) {
    Attempt fresh;
    fresh.peer.assign(peer);
    fresh.at = at;
    add(process, std::move(fresh));
    attempt = &process.open.back();
  }
  attempt->kind = AttemptKind::not_supported;
  attempt->peer.port = peer.port;
  attempt->refusal = reason.kind == ReasonKind::starttls_refused
                         ? std::string(reason.code.empty() ? "unknown" : reason.code)
                         : std::string();
}

void Correlator::add(SmtpProcess& process, Attempt attempt) {
  if (const auto lost = process.add(std::move(attempt))) give_up(*lost);
}

// What PROCESS has open belongs to none of its next deliveries.
void Correlator::abandon(SmtpProcess& process) {
  for (const Attempt& attempt : process.open) give_up(attempt);
  process.open.clear();
  process.notes.clear();
  process.offered.clear();
  process.forget_delivery();
}

void Correlator::give_up(const Attempt& attempt) {
  const std::uint64_t tlsrpt = claim(attempt);
  if (tlsrpt == 0 || !sink_.abandon_tlsrpt(tlsrpt))
    sink_.ignore(policy::Ignored::unattributed, attempt.at, "");
}

// The TLSRPT line of ATTEMPT's session. Where both smtp(8) and tlsproxy(8) have one, the other is
// of the same session.
std::uint64_t Correlator::claim(const Attempt& attempt) {
  if (attempt.tlsrpt == 0) return attempt.note.tlsrpt;
  if (attempt.note.tlsrpt != 0) sink_.settle_tlsrpt(attempt.note.tlsrpt);
  return attempt.tlsrpt;
}

void Correlator::settle(const Attempt& attempt) {
  if (const std::uint64_t tlsrpt = claim(attempt); tlsrpt != 0) sink_.settle_tlsrpt(tlsrpt);
}

void Correlator::tell_tlsrpt(ProxyTable& proxies) {
  for (const std::uint64_t number : proxies.take_settled()) sink_.settle_tlsrpt(number);
  for (const std::uint64_t number : proxies.take_abandoned()) sink_.abandon_tlsrpt(number);
}

SmtpProcess& Correlator::process_of(const LogLine& line, policy::UtcSeconds at) {
  const auto found = by_key_.find(line.process);
  if (found != by_key_.end()) {
    processes_.splice(processes_.begin(), processes_, found->second);
    SmtpProcess& process = processes_.front();
    if (at - process.at > attribution_limit) abandon(process);
    process.at = std::max(process.at, at);
    return process;
  }
  if (processes_.size() >= max_processes) drop(std::prev(processes_.end()));
  SmtpProcess& process = processes_.emplace_front();
  process.key = line.process;
  process.service = line.program;
  process.log_host = line.host;
  process.at = at;
  by_key_.emplace(process.key, processes_.begin());
  return process;
}

ProxyTable& Correlator::proxies_of(const LogLine& line) {
  const std::string key = service_key(line.host, line.instance);
  const auto found = proxies_.find(key);
  if (found != proxies_.end()) return found->second;
  if (proxies_.size() >= max_services) proxies_.erase(proxies_.begin());
  return proxies_[key];
}

void Correlator::drop(Processes::iterator process) {
  for (const Attempt& attempt : process->open) give_up(attempt);
  by_key_.erase(process->key);
  processes_.erase(process);
}

void Correlator::sweep(policy::UtcSeconds now) {
  const auto last_sweep = next_sweep_ - sweep_interval;
  next_sweep_ = now + sweep_interval;
  for (auto process = processes_.begin(); process != processes_.end();) {
    const auto current = process++;
    const auto silent = now - current->at;
    if (silent > attribution_limit || (current->is_idle() && silent > idle_memory)) drop(current);
  }
  for (auto entry = proxies_.begin(); entry != proxies_.end();) {
    entry->second.expire(now);
    tell_tlsrpt(entry->second);
    entry = entry->second.empty() ? proxies_.erase(entry) : std::next(entry);
  }
  // One stamp of a host whose clock is wrong must not end all of them: two sweeps agree.
  queue_ids_.expire(std::min(now, last_sweep));
  std::erase_if(tls_logged_,
                [&](const auto& entry) { return now - entry.second > tls_logged_window; });
}

}  // namespace tlsrpt::milter
