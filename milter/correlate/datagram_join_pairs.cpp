#include <algorithm>
#include <chrono>
#include <functional>

#include "milter/correlate/datagram_join.h"

namespace tlsrpt::milter {
namespace {

using policy::Outcome;

// A datagram that nobody has stamped may have been received so much later than it was sent: when
// the wait of its line ends, it has been handed over, and all lines that are near to it were read.
constexpr std::chrono::seconds late_receipt = datagram_wait / 2 - line_lag;
// What differences between time zones, and between summer and winter, are multiples of; the
// largest of them.
using Quarters = std::chrono::duration<std::int64_t, std::ratio<15 * 60>>;
constexpr std::chrono::hours max_zone_offset{26};
// Three pairs that are a time zone apart tell of a wrong one. Where mail goes out by the hour a
// line finds the next hour's datagram near: each such pair outweighs four of one moment, and what
// is told is told until these have the better of it.
constexpr int zone_pair_weight = 4;
constexpr int wrong_zone = 3 * zone_pair_weight;
constexpr int max_zone_weight = 2 * wrong_zone;
// So many left over on both sides are many; and so many, one of twenty pairs, are enough to tell
// that now lines get lost and now datagrams.
constexpr std::uint64_t many_left_over = 20;
constexpr std::uint64_t some_left_over = 5;

// Hosts in one log; more are too many to be told apart.
constexpr std::size_t max_hosts = 1000;
// That other hosts' lines find their datagrams is known by so many; and one of so many may get
// lost.
constexpr std::uint64_t enough_pairs = 50;
constexpr std::uint64_t share_of_lost = 20;

// Fewer than has_room() has, so that what is handed over keeps up with what the log tells.
constexpr std::size_t many_waiting = max_join_datagrams / 4;

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  constexpr std::uint64_t factor = 0x9e3779b97f4a7c15U;
  return (hash ^ value) * factor ^ ((hash ^ value) >> 29U);
}

// By how many quarters of an hour LINE and DATAGRAM are apart, within a moment; none: not by whole
// ones.
std::optional<Quarters> zone_offset(policy::UtcSeconds line, policy::UtcSeconds datagram) {
  const auto apart = line - datagram + datagram_lag;
  const auto offset = std::chrono::floor<Quarters>(apart);
  if (apart - offset > line_lag + datagram_lag || offset == offset.zero() ||
      std::chrono::abs(offset) > max_zone_offset)
    return std::nullopt;
  return offset;
}

}  // namespace

std::uint64_t DatagramJoin::key_of(std::string_view domain, Outcome outcome) {
  return mix(std::hash<std::string_view>()(domain), static_cast<std::uint64_t>(outcome));
}

std::uint64_t DatagramJoin::key_of(const Line& line) { return key_of(line.domain, line.outcome); }

std::uint64_t DatagramJoin::key_of(const Datagram& datagram) {
  return key_of(datagram.facts->domain, datagram.facts->sessions.front().outcome);
}

// Whether both can be of one handshake; only of a failure both name the MX host.
bool DatagramJoin::agree(const Line& line, const Datagram& datagram) {
  const DatagramSession& session = datagram.facts->sessions.front();
  return line.domain == datagram.facts->domain && line.outcome == session.outcome &&
         (session.mx_ip.empty() || line.mx_ip.empty() || session.mx_ip == line.mx_ip);
}

// What lay in the socket is as old as the first line that it agrees with: a newer datagram would
// take that line, the next one that of the newer, and in the end both would be left over.
bool DatagramJoin::is_near(const Line& line, const Datagram& datagram) const {
  return line.at >= earliest_line(datagram) && line.at <= datagram.at + line_lag;
}

policy::UtcSeconds DatagramJoin::earliest_line(const Datagram& datagram) const {
  if (datagram.is_counted || datagram.stamp == StampOf::receipt) return datagram.at - receipt_lag;
  return datagram.stamp == StampOf::start ? held_since_ : datagram.at - datagram_lag;
}

