#include "milter/correlate/attempt.h"

#include <algorithm>

#include "milter/correlate/state_codec.h"
#include "policy/cut_text.h"

namespace tlsrpt::milter {
namespace {

using policy::Outcome;
using policy::PolicyType;

// The failure_reason of a TLSRPT line is Postfix's or OpenSSL's text; no longer than a reason code.
constexpr std::size_t max_reason_length = 200;

PolicyType policy_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::tlsa_invalid:
    case Outcome::dnssec_invalid:
    case Outcome::dane_required:
      return PolicyType::tlsa;
    case Outcome::sts_policy_fetch_error:
    case Outcome::sts_policy_invalid:
    case Outcome::sts_webpki_invalid:
      return PolicyType::sts;
    default:
      return PolicyType::no_policy_found;
  }
}

Verdict reported_by_tlsrpt(Outcome type, const std::string& reason) {
  return {type, std::string(policy::cut_text(reason, max_reason_length)), policy_of(type)};
}

// Design, section 3, rule 3 "Class", with rule 12 for what the log line lacks.
Verdict certificate_verdict(const Attempt& attempt) {
  const PeerNote& note = attempt.note;
  if (note.has_verify) return {note.verify.outcome, note.verify.reason_text(), note.verify.policy};
  if (note.is_resumed && attempt.resumed)
    return {attempt.resumed->outcome, "resumed-session", attempt.resumed->policy};
  const bool tlsrpt_failed = attempt.has_tlsrpt && !attempt.tlsrpt_success;
  if (note.is_resumed &&
      (!tlsrpt_failed || attempt.tlsrpt_type == Outcome::certificate_not_trusted))
    return {Outcome::certificate_not_trusted, "resumed-session", PolicyType::no_policy_found};
  if (tlsrpt_failed) return reported_by_tlsrpt(attempt.tlsrpt_type, attempt.tlsrpt_reason);
  if (note.has_tlsrpt) return reported_by_tlsrpt(note.tlsrpt_type, note.tlsrpt_reason);
  // Postfix 3.4 and 3.5 log no reason for a name mismatch: the chain was trusted, so it was that.
  if (attempt.kind == AttemptKind::established && attempt.level == TlsLevel::trusted)
    return {Outcome::certificate_host_mismatch, "", PolicyType::no_policy_found};
  return {Outcome::certificate_not_trusted, "", PolicyType::no_policy_found};
}

Verdict unusable_tlsa() {
  return {Outcome::tlsa_invalid, "all-TLSA-records-unusable", PolicyType::tlsa};
}

Verdict established_verdict(const Attempt& attempt) {
  if (attempt.certificate_failed) return certificate_verdict(attempt);
  if (attempt.note.tlsa_unusable) return unusable_tlsa();
  if (attempt.has_tlsrpt && !attempt.tlsrpt_success)
    return reported_by_tlsrpt(attempt.tlsrpt_type, attempt.tlsrpt_reason);
  if (attempt.note.has_tlsrpt && attempt.note.tlsrpt_type == Outcome::tlsa_invalid)
    return unusable_tlsa();
  if (attempt.tlsa_unsupported && attempt.level != TlsLevel::verified) return unusable_tlsa();
  return {};
}

Verdict stopped_verdict(const Attempt& attempt) {
  switch (attempt.stop) {
    case ReasonKind::tlsa_lookup_error:
      return {Outcome::dnssec_invalid, "tlsa-lookup-error", PolicyType::tlsa};
    case ReasonKind::no_tlsa_records:
      return {Outcome::dane_required, "no-tlsa-records-found", PolicyType::tlsa};
    case ReasonKind::non_dnssec_destination:
      return {Outcome::dane_required, "non-dnssec-destination", PolicyType::tlsa};
    case ReasonKind::tlsa_records_unusable:
      return unusable_tlsa();
    default:
      return {Outcome::validation_failure, "mx-host-mismatch", PolicyType::sts};
  }
}

