#include "milter/correlate/proxy_table.h"

#include <algorithm>

#include "milter/correlate/state_codec.h"

namespace tlsrpt::milter {
namespace {

// A handshake_failed line has no host name, a TLSRPT line no port: the address decides.
bool same_address(const Peer& peer, const PeerView& view) { return peer.address == view.address; }

bool same_host(const Peer& peer, const PeerView& view) {
  PeerView other = view;
  other.port = peer.port;
  return peer.matches(other);
}

}  // namespace

void ProxyTable::abandon(const PeerNote& note) {
  if (note.tlsrpt != 0) abandoned_.push_back(note.tlsrpt);
}

void ProxyTable::bound(std::deque<PeerNote>& entries) {
  while (entries.size() > max_proxy_entries) {
    abandon(entries.front());
    entries.pop_front();
  }
}

PeerNote& ProxyTable::note_for(std::string_view pid_key, const PeerView& peer,
                               policy::UtcSeconds at) {
  const auto found = std::find_if(notes_.begin(), notes_.end(), [&](const ProcessNote& entry) {
    return entry.pid_key == pid_key && same_host(entry.note.peer, peer);
  });
  if (found != notes_.end()) {
    found->note.at = at;
    return found->note;
  }
  ProcessNote entry;
  entry.pid_key = pid_key;
  entry.note.peer.assign(peer);
  entry.note.at = at;
  notes_.push_back(std::move(entry));
  while (notes_.size() > max_proxy_entries) {
    abandon(notes_.front().note);
    notes_.pop_front();
  }
  return notes_.back().note;
}

PeerNote ProxyTable::take_note(std::string_view pid_key, const PeerView& peer,
                               policy::UtcSeconds at) {
  const auto found = std::find_if(notes_.begin(), notes_.end(), [&](const ProcessNote& entry) {
    return entry.pid_key == pid_key && same_address(entry.note.peer, peer);
  });
  PeerNote note;
  if (found != notes_.end()) {
    note = std::move(found->note);
    notes_.erase(found);
  }
  if (!peer.host.empty()) note.peer.assign(peer);
  note.at = at;
  return note;
}

void ProxyTable::add_failure(std::string_view pid_key, policy::UtcSeconds at,
                             const PeerView& peer) {
  PeerNote note = take_note(pid_key, peer, at);
  if (!note.peer.is_known()) {
    note.peer.address = peer.address;
    note.peer.port = peer.port;
  }
  const auto used = std::find_if(early_uses_.begin(), early_uses_.end(), [&](const PeerNote& use) {
    return same_address(use.peer, peer) && at - use.at <= proxy_memory;
  });
  if (used != early_uses_.end()) {
    early_uses_.erase(used);
    if (note.tlsrpt != 0) settled_.push_back(note.tlsrpt);
    return;
  }
  failures_.push_back(std::move(note));
  bound(failures_);
}

void ProxyTable::take(std::string_view pid_key, policy::UtcSeconds at,
                      const PostfixMessage& message, std::uint64_t tlsrpt) {
  switch (message.kind) {
    case MessageKind::verify_failed: {
      PeerNote& note = note_for(pid_key, message.peer, at);
      note.has_verify = true;
      note.verify = message.verify;
      return;
    }
    case MessageKind::resumed_untrusted:
      note_for(pid_key, message.peer, at).is_resumed = true;
      return;
    case MessageKind::tlsa_unusable:
      note_for(pid_key, message.peer, at).tlsa_unusable = true;
      return;
    case MessageKind::tlsrpt: {
      if (message.success) {
        if (tlsrpt != 0) settled_.push_back(tlsrpt);
        return;
      }
      PeerNote& note = note_for(pid_key, message.peer, at);
      abandon(note);
      note.has_tlsrpt = true;
      note.tlsrpt = tlsrpt;
      note.tlsrpt_type = message.failure_type;
      note.tlsrpt_reason = message.text;
      note.tlsrpt_domain = message.domain;
      return;
    }
    case MessageKind::established:
      handshakes_.push_back(take_note(pid_key, message.peer, at));
      handshakes_.back().level = message.level;
      bound(handshakes_);
      return;
    case MessageKind::proxy_failure:
      add_failure(pid_key, at, message.peer);
      return;
    default:
      return;
  }
}

std::optional<PeerNote> ProxyTable::handshake(const PeerView& peer, policy::UtcSeconds now,
                                              std::optional<TlsLevel> level) {
  if (empty()) return std::nullopt;
  expire(now);
  auto done = std::find_if(handshakes_.begin(), handshakes_.end(), [&](const PeerNote& note) {
    return note.peer.matches(peer) && note.level == level;
  });
  if (done == handshakes_.end()) {
    done = std::find_if(handshakes_.begin(), handshakes_.end(),
                        [&](const PeerNote& note) { return note.peer.matches(peer); });
  }
  if (done != handshakes_.end()) {
    PeerNote note = std::move(*done);
    handshakes_.erase(done);
    return note;
  }
  // loglevel 0: tlsproxy logs no summary line, but what failed.
  const auto noted = std::find_if(notes_.begin(), notes_.end(), [&](const ProcessNote& entry) {
    return same_host(entry.note.peer, peer);
  });
  if (noted == notes_.end()) return std::nullopt;
  PeerNote note = std::move(noted->note);
  notes_.erase(noted);
  return note;
}

std::optional<PeerNote> ProxyTable::failure_with(const PeerView& peer, policy::UtcSeconds now) {
  expire(now);
  const auto found = std::find_if(failures_.begin(), failures_.end(), [&](const PeerNote& note) {
    return same_address(note.peer, peer);
  });
  if (found == failures_.end()) return std::nullopt;
  PeerNote note = std::move(*found);
  failures_.erase(found);
  return note;
}

std::optional<PeerNote> ProxyTable::use_failure(const PeerView& peer, policy::UtcSeconds now) {
  if (auto note = failure_with(peer, now)) return note;
  PeerNote use;
  use.peer.assign(peer);
  use.at = now;
  early_uses_.push_back(std::move(use));
  bound(early_uses_);
  return std::nullopt;
}

std::optional<PeerNote> ProxyTable::oldest_failure(std::string_view domain,
                                                   policy::UtcSeconds now) {
  expire(now);
  auto found = std::find_if(failures_.begin(), failures_.end(), [&](const PeerNote& note) {
    return note.has_tlsrpt && note.tlsrpt_domain == domain;
  });
  if (found == failures_.end()) {
    found = std::find_if(failures_.begin(), failures_.end(), [&](const PeerNote& note) {
      return !note.has_tlsrpt || note.tlsrpt_domain.empty();
    });
  }
  if (found == failures_.end()) return std::nullopt;
  PeerNote note = std::move(*found);
  failures_.erase(found);
  return note;
}

void ProxyTable::expire(policy::UtcSeconds now) {
  const auto old = [&](const PeerNote& note) { return now - note.at > proxy_memory; };
  for (auto* list : {&handshakes_, &failures_, &early_uses_}) {
    for (; !list->empty() && old(list->front()); list->pop_front()) abandon(list->front());
  }
  std::erase_if(notes_, [&](const ProcessNote& entry) {
    if (!old(entry.note)) return false;
    abandon(entry.note);
    return true;
  });
}

void ProxyTable::write(StateWriter& writer) const {
  writer.number(notes_.size());
  for (const ProcessNote& entry : notes_) {
    writer.text(entry.pid_key);
    entry.note.write(writer);
  }
  for (const auto* list : {&handshakes_, &failures_, &early_uses_}) {
    writer.number(list->size());
    for (const PeerNote& note : *list) note.write(writer);
  }
}

void ProxyTable::read(StateReader& reader) {
  for (std::uint64_t left = reader.count(max_proxy_entries); left > 0 && reader.ok(); --left) {
    ProcessNote entry;
    entry.pid_key = reader.text();
    entry.note.read(reader);
    notes_.push_back(std::move(entry));
  }
  for (auto* list : {&handshakes_, &failures_, &early_uses_}) {
    for (std::uint64_t left = reader.count(max_proxy_entries); left > 0 && reader.ok(); --left)
      list->emplace_back().read(reader);
  }
}

}  // namespace tlsrpt::milter
