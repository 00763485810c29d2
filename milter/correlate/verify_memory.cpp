#include "milter/correlate/verify_memory.h"

#include <utility>

#include "milter/correlate/state_codec.h"

namespace tlsrpt::milter {
namespace {

std::string key_of(std::string_view log_host, const Peer& peer) {
  std::string key(log_host);
  return key.append(1, ' ').append(peer.host).append(1, ' ').append(peer.address);
}

}  // namespace

void VerifyMemory::remember(std::string_view log_host, const Peer& peer, policy::UtcSeconds at,
                            const VerifyReason& verify) {
  std::string key = key_of(log_host, peer);
  const auto found = by_key_.find(key);
  if (found != by_key_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
    entries_.front().at = at;
    entries_.front().verify = verify;
    return;
  }
  if (entries_.size() >= max_verify_memory) {
    by_key_.erase(entries_.back().key);
    entries_.pop_back();
  }
  entries_.push_front({std::move(key), at, verify});
  by_key_.emplace(entries_.front().key, entries_.begin());
}

std::optional<VerifyReason> VerifyMemory::recall(std::string_view log_host, const Peer& peer,
                                                 policy::UtcSeconds now) const {
  const auto found = by_key_.find(key_of(log_host, peer));
  if (found == by_key_.end() || now - found->second->at > verify_memory_time) return std::nullopt;
  return found->second->verify;
}

void VerifyMemory::write(StateWriter& writer) const {
  writer.number(entries_.size());
  for (const Entry& entry : entries_) {
    writer.text(entry.key);
    writer.instant(entry.at);
    write_verify(writer, entry.verify);
  }
}

void VerifyMemory::read(StateReader& reader) {
  for (std::uint64_t left = reader.count(max_verify_memory); left > 0 && reader.ok(); --left) {
    Entry& entry = entries_.emplace_back();
    entry.key = reader.text();
    entry.at = reader.instant();
    entry.verify = read_verify(reader);
    if (!reader.ok() || !by_key_.emplace(entry.key, std::prev(entries_.end())).second)
      entries_.pop_back();
  }
}

void VerifyMemory::clear() {
  by_key_.clear();
  entries_.clear();
}

}  // namespace tlsrpt::milter