DatagramJoin::Datagrams::iterator DatagramJoin::find_near(const Line& line) {
  auto best = datagrams_.end();
  for (const auto& entry : datagram_index_.from(key_of(line), line.at - line_lag)) {
    if (entry.at > line.at + receipt_lag && held_datagrams_ == 0) break;
    if (entry.pid != line.pid && (!any_pid_ || best != datagrams_.end())) continue;
    const auto found = datagrams_.find(entry.number);
    if (!is_near(line, found->second) || !agree(line, found->second)) continue;
    best = found;
    if (entry.pid == line.pid) break;
  }
  return best;
}

// Whether a line that may be of a log that stood still rather belongs to a datagram before
// DATAGRAM: this one would take it, the next one that of this, and in the end both would be left
// over.
bool DatagramJoin::is_of_older(const PairIndex::Entry& line, const Datagram& datagram) const {
  if (line.since == line.at || loses_both()) return false;
  const auto older = datagram_index_.from(key_of(datagram), line.since - line_lag);
  return std::any_of(older.begin(), older.end(), [&](const PairIndex::Entry& entry) {
    return entry.at < line.at - line_lag && (any_pid_ || entry.pid == datagram.pid);
  });
}

DatagramJoin::Lines::iterator DatagramJoin::find_near(const Datagram& datagram) {
  auto best = lines_.end();
  for (const auto& entry : line_index_.from(key_of(datagram), earliest_line(datagram))) {
    if (entry.at > datagram.at + line_lag) break;
    if (entry.pid != datagram.pid && (!any_pid_ || best != lines_.end())) continue;
    const auto found = lines_.find(entry.number);
    if (!is_near(found->second, datagram) || !agree(found->second, datagram)) continue;
    if (is_of_older(entry, datagram)) continue;
    best = found;
    if (entry.pid == datagram.pid) break;
  }
  return best;
}

// Whether a line that is stamped AT, and may have been written since SINCE, is that of DATAGRAM:
// its stamp is late, or that of the datagram.
bool DatagramJoin::is_late(policy::UtcSeconds since, policy::UtcSeconds at,
                           const Datagram& datagram) const {
  const auto lag = datagram.stamp == StampOf::sending ? datagram_lag : late_receipt;
  return datagram.at >= since - line_lag && datagram.at <= at + lag;
}

// Likewise where the log's time zone is wrong, and known to be.
bool DatagramJoin::is_late_and_off(policy::UtcSeconds since, policy::UtcSeconds at,
                                   const Datagram& datagram) const {
  const auto off = stamps_off();
  return off && is_late(since - *off, at - *off, datagram);
}

// LINE is one of a log that stood still, and many datagrams of that time wait: the first of them.
// Lines that waited, too, would soon be too many.
DatagramJoin::Datagrams::iterator DatagramJoin::find_late(const Line& line) {
  if (line.since == line.at || waiting_datagrams() < many_waiting || loses_both())
    return datagrams_.end();
  for (const auto& entry : datagram_index_.from(key_of(line), line.since - line_lag)) {
    if (!any_pid_ && entry.pid != line.pid) continue;
    const auto found = datagrams_.find(entry.number);
    if (is_late(line.since, line.at, found->second) && agree(line, found->second)) return found;
  }
  return datagrams_.end();
}

// What lay in the socket came since the last stop, and by then its own line has been read.
bool DatagramJoin::was_read_over(const Line& line, const Datagram& datagram) const {
  if (datagram.stamp != StampOf::start || datagram.is_counted) return true;
  return line.at + line_lag >= held_since_ + datagram_wait && now_ > datagram.at + line_lag;
}

// Whether LINE and DATAGRAM, whose pids differ, may be of one process: neither side shows the
// other's pid, by either's stamp. All that is asked for has been read when one of them was waited
// for in vain.
bool DatagramJoin::are_incomparable(const Line& line, const Datagram& datagram) const {
  constexpr auto lines_after = datagram_wait - std::chrono::minutes(1);
  constexpr auto datagrams_after = datagram_wait / 2;
  if (any_pid_) return true;
  const auto is_seen = [&](policy::UtcSeconds at) {
    return datagram_pids_.seen(line.pid, at - datagram_wait, at + datagrams_after) ||
           line_pids_.seen(datagram.pid, at - datagram_wait, at + lines_after);
  };
  return !is_seen(line.at) && !is_seen(datagram.at);
}

