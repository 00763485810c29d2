#include "milter/correlate/pair_index.h"

#include <algorithm>

namespace tlsrpt::milter {

void PairIndex::remove(std::uint64_t key, std::uint64_t number) {
  const auto listed = entries_.find(key);
  if (listed == entries_.end()) return;
  auto& entries = listed->second;
  const auto found =
      std::partition_point(entries.begin(), entries.end(),
                           [number](const Entry& entry) { return entry.number < number; });
  if (found != entries.end() && found->number == number) entries.erase(found);
  if (entries.empty()) entries_.erase(listed);
}

std::span<const PairIndex::Entry> PairIndex::all(std::uint64_t key) const {
  const auto listed = entries_.find(key);
  return listed == entries_.end() ? std::span<const Entry>() : std::span(listed->second);
}

std::span<const PairIndex::Entry> PairIndex::from(std::uint64_t key, policy::UtcSeconds at) const {
  const auto entries = all(key);
  const auto first = std::partition_point(entries.begin(), entries.end(),
                                          [at](const Entry& entry) { return entry.at < at; });
  return entries.subspan(static_cast<std::size_t>(first - entries.begin()));
}

}  // namespace tlsrpt::milter
