#include "milter/correlate/pair_evidence.h"

#include <algorithm>
#include <chrono>

namespace tlsrpt::milter {
namespace {

constexpr std::chrono::minutes surroundings{10};

policy::UtcSeconds minute_of(policy::UtcSeconds at) {
  return std::chrono::floor<std::chrono::minutes>(at);
}

}  // namespace

void PairEvidence::add(std::uint64_t number, policy::UtcSeconds at, bool same_pid,
                       bool same_moment) {
  const policy::UtcSeconds begin = minute_of(at);
  auto found = std::find_if(minutes_.rbegin(), minutes_.rend(),
                            [begin](const Minute& minute) { return minute.begin == begin; });
  if (found == minutes_.rend()) {
    if (minutes_.size() == max_minutes) minutes_.pop_front();
    minutes_.push_back({begin, 0, 0, 0});
    found = minutes_.rbegin();
  }
  if (same_moment) found->last_line = std::max(found->last_line, number);
  ++(same_pid ? found->same_pid : found->other_pid);
}

bool PairEvidence::pids_agree(policy::UtcSeconds at) const {
  std::uint64_t same = 0;
  std::uint64_t other = 0;
  for (const Minute& minute : minutes_) {
    if (minute.begin < minute_of(at - surroundings) || minute.begin > at + surroundings) continue;
    same += minute.same_pid;
    other += minute.other_pid;
  }
  return same >= other;
}

bool PairEvidence::stamps_agree(std::uint64_t number, policy::UtcSeconds at) const {
  return std::any_of(minutes_.begin(), minutes_.end(), [&](const Minute& minute) {
    return minute.last_line > number && minute.begin >= minute_of(at) &&
           minute.begin <= at + surroundings;
  });
}

void PairEvidence::write(StateWriter& writer) const {
  writer.number(minutes_.size());
  for (const Minute& minute : minutes_) {
    writer.number(static_cast<std::uint64_t>(policy::unix_seconds(minute.begin)));
    for (const std::uint64_t number : {minute.last_line, minute.same_pid, minute.other_pid})
      writer.number(number);
  }
}

void PairEvidence::read(StateReader& reader) {
  minutes_.clear();
  for (std::uint64_t left = reader.count(max_minutes); left > 0 && reader.ok(); --left) {
    Minute minute;
    minute.begin = policy::from_unix_seconds(static_cast<std::int64_t>(reader.number()));
    for (std::uint64_t* number : {&minute.last_line, &minute.same_pid, &minute.other_pid})
      *number = reader.number();
    minutes_.push_back(minute);
  }
}

}  // namespace tlsrpt::milter
