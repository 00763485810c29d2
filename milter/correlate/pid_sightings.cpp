#include "milter/correlate/pid_sightings.h"

#include <algorithm>

namespace tlsrpt::milter {
namespace {

// No life is longer, and sums with it fit, be the state damaged.
constexpr std::uint64_t seconds_max = 1ULL << 40U;

}  // namespace

void PidSightings::add(std::int64_t pid, policy::UtcSeconds at) {
  auto& lives = lives_[pid];
  for (Life& life : lives) {
    if (at < life.first - max_gap || at > life.last + max_gap) continue;
    life.first = std::min(life.first, at);
    life.last = std::max(life.last, at);
    return;
  }
  lives.push_back({at, at});
  if (++size_ <= max_lives) return;
  auto all = ends();
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  std::nth_element(all.begin(), middle, all.end());
  forget_before(*middle);
  if (size_ > max_lives) clear();  // All ended at once.
}

bool PidSightings::seen(std::int64_t pid, policy::UtcSeconds from, policy::UtcSeconds to) const {
  const auto known = lives_.find(pid);
  return known != lives_.end() &&
         std::any_of(known->second.begin(), known->second.end(),
                     [&](const Life& life) { return life.first <= to && life.last >= from; });
}

std::vector<policy::UtcSeconds> PidSightings::ends() const {
  std::vector<policy::UtcSeconds> all;
  all.reserve(size_);
  for (const auto& [pid, lives] : lives_) {
    for (const Life& life : lives) all.push_back(life.last);
  }
  return all;
}

void PidSightings::forget_old(policy::UtcSeconds now, std::chrono::seconds memory) {
  const auto all = ends();
  if (!all.empty())
    forget_before(std::min(now, *std::max_element(all.begin(), all.end())) - memory);
}

void PidSightings::forget_before(policy::UtcSeconds at) {
  for (auto next = lives_.begin(); next != lives_.end();) {
    const auto known = next++;
    size_ -= std::erase_if(known->second, [at](const Life& life) { return life.last < at; });
    if (known->second.empty()) lives_.erase(known);
  }
}

void PidSightings::clear() {
  lives_.clear();
  size_ = 0;
}

void PidSightings::write(StateWriter& writer) const {
  writer.number(size_);
  for (const auto& [pid, lives] : lives_) {
    for (const Life& life : lives) {
      writer.number(static_cast<std::uint64_t>(pid));
      writer.instant(life.first);
      writer.number(static_cast<std::uint64_t>((life.last - life.first).count()));
    }
  }
}

void PidSightings::read(StateReader& reader) {
  clear();
  for (std::uint64_t left = reader.count(max_lives); left > 0 && reader.ok(); --left) {
    const auto pid = static_cast<std::int64_t>(reader.number());
    const policy::UtcSeconds first = reader.instant();
    const std::chrono::seconds life(
        static_cast<std::int64_t>(std::min(reader.number(), seconds_max)));
    lives_[pid].push_back({first, first + life});
    ++size_;
  }
}

}  // namespace tlsrpt::milter