// Whether some pairs around LINE, or before the log stood still, have two pids.
bool DatagramJoin::some_pids_differ(const Line& line, bool may_be_first) const {
  return evidence_.some_pids_differ(line.at, may_be_first) ||
         (line.since != line.at && evidence_.some_pids_differ(line.since, may_be_first));
}

// LINE was waited for in vain: why it and its datagram may have different stamps or pids.
DatagramJoin::Datagrams::iterator DatagramJoin::find_far(std::uint64_t number, const Line& line) {
  const bool has_right_stamp = evidence_.stamps_agree(number, line.at);
  const policy::UtcSeconds since = loses_both() ? line.at : line.since;
  const auto ahead =
      std::max(stamps_off().value_or(std::chrono::minutes(0)), std::chrono::minutes(0));
  auto best = datagrams_.end();
  for (const auto& entry : datagram_index_.all(key_of(line))) {
    const bool is_other = entry.pid != line.pid;
    if (is_other && best != datagrams_.end()) continue;
    const bool may_be_off = !has_right_stamp && zone_offset(line.at, entry.at);
    if (!may_be_off && entry.at < since - ahead - line_lag) continue;
    const auto found = datagrams_.find(entry.number);
    const Datagram& datagram = found->second;
    const bool near = is_near(line, datagram);
    if (!near && !may_be_off && !is_late(since, line.at, datagram) &&
        !is_late_and_off(since, line.at, datagram))
      continue;
    if (!agree(line, datagram)) continue;
    if (!is_other) return found;
    if (!near && !some_pids_differ(line, may_be_off)) continue;
    if (was_read_over(line, datagram) && are_incomparable(line, datagram)) best = found;
  }
  return best;
}

// DATAGRAM was waited for in vain: a line that was counted before it came, or soon will be.
DatagramJoin::Lines::iterator DatagramJoin::find_far(const Datagram& datagram) {
  const bool is_sure = !loses_both();
  auto best = lines_.end();
  for (const auto& entry : line_index_.all(key_of(datagram))) {
    const bool is_other = entry.pid != datagram.pid;
    if (is_other && best != lines_.end()) continue;
    const policy::UtcSeconds since = is_sure ? entry.since : entry.at;
    const bool late =
        is_late(since, entry.at, datagram) || is_late_and_off(since, entry.at, datagram);
    if (!late && !zone_offset(entry.at, datagram.at)) continue;
    const auto found = lines_.find(entry.number);
    const Line& line = found->second;
    if (!late && evidence_.stamps_agree(entry.number, entry.at)) continue;
    if (!agree(line, datagram)) continue;
    if (!is_other) return found;
    if (!is_near(line, datagram) && !some_pids_differ(line, !late)) continue;
    if (was_read_over(line, datagram) && are_incomparable(line, datagram)) best = found;
  }
  return best;
}

void DatagramJoin::note_alone(const Line& line) {
  auto host = hosts_alone_.find(line.log_host);
  if (host == hosts_alone_.end()) {
    if (hosts_alone_.size() >= max_hosts) hosts_alone_.clear();
    host = hosts_alone_.emplace(line.log_host, LinesAlone()).first;
  }
  LinesAlone& alone = host->second;
  if (alone.lines == 0) alone = {0, pairs_, datagrams_alone_};
  ++alone.lines;
}

// Whether datagrams come, but none for the lines of LOG_HOST.
bool DatagramJoin::sends_elsewhere(std::string_view log_host) const {
  const auto host = hosts_alone_.find(log_host);
  if (host == hosts_alone_.end()) return false;
  const LinesAlone& alone = host->second;
  return alone.lines >= max_lines_alone && pairs_ - alone.pairs >= enough_pairs &&
         (datagrams_alone_ - alone.datagrams) * share_of_lost <= alone.lines;
}

// Pids are no longer compared: what waits finds each other in its order.
void DatagramJoin::pair_waiting() {
  for (auto next = lines_.lower_bound(line_cursor_); next != lines_.end();) {
    const auto line = next++;
    if (line->second.has_datagram() || line->second.is_unsent) continue;
    if (const auto datagram = find_near(line->second); datagram != datagrams_.end())
      pair(line, datagram);
  }
}