Verdict basic_verdict(const Attempt& attempt) {
  switch (attempt.kind) {
    case AttemptKind::established:
      return established_verdict(attempt);
    case AttemptKind::failed:
      return {Outcome::validation_failure, "tls-handshake-failure", PolicyType::no_policy_found};
    case AttemptKind::not_supported: {
      const std::string reason =
          attempt.refusal.empty() ? "starttls-not-offered" : "starttls-refused-" + attempt.refusal;
      return {Outcome::starttls_not_supported, reason, PolicyType::no_policy_found};
    }
    case AttemptKind::stopped:
      return stopped_verdict(attempt);
    case AttemptKind::reported:
      break;
  }
  if (attempt.certificate_failed) return certificate_verdict(attempt);
  if (attempt.note.tlsa_unusable) return unusable_tlsa();
  if (attempt.tlsrpt_success) return {};
  Verdict verdict = reported_by_tlsrpt(attempt.tlsrpt_type, attempt.tlsrpt_reason);
  // RFC 8460, 4.4: a reason helps; a refusal whose reply the log does not show is still a refusal.
  if (verdict.outcome == Outcome::starttls_not_supported && verdict.reason.empty())
    verdict.reason = "starttls-refused";
  return verdict;
}

void write_outcome(StateWriter& writer, Outcome outcome) {
  writer.number(static_cast<std::uint64_t>(outcome));
}

void write_peer(StateWriter& writer, const Peer& peer) {
  writer.text(peer.host);
  writer.text(peer.address);
  writer.number(peer.port);
}

void read_peer(StateReader& reader, Peer& peer) {
  peer.host = reader.text();
  peer.address = reader.text();
  peer.port = static_cast<std::uint16_t>(reader.number());
}

}  // namespace

Verdict verdict_of(const Attempt& attempt) {
  Verdict verdict = basic_verdict(attempt);
  // Design, section 6: `tls=dane|half-dane...` proves a TLSA policy.
  if (attempt.dane_level) verdict.policy = PolicyType::tlsa;
  return verdict;
}

void PeerNote::write(StateWriter& writer) const {
  write_peer(writer, peer);
  writer.instant(at);
  writer.flag(has_verify);
  write_verify(writer, verify);
  writer.flag(is_resumed);
  writer.flag(tlsa_unusable);
  writer.flag(has_tlsrpt);
  write_outcome(writer, tlsrpt_type);
  writer.text(tlsrpt_reason);
  writer.text(tlsrpt_domain);
  writer.number(tlsrpt);
  writer.number(static_cast<std::uint64_t>(level));
}

void PeerNote::read(StateReader& reader) {
  read_peer(reader, peer);
  at = reader.instant();
  has_verify = reader.flag();
  verify = read_verify(reader);
  is_resumed = reader.flag();
  tlsa_unusable = reader.flag();
  has_tlsrpt = reader.flag();
  tlsrpt_type = reader.enumeration(Outcome::dane_required);
  tlsrpt_reason = reader.text();
  tlsrpt_domain = reader.text();
  tlsrpt = reader.number();
  level = reader.enumeration(TlsLevel::verified);
}

void Attempt::write(StateWriter& writer) const {
  writer.number(static_cast<std::uint64_t>(kind));
  write_peer(writer, peer);
  writer.instant(at);
  writer.number(static_cast<std::uint64_t>(level));
  note.write(writer);
  writer.flag(resumed.has_value());
  if (resumed) write_verify(writer, *resumed);
  writer.flag(certificate_failed);
  writer.flag(is_confirmed);
  writer.flag(tlsa_unsupported);
  writer.number(static_cast<std::uint64_t>(stop));
  writer.text(refusal);
  writer.flag(has_tlsrpt);
  writer.flag(tlsrpt_success);
  write_outcome(writer, tlsrpt_type);
  writer.text(tlsrpt_reason);
  writer.text(tlsrpt_domain);
  writer.number(tlsrpt);
  writer.flag(dane_level);
}

void Attempt::read(StateReader& reader) {
  kind = reader.enumeration(AttemptKind::reported);
  read_peer(reader, peer);
  at = reader.instant();
  level = reader.enumeration(TlsLevel::verified);
  note.read(reader);
  if (reader.flag()) resumed = read_verify(reader);
  certificate_failed = reader.flag();
  is_confirmed = reader.flag();
  tlsa_unsupported = reader.flag();
  stop = reader.enumeration(ReasonKind::before_ehlo);
  refusal = reader.text();
  has_tlsrpt = reader.flag();
  tlsrpt_success = reader.flag();
  tlsrpt_type = reader.enumeration(Outcome::dane_required);
  tlsrpt_reason = reader.text();
  tlsrpt_domain = reader.text();
  tlsrpt = reader.number();
  dane_level = reader.flag();
}

}  // namespace tlsrpt::milter
