#include "milter/correlate/smtp_process.h"

#include <algorithm>
#include <utility>

#include "milter/correlate/state_codec.h"

namespace tlsrpt::milter {
namespace {

// smtp_mx_session_limit is 2 by default, smtp_mx_address_limit 5; an administrator may raise both.
constexpr std::size_t max_open = 100;
constexpr std::size_t max_notes = 100;
constexpr std::size_t max_hosts = 100;
constexpr std::size_t max_carried = 100;
// As many as Postfix's own cache of TLSA look-ups has (tls_dane.c, CACHE_SIZE).
constexpr std::size_t max_unsupported_tlsa = 20;

bool same_host(const Peer& peer, const PeerView& view) {
  PeerView other = view;
  other.port = peer.port;
  return peer.matches(other);
}

void write_texts(StateWriter& writer, const std::vector<std::string>& texts) {
  writer.number(texts.size());
  for (const std::string& text : texts) writer.text(text);
}

void read_texts(StateReader& reader, std::vector<std::string>& texts) {
  for (std::uint64_t left = reader.count(max_hosts); left > 0 && reader.ok(); --left)
    texts.emplace_back(reader.text());
}

void write_carried(StateWriter& writer, const Carried& carried) {
  writer.text(carried.peer.host);
  writer.text(carried.peer.address);
  writer.number(carried.peer.port);
  writer.text(carried.session_delays);
  writer.flag(carried.is_handshake);
  writer.flag(carried.message_counted);
  writer.text(carried.domain);
  writer.number(static_cast<std::uint64_t>(carried.verdict.outcome));
  writer.text(carried.verdict.reason);
  writer.number(static_cast<std::uint64_t>(carried.verdict.policy));
  writer.number(carried.tlsrpt);
}

void read_carried(StateReader& reader, Carried& carried) {
  carried.peer.host = reader.text();
  carried.peer.address = reader.text();
  carried.peer.port = static_cast<std::uint16_t>(reader.number());
  carried.session_delays = reader.text();
  carried.is_handshake = reader.flag();
  carried.message_counted = reader.flag();
  carried.domain = reader.text();
  carried.verdict.outcome = reader.enumeration(policy::Outcome::no_tls_seen);
  carried.verdict.reason = reader.text();
  carried.verdict.policy = reader.enumeration(policy::PolicyType::no_policy_found);
  carried.tlsrpt = reader.number();
}

}  // namespace

PeerNote& SmtpProcess::note_for(const PeerView& peer, policy::UtcSeconds now) {
  for (PeerNote& note : notes) {
    if (!same_host(note.peer, peer)) continue;
    note.at = now;
    return note;
  }
  if (notes.size() >= max_notes) notes.erase(notes.begin());
  PeerNote& note = notes.emplace_back();
  note.peer.assign(peer);
  note.at = now;
  return note;
}

std::optional<PeerNote> SmtpProcess::take_note(const PeerView& peer) {
  const auto found = std::find_if(notes.begin(), notes.end(),
                                  [&](const PeerNote& note) { return same_host(note.peer, peer); });
  if (found == notes.end()) return std::nullopt;
  PeerNote note = std::move(*found);
  notes.erase(found);
  return note;
}

Attempt* SmtpProcess::find_open(const PeerView& peer) {
  const auto found = std::find_if(open.rbegin(), open.rend(), [&](const Attempt& attempt) {
    return same_host(attempt.peer, peer);
  });
  return found == open.rend() ? nullptr : &*found;
}

Carried* SmtpProcess::find_carried(const PeerView& peer) {
  const auto found = std::find_if(carried.rbegin(), carried.rend(), [&](const Carried& connection) {
    return connection.peer.matches(peer);
  });
  return found == carried.rend() ? nullptr : &*found;
}

Carried* SmtpProcess::find_carried(const PeerView& peer, std::string_view session_delays) {
  const auto found = std::find_if(carried.rbegin(), carried.rend(), [&](const Carried& connection) {
    return connection.peer.matches(peer) &&
           (connection.session_delays.empty() || connection.session_delays == session_delays);
  });
  return found == carried.rend() ? nullptr : &*found;
}

void SmtpProcess::add_unsupported_tlsa(std::string mx_host, policy::UtcSeconds now) {
  std::erase_if(unsupported_tlsa,
                [&](const UnsupportedTlsa& each) { return each.mx_host == mx_host; });
  if (unsupported_tlsa.size() >= max_unsupported_tlsa) {
    unsupported_tlsa.erase(unsupported_tlsa.begin());
  }
  unsupported_tlsa.push_back({std::move(mx_host), now});
}

bool SmtpProcess::has_unsupported_tlsa(std::string_view mx_host, policy::UtcSeconds now) const {
  return std::any_of(unsupported_tlsa.begin(), unsupported_tlsa.end(),
                     [&](const UnsupportedTlsa& each) {
                       return each.mx_host == mx_host && now - each.at <= unsupported_tlsa_memory;
                     });
}

std::optional<Attempt> SmtpProcess::add(Attempt attempt) {
  std::optional<Attempt> lost;
  if (open.size() >= max_open) {
    lost = std::move(open.front());
    open.erase(open.begin());
  }
  open.push_back(std::move(attempt));
  return lost;
}

void SmtpProcess::forget_delivery() {
  queue_id.clear();
  arrival_delays.clear();
  carried.clear();
}

void SmtpProcess::write(StateWriter& writer) const {
  writer.text(key);
  writer.text(service);
  writer.text(log_host);
  writer.instant(at);
  writer.number(open.size());
  for (const Attempt& attempt : open) attempt.write(writer);
  writer.number(notes.size());
  for (const PeerNote& note : notes) note.write(writer);
  write_texts(writer, offered);
  writer.number(unsupported_tlsa.size());
  for (const UnsupportedTlsa& each : unsupported_tlsa) {
    writer.text(each.mx_host);
    writer.instant(each.at);
  }
  writer.text(queue_id);
  writer.text(arrival_delays);
  writer.number(carried.size());
  for (const Carried& connection : carried) write_carried(writer, connection);
}

void SmtpProcess::read(StateReader& reader) {
  key = reader.text();
  service = reader.text();
  log_host = reader.text();
  at = reader.instant();
  for (std::uint64_t left = reader.count(max_open); left > 0 && reader.ok(); --left)
    open.emplace_back().read(reader);
  for (std::uint64_t left = reader.count(max_notes); left > 0 && reader.ok(); --left)
    notes.emplace_back().read(reader);
  read_texts(reader, offered);
  for (std::uint64_t left = reader.count(max_unsupported_tlsa); left > 0 && reader.ok(); --left) {
    std::string mx_host(reader.text());
    const auto since = static_cast<std::int64_t>(reader.number());
    unsupported_tlsa.push_back({std::move(mx_host), policy::from_unix_seconds(since)});
  }
  queue_id = reader.text();
  arrival_delays = reader.text();
  for (std::uint64_t left = reader.count(max_carried); left > 0 && reader.ok(); --left)
    read_carried(reader, carried.emplace_back());
}

}  // namespace tlsrpt::milter