// Line NUMBER and DATAGRAM are one session.
void DatagramJoin::note_pair(std::uint64_t number, const Line& line, const Datagram& datagram) {
  ++balance_.pairs;
  ++pairs_;
  if (const auto host = hosts_alone_.find(line.log_host); host != hosts_alone_.end())
    host->second.lines = 0;
  lines_alone_ = 0;
  const bool near = is_near(line, datagram);
  // With another pid it may be a datagram of another moment, whose line was lost.
  const bool is_sure = line.pid == datagram.pid || any_pid_;
  evidence_.add(number, line.at, line.pid == datagram.pid, near && is_sure);
  // Another collector may have the lines of the other pids.
  any_pid_ = options_.is_only && evidence_.all_pids_differ(line.at);
  if (near) {
    note_zone(std::nullopt);
  } else if (const auto offset = zone_offset(line.at, datagram.at);
             offset && !is_late(line.since, line.at, datagram)) {
    note_zone(offset);
  }
}

// A pair is OFFSET apart, or of one moment.
void DatagramJoin::note_zone(std::optional<std::chrono::minutes> offset) {
  if (!offset) {
    zone_weight_ = std::max(zone_weight_ - 1, 0);
  } else {
    if (*offset != zone_offset_) zone_weight_ = 0;
    zone_offset_ = *offset;
    zone_weight_ = std::min(zone_weight_ + zone_pair_weight, max_zone_weight);
  }
  if (zone_weight_ == 0) {
    is_zone_wrong_ = false;
  } else if (zone_weight_ >= wrong_zone) {
    is_zone_wrong_ = true;
  }
}

std::optional<std::chrono::minutes> DatagramJoin::stamps_off() const {
  if (!is_zone_wrong_) return std::nullopt;
  return zone_offset_;
}

// Whether what is left over on both sides is rather of two sessions than of one with a late line.
bool DatagramJoin::loses_both() const {
  const std::uint64_t left_over = std::min(balance_.lines, balance_.datagrams);
  return left_over >= some_left_over && left_over >= balance_.pairs / 20;
}

bool DatagramJoin::pairs_badly() const {
  const std::uint64_t left_over = std::min(balance_.lines, balance_.datagrams);
  return left_over >= many_left_over && left_over >= balance_.pairs / 10;
}

// What tells DATAGRAM from others in the other collectors.
std::uint64_t DatagramJoin::hash_of(const Datagram& datagram) {
  return mix(mix(key_of(datagram), static_cast<std::uint64_t>(datagram.pid)),
             static_cast<std::uint64_t>(policy::unix_seconds(datagram.at)));
}

void DatagramJoin::note_paired(const Datagram& datagram) {
  if (!options_.is_only) paired_.push_back(hash_of(datagram));
}

// The first datagram with this hash that waits.
DatagramJoin::Datagrams::iterator DatagramJoin::find_waiting(std::uint64_t hash) {
  return std::find_if(
      datagrams_.lower_bound(datagram_cursor_), datagrams_.end(),
      [hash](const auto& each) { return !each.second.is_counted && hash_of(each.second) == hash; });
}

// The first one that was counted.
DatagramJoin::Datagrams::iterator DatagramJoin::find_counted(std::uint64_t hash) {
  return std::find_if(datagrams_.begin(), datagrams_.end(), [hash](const auto& each) {
    return each.second.is_counted && hash_of(each.second) == hash;
  });
}

void DatagramJoin::forget(std::uint64_t datagram_hash) {
  auto found = find_waiting(datagram_hash);
  // The log of the one that counts alone may lag behind this one.
  if (found == datagrams_.end() && !options_.counts_alone) found = find_counted(datagram_hash);
  if (found != datagrams_.end()) erase(found);
}

void DatagramJoin::note_counted(std::uint64_t datagram_hash) {
  const auto found = find_waiting(datagram_hash);
  if (found != datagrams_.end()) become_counted(found->second);
}

void DatagramJoin::forget_counted(std::uint64_t datagram_hash) {
  const auto found = find_counted(datagram_hash);
  if (found != datagrams_.end()) erase(found);
}

}  // namespace tlsrpt::milter
