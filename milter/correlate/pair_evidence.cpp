#include "milter/correlate/pair_evidence.h"

#include <algorithm>
#include <chrono>

namespace tlsrpt::milter {
namespace {

constexpr std::chrono::minutes surroundings{10};
// By chance a process in a container has the pid of another outside, and both do the same.
constexpr std::uint64_t few = 50;
// One of so many is a part that tells, and so is one where it would be the first.
constexpr std::uint64_t good_part = 128;
constexpr std::uint64_t first_part = 32;

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

PairEvidence::Pids PairEvidence::pids_near(policy::UtcSeconds at) const {
  Pids pids;
  for (const Minute& minute : minutes_) {
    if (minute.begin < minute_of(at - surroundings) || minute.begin > at + surroundings) continue;
    pids.same += minute.same_pid;
    pids.other += minute.other_pid;
  }
  return pids;
}

bool PairEvidence::all_pids_differ(policy::UtcSeconds at) const {
  const Pids pids = pids_near(at);
  return pids.other > pids.same * few;
}

bool PairEvidence::some_pids_differ(policy::UtcSeconds at, bool may_be_first) const {
  const Pids pids = pids_near(at);
  return pids.other * good_part > pids.same || (may_be_first && pids.same < first_part);
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
    writer.instant(minute.begin);
    for (const std::uint64_t number : {minute.last_line, minute.same_pid, minute.other_pid})
      writer.number(number);
  }
}

void PairEvidence::read(StateReader& reader) {
  minutes_.clear();
  for (std::uint64_t left = reader.count(max_minutes); left > 0 && reader.ok(); --left) {
    Minute minute;
    minute.begin = reader.instant();
    for (std::uint64_t* number : {&minute.last_line, &minute.same_pid, &minute.other_pid})
      *number = reader.number();
    minutes_.push_back(minute);
  }
}

}  // namespace tlsrpt::milter
