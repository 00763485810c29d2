#include "milter/correlate/queue_id_table.h"

#include <iterator>
#include <utility>

#include "milter/correlate/state_codec.h"

namespace tlsrpt::milter {

void QueueIdTable::put(std::string key, Standing standing, policy::UtcSeconds at) {
  erase(key);
  if (entries_.size() >= limit_) {
    erase(entries_.front().key);
    ++given_up_;
  }
  entries_.push_back({std::move(key), standing, at});
  by_key_.emplace(entries_.back().key, std::prev(entries_.end()));
}

void QueueIdTable::erase(std::string_view key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return;
  const auto entry = found->second;
  by_key_.erase(found);
  entries_.erase(entry);
}

const QueueIdTable::Entry* QueueIdTable::find(std::string_view key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : &*found->second;
}

std::vector<std::string> QueueIdTable::keys_with(std::string_view begin) const {
  std::vector<std::string> keys;
  for (const Entry& entry : entries_) {
    if (entry.key.starts_with(begin)) keys.push_back(entry.key);
  }
  return keys;
}

void QueueIdTable::expire(policy::UtcSeconds since) {
  std::erase_if(by_key_, [&](const auto& each) { return each.second->at < since; });
  std::erase_if(entries_, [&](const Entry& entry) { return entry.at < since; });
}

void QueueIdTable::clear() {
  by_key_.clear();
  entries_.clear();
}

std::uint64_t QueueIdTable::take_given_up() { return std::exchange(given_up_, 0); }

void QueueIdTable::write(StateWriter& writer) const {
  for (const Entry& entry : entries_) {
    writer.text(entry.key);
    writer.number(static_cast<std::uint64_t>(entry.standing));
    writer.instant(entry.at);
  }
}

}  // namespace tlsrpt::milter
