#include "milter/correlate/pair_index.h"

#include <algorithm>
#include <cstddef>

namespace tlsrpt::milter {

void PairIndex::remove(std::uint64_t key, std::uint64_t number) {
  const auto listed = lists_.find(key);
  if (listed == lists_.end()) return;
  auto& [entries, gone] = listed->second;
  const auto front = entries.begin() + static_cast<std::ptrdiff_t>(gone);
  const auto found = std::partition_point(
      front, entries.end(), [number](const Entry& entry) { return entry.number < number; });
  if (found == entries.end() || found->number != number) return;
  if (found != front) {
    entries.erase(found);
  } else if (++gone > entries.size() / 2) {
    entries.erase(entries.begin(), front + 1);
    gone = 0;
  }
  if (entries.empty()) lists_.erase(listed);
}

std::span<const PairIndex::Entry> PairIndex::all(std::uint64_t key) const {
  const auto listed = lists_.find(key);
  return listed == lists_.end() ? std::span<const Entry>() : listed->second.left();
}

std::span<const PairIndex::Entry> PairIndex::from(std::uint64_t key, policy::UtcSeconds at) const {
  const auto entries = all(key);
  const auto first = std::partition_point(entries.begin(), entries.end(),
                                          [at](const Entry& entry) { return entry.at < at; });
  return entries.subspan(static_cast<std::size_t>(first - entries.begin()));
}

}  // namespace tlsrpt::milter
