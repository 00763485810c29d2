#include "milter/recent_lines.h"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace tlsrpt::milter {
namespace {

// How much the stamps of one line may differ: one is taken where the line is written, in seconds,
// another where it is received; either may be rounded.
constexpr std::chrono::seconds stamps_apart{2};
// What is known by its stamp alone may have the other stamp in the other log, so lines are kept for
// twice as long.
constexpr std::chrono::seconds kept{2 * stamps_apart};
// A clock of another host that is further ahead than this is wrong.
constexpr std::chrono::hours clocks_apart{1};
// Of a message: syslog daemons cut long ones, each elsewhere.
constexpr std::size_t message_max = 256;
// In the state it takes eight octets then.
constexpr std::uint64_t mark_mask = (1ULL << 56U) - 1;

}  // namespace

// Like FNV-1a, but eight octets at once, as a busy log has all its lines marked. The same in every
// build for one machine: it is kept in the store.
std::uint64_t RecentLines::mark_of(const LogLine& line) {
  std::uint64_t hash = 14'695'981'039'346'656'037ULL;
  const auto mix = [&hash](std::string_view text) {
    while (!text.empty()) {
      std::uint64_t word = 0;
      const std::size_t size = std::min(text.size(), sizeof word);
      std::memcpy(&word, text.data(), size);
      hash = (hash ^ word ^ size) * 1'099'511'628'211ULL;
      hash ^= hash >> 32U;
      text.remove_prefix(size);
    }
  };
  // Not the host, which the logs may call differently.
  mix(line.process.substr(line.process.rfind('[') + 1));
  mix(" ");
  mix(line.message.substr(0, message_max));
  return hash & mark_mask;
}

void RecentLines::advance(std::optional<policy::UtcSeconds> newest, policy::UtcSeconds now) {
  horizon_ = std::max(now, newest.value_or(now)) + clocks_apart;
  if (!newest) return;
  pass(*newest - kept);
  while (!lines_.empty() && lines_.front().at <= *gone_until_) lines_.pop_front();
}

void RecentLines::pass(policy::UtcSeconds at) {
  if (at <= horizon_) gone_until_ = gone_until_ ? std::max(*gone_until_, at) : at;
}

void RecentLines::add(policy::UtcSeconds at, const LogLine& line) {
  if (gone_until_ && at <= *gone_until_) return;
  if (lines_.size() >= max_lines) {
    pass(lines_.front().at);
    lines_.pop_front();
  }
  keep({at, mark_of(line)});
}

void RecentLines::keep(const Line& line) {
  latest_ = std::max(latest_, line.at);
  lines_.push_back(line);
}

std::optional<policy::UtcSeconds> RecentLines::known_until() const {
  if (!gone_until_) return std::nullopt;
  return *gone_until_ + stamps_apart;
}

bool RecentLines::take(policy::UtcSeconds at, const LogLine& line) {
  if (lines_.empty() || at - stamps_apart > latest_) return false;  // As is mostly the case.
  const std::uint64_t mark = mark_of(line);
  const auto found = std::find_if(lines_.begin(), lines_.end(), [&](const Line& known) {
    return known.mark == mark && known.at >= at - stamps_apart && known.at <= at + stamps_apart;
  });
  if (found == lines_.end()) return false;
  lines_.erase(found);
  return true;
}

void RecentLines::remove(const RecentLines& others) {
  for (const Line& other : others.lines_) {
    const auto found = std::find(lines_.begin(), lines_.end(), other);
    if (found != lines_.end()) lines_.erase(found);
  }
}

void RecentLines::write(StateWriter& writer) const {
  writer.flag(gone_until_.has_value());
  if (gone_until_) writer.instant(*gone_until_);
  writer.number(lines_.size());
  for (const Line& line : lines_) {
    writer.instant(line.at);
    writer.number(line.mark);
  }
}

void RecentLines::read(StateReader& reader) {
  gone_until_.reset();
  lines_.clear();
  if (reader.flag()) gone_until_ = reader.instant();
  for (std::uint64_t left = reader.count(max_lines); left > 0 && reader.ok(); --left) {
    const policy::UtcSeconds at = reader.instant();
    keep({at, reader.number()});
  }
}

}  // namespace tlsrpt::milter
