#include "milter/correlate/datagram_join.h"

#include <algorithm>
#include <functional>

#include "policy/text.h"

namespace tlsrpt::milter {
namespace {

using policy::Ignored;
using policy::Outcome;

// A line with a stamp so far ahead of the next one had a wrong clock, and so had one this far
// behind.
constexpr std::chrono::hours odd_stamp{1};
// Nearly a quarter of an hour, as time zones differ: the log's clock was set back by as much.
constexpr std::chrono::minutes set_back{14};
constexpr std::chrono::minutes forget_interval{10};
constexpr std::chrono::minutes other_log_lag{1};
// Who is later by more finds what is near even where pids could be compared.
constexpr std::chrono::hours sightings_memory{2};
// Postfix warns right behind the line; so many others may have been logged in between.
constexpr int max_lines_between = 256;
// What is told of pairs is about so many of late.
constexpr std::uint64_t balance_memory = 1000;

// "relay1 postfix/smtp[331": the pid.
std::int64_t pid_of(const LogLine& line) {
  const std::size_t bracket = line.process.rfind('[');
  if (bracket == std::string_view::npos) return 0;
  return policy::parse_number<std::int64_t>(line.process.substr(bracket + 1)).value_or(0);
}

}  // namespace

DatagramJoin::DatagramJoin(JoinOptions options, FilterOptions filter, SessionSink& next)
    : options_(std::move(options)),
      filter_(std::move(filter)),
      fact_reader_(filter_),
      next_(next) {}

// DATAGRAM has found its line.
SharedFacts DatagramJoin::take_out(Datagrams::iterator datagram) {
  note_paired(datagram->second);
  unlist(datagram);
  SharedFacts facts = std::move(datagram->second.facts);
  datagrams_.erase(datagram);
  return facts;
}

void DatagramJoin::take(std::int64_t pid, policy::UtcSeconds at, SharedFacts facts, StampOf stamp) {
  lines_alone_ = 0;
  if (!options_.has_log) {
    count_alone(*facts, at, nullptr);
    return;
  }
  datagram_pids_.add(pid, at);
  Datagram fresh{pid, at, stamp, false, std::move(facts)};
  if (const auto line = find_near(fresh); line != lines_.end()) {
    note_pair(line->first, line->second, fresh);
    note_paired(fresh);
    give(line, std::move(fresh.facts));
    return;
  }
  bound_datagrams();
  const std::uint64_t number = ++last_number_;
  add(number, fresh);
  datagrams_.emplace_hint(datagrams_.end(), number, std::move(fresh));
}

std::uint64_t DatagramJoin::tlsrpt_line(policy::UtcSeconds at, const LogLine& log,
                                        const PostfixMessage& message) {
  if (!options_.expects_datagrams) return 0;
  Line line;
  line.pid = pid_of(log);
  line.at = at;
  line_pids_.add(line.pid, at);
  line.since = at >= gap_end_ && at <= end_of_drain() ? gap_begin_ : at;
  const std::string& folded = filter_.domain(message.domain).domain;
  line.domain = folded.empty() ? std::string(message.domain) : folded;
  line.outcome = message.success ? Outcome::success : message.failure_type;
  line.log_host = log.host;
  line.service = log.program;
  line.mx_host = policy::to_lower(message.peer.host);
  line.mx_ip = message.peer.address;
  const std::uint64_t number = ++last_number_;
  auto datagram = find_near(line);
  if (datagram == datagrams_.end()) datagram = find_late(line);
  const bool is_alone = datagram == datagrams_.end();
  lines_alone_ = is_alone ? lines_alone_ + 1 : 0;
  if (is_alone) {
    bound_lines();
    add(number, line);
    line.is_late = line.is_brief = misses_datagrams() || sends_elsewhere(line.log_host);
    if (line.is_brief) brief_lines_.push_back(number);
  } else {
    note_pair(number, line, datagram->second);
    if (datagram->second.is_counted) {
      note_told(line, datagram);
    } else {
      line.facts = take_out(datagram);
    }
  }
  lines_.emplace_hint(lines_.end(), number, std::move(line));
  return number;
}

// LINE, which waited, and DATAGRAM are one session.
void DatagramJoin::pair(Lines::iterator line, Datagrams::iterator datagram) {
  note_pair(line->first, line->second, datagram->second);
  if (datagram->second.is_counted) {
    give_told(line, datagram);
  } else {
    give(line, take_out(datagram));
  }
}

// LINE has found its datagram.
void DatagramJoin::give(Lines::iterator found, SharedFacts facts) {
  Line& line = found->second;
  switch (line.state) {
    case LineState::open:
      line_index_.remove(key_of(line), found->first);
      line.facts = std::move(facts);
      return;
    case LineState::held:
      count_both(line.held->session, *facts);
      break;
    case LineState::abandoned:
      count_alone(*facts, line.at, &line);
      break;
    case LineState::counted:
      break;
  }
  erase(found);
}

// DATAGRAM, which was counted alone, is that of LINE.
void DatagramJoin::note_told(Line& line, Datagrams::iterator datagram) {
  line.is_told = true;
  line.told_at = datagram->second.at;
  line.facts = datagram->second.facts;
  if (!options_.is_only) told_.push_back(hash_of(datagram->second));
  erase(datagram);
}

// LINE has found a datagram that was counted alone.
void DatagramJoin::give_told(Lines::iterator found, Datagrams::iterator datagram) {
  Line& line = found->second;
  if (line.state == LineState::open) line_index_.remove(key_of(line), found->first);
  note_told(line, datagram);
  switch (line.state) {
    case LineState::open:
      return;
    case LineState::held:
      count_messages(line.held->session);
      break;
    case LineState::abandoned:
      break;
    case LineState::counted:
      take_back_told(line);
      break;
  }
  erase(found);
}

// What LINE's datagram was counted as is told otherwise, or not at all.
void DatagramJoin::take_back_told(const Line& line) {
  if (line.facts->is_whole) tell_alone(*line.facts, line.told_at, nullptr, Telling::take_back);
}

// The session itself was counted already.
void DatagramJoin::count_messages(const Session& session) {
  if (session.messages == 0) return;
  Session messages = session;
  messages.sessions = 0;
  next_.count(messages);
}

void DatagramJoin::count(const Session& session) {
  const auto found = session.tlsrpt == 0 ? lines_.end() : lines_.find(session.tlsrpt);
  if (found == lines_.end()) {
    next_.count(session);
    return;
  }
  Line& line = found->second;
  if (session.sessions == 0) {  // One more message over the same connection.
    if (line.state == LineState::held) {
      line.held->session.messages += session.messages;
    } else {
      next_.count(session);
    }
  } else if (line.is_told) {
    count_messages(session);
    erase(found);
  } else if (line.has_datagram()) {
    count_both(session, *line.facts);
    erase(found);
  } else if (line.is_unsent) {
    next_.count(session);
    erase(found);
  } else if (line.is_late) {
    next_.count(session);
    become_counted(line);
  } else {
    line.held = hold(session);
    line.state = LineState::held;
  }
}

void DatagramJoin::settle_tlsrpt(std::uint64_t number) {
  const auto found = lines_.find(number);
  if (found == lines_.end()) return;
  Line& line = found->second;
  if (line.is_told) take_back_told(line);
  if (line.has_datagram() || line.is_unsent) {
    erase(found);
  } else {
    become_counted(line);
  }
}

bool DatagramJoin::abandon_tlsrpt(std::uint64_t number) {
  const auto found = lines_.find(number);
  if (found == lines_.end()) return false;
  Line& line = found->second;
  if (line.has_datagram()) {
    if (!line.is_told) count_alone(*line.facts, line.at, &line);
    erase(found);
    return true;
  }
  if (line.is_unsent) {
    erase(found);
    return false;
  }
  if (line.is_late) {
    become_counted(line);
    return false;
  }
  line.state = LineState::abandoned;
  return true;
}

void DatagramJoin::tlsrpt_not_sent(const LogLine& log) {
  const std::int64_t pid = pid_of(log);
  int left = max_lines_between;
  for (auto found = lines_.end(); found != lines_.begin() && left > 0; --left) {
    Line& line = (--found)->second;
    if (line.pid != pid || line.log_host != log.host) continue;
    if (line.has_datagram()) return;
    line_index_.remove(key_of(line), found->first);
    if (line.state == LineState::open) {
      line.is_unsent = true;
      return;
    }
    count_without_datagram(line);
    erase(found);
    return;
  }
}

// The log alone tells of LINE's session.
void DatagramJoin::count_without_datagram(Line& line) {
  if (line.state == LineState::held) next_.count(line.held->session);
  if (line.state == LineState::abandoned) next_.ignore(Ignored::unattributed, line.at, "");
  become_counted(line);
}

// From now on only what its datagram can be told by matters; it may be remembered for a day.
void DatagramJoin::become_counted(Line& line) {
  line.state = LineState::counted;
  line.held.reset();
  line.service = line.mx_host = std::string();
}

void DatagramJoin::advance(policy::UtcSeconds at) {
  if (!options_.expects_datagrams) return;
  // A single line with a stamp of its own does not end anybody's wait.
  const bool is_first = last_stamp_ == policy::UtcSeconds();
  const auto now = is_first ? at : std::min(at, last_stamp_);
  // A log may stand still from the very first on.
  const bool none_came = is_first && datagrams_.empty();
  const auto since = is_first && !none_came ? datagrams_.begin()->second.at : last_stamp_;
  if (!none_came && at > since + line_lag) {
    gap_begin_ = since;
    gap_end_ = at;
  }
  last_stamp_ = at;
  waits_for_log_ = false;
  if (now + set_back <= now_) set_back_to(now);
  move_to(now);
}

bool DatagramJoin::read_to_end(policy::UtcSeconds now) {
  if (!options_.expects_datagrams) return true;
  waits_for_log_ = options_.is_only && counted_datagrams_ >= max_counted_in_silence &&
                   datagrams_.lower_bound(datagram_cursor_) != datagrams_.end() && now >= now_ &&
                   now < now_ + max_silence;
  if (!waits_for_log_) move_to(now);
  return !waits_for_log_;
}

// What had to wait while the log stood still is written down no slower than it came.
policy::UtcSeconds DatagramJoin::end_of_drain() const {
  return gap_end_ + std::min<std::chrono::seconds>(gap_end_ - gap_begin_, datagram_wait);
}

// The log shows an hour twice, or is read with another time zone. What waited would wait for that
// hour to pass, and then be judged by lines whose stamps are of the new clock.
void DatagramJoin::set_back_to(policy::UtcSeconds now) {
  for (auto next = lines_.lower_bound(line_cursor_); next != lines_.end();) {
    const auto line = next++;
    line_cursor_ = line->first + 1;
    expire_line(line);
  }
  now_ = now;
}

void DatagramJoin::move_to(policy::UtcSeconds now) {
  if (now == now_ || (now < now_ && now + odd_stamp > now_)) return;
  now_ = now;
  const bool compared = !any_pid_;
  const auto is_over = [&](policy::UtcSeconds at) { return at + datagram_wait < now_; };
  for (auto next = lines_.lower_bound(line_cursor_); next != lines_.end();) {
    const auto line = next++;
    if (!is_over(line->second.at) && line->second.at < now_ + odd_stamp) break;
    line_cursor_ = line->first + 1;
    expire_line(line);
  }
  if (compared && any_pid_) pair_waiting();
  // Of several logs, the one that has the line may be read a moment later than this one.
  const auto grace = options_.is_only ? std::chrono::minutes(0) : other_log_lag;
  for (auto next = datagrams_.lower_bound(datagram_cursor_); next != datagrams_.end();) {
    const auto datagram = next++;
    if (!is_over(datagram->second.at + grace)) break;
    if (now_ <= end_of_drain() + grace && datagram->second.at >= gap_begin_ - line_lag) break;
    datagram_cursor_ = datagram->first + 1;
    expire_datagram(datagram);
  }
  forget_brief();
  if (now_ >= next_forget_ || now_ + 2 * forget_interval < next_forget_) forget_old();
}

void DatagramJoin::expire_line(Lines::iterator found) {
  Line& line = found->second;
  if (line.has_datagram() || line.is_unsent) return;
  if (const auto datagram = find_far(found->first, line); datagram != datagrams_.end()) {
    pair(found, datagram);
    return;
  }
  note_left_over(&balance_.lines);
  note_alone(line);
  if (line.state == LineState::open) {
    line.is_late = true;
  } else {
    count_without_datagram(line);
  }
}

void DatagramJoin::expire_datagram(Datagrams::iterator found) {
  Datagram& datagram = found->second;
  if (datagram.is_counted) return;
  if (const auto line = find_far(datagram); line != lines_.end()) {
    pair(line, found);
    return;
  }
  note_left_over(&balance_.datagrams);
  ++datagrams_alone_;
  if (options_.counts_alone) {
    if (!options_.is_only) counted_.push_back(hash_of(datagram));
    count_alone(*datagram.facts, datagram.at, nullptr);
  }
  become_counted(datagram);
}

void DatagramJoin::note_left_over(std::uint64_t* side) {
  ++*side;
  if (balance_.pairs + balance_.lines + balance_.datagrams >= balance_memory) halve_balance();
}

void DatagramJoin::halve_balance() {
  for (std::uint64_t* each : {&balance_.pairs, &balance_.lines, &balance_.datagrams}) *each /= 2;
}

void DatagramJoin::become_counted(Datagram& datagram) {
  datagram.is_counted = true;
  ++counted_datagrams_;
  if (datagram.stamp == StampOf::start) --held_datagrams_;
  if (octets_ < max_join_octets / 4) return;
  drop_facts(datagram.facts);
  datagram.facts = only_what_pairs(*datagram.facts);
  hold_facts(datagram.facts);
}

void DatagramJoin::hold_facts(const SharedFacts& facts) {
  if (++uses_[facts.get()] == 1) octets_ += facts->octets;
}

void DatagramJoin::drop_facts(const SharedFacts& facts) {
  const auto used = uses_.find(facts.get());
  if (--used->second > 0) return;
  uses_.erase(used);
  octets_ -= facts->octets;
}

void DatagramJoin::forget_old() {
  next_forget_ = now_ + forget_interval;
  using std::chrono::hours;
  if (std::chrono::floor<hours>(now_) != std::chrono::floor<hours>(now_ - forget_interval))
    halve_balance();
  for (PidSightings* pids : {&line_pids_, &datagram_pids_})
    pids->forget_old(now_, sightings_memory);
  for (auto next = lines_.begin(); next != lines_.end();) {
    const auto found = next++;
    Line& line = found->second;
    if (line.at + counted_memory >= now_) continue;
    // The correlator never keeps an attempt for so long.
    if (line.has_datagram() && !line.is_told) count_alone(*line.facts, line.at, &line);
    count_without_datagram(line);
    erase(found);
  }
  for (auto next = datagrams_.begin(); next != datagrams_.end();) {
    const auto found = next++;
    if (found->second.is_counted && found->second.at + counted_memory < now_) erase(found);
  }
}

void DatagramJoin::forget_brief() {
  std::erase_if(brief_lines_, [this](std::uint64_t number) {
    const auto found = lines_.find(number);
    if (found == lines_.end()) return true;
    const Line& line = found->second;
    const bool is_needed = line.at + brief_memory >= now_ && line.at < now_ + odd_stamp;
    if (is_needed || line.state != LineState::counted) return false;
    erase(found);
    return true;
  });
}

void DatagramJoin::bound_lines() {
  while (lines_.size() >= max_join_lines) {
    count_without_datagram(lines_.begin()->second);
    erase(lines_.begin());
  }
}

void DatagramJoin::bound_datagrams() {
  while (datagrams_.size() >= max_join_datagrams ||
         (octets_ >= max_join_octets && !datagrams_.empty())) {
    if (!datagrams_.begin()->second.is_counted) ++dropped_;
    erase(datagrams_.begin());
  }
}

void DatagramJoin::add(std::uint64_t number, const Line& line) {
  line_index_.add(key_of(line), {number, line.pid, line.at, line.since});
}

void DatagramJoin::add(std::uint64_t number, const Datagram& datagram) {
  datagram_index_.add(key_of(datagram), {number, datagram.pid, datagram.at, datagram.at});
  hold_facts(datagram.facts);
  if (datagram.is_counted) {
    ++counted_datagrams_;
  } else if (datagram.stamp == StampOf::start) {
    ++held_datagrams_;
  }
}

void DatagramJoin::unlist(Datagrams::iterator datagram) {
  datagram_index_.remove(key_of(datagram->second), datagram->first);
  drop_facts(datagram->second.facts);
  if (datagram->second.is_counted) {
    --counted_datagrams_;
  } else if (datagram->second.stamp == StampOf::start) {
    --held_datagrams_;
  }
}

DatagramJoin::Lines::iterator DatagramJoin::erase(Lines::iterator line) {
  line_index_.remove(key_of(line->second), line->first);
  return lines_.erase(line);
}

DatagramJoin::Datagrams::iterator DatagramJoin::erase(Datagrams::iterator datagram) {
  unlist(datagram);
  return datagrams_.erase(datagram);
}

std::unique_ptr<DatagramJoin::Held> DatagramJoin::hold(const Session& session) {
  auto held = std::make_unique<Held>();
  held->log_host = session.log_host;
  held->service = session.service;
  held->domain = session.domain;
  held->mx_host = session.mx_host;
  held->mx_ip = session.mx_ip;
  held->reason = session.reason;
  held->session = session;
  held->session.log_host = held->log_host;
  held->session.service = held->service;
  held->session.domain = held->domain;
  held->session.mx_host = held->mx_host;
  held->session.mx_ip = held->mx_ip;
  held->session.reason = held->reason;
  return held;
}

// SESSION is the log's. MX host and address are its, too; all else is the datagram's.
void DatagramJoin::count_both(const Session& session, const DatagramFacts& facts) {
  const DomainFilter::Answer& answer = filter_.domain(facts.domain);
  if (answer.ignored) {
    next_.ignore(*answer.ignored, session.at, answer.domain);
    return;
  }
  bool is_first = true;
  for (const DatagramSession& told : facts.sessions) {
    Session both = session;
    both.source = policy::Source::both;
    both.domain = facts.domain;
    both.applied = &told.policy->applied;
    both.policy = told.policy->applied.type;
    both.record = told.policy->record;
    both.applied_number = told.policy->number;
    both.outcome = told.outcome;
    both.helo = told.helo;
    both.sending_ip = told.sending_ip;
    if (both.mx_host.empty()) both.mx_host = told.mx_host;
    if (both.mx_ip.empty()) both.mx_ip = told.mx_ip;
    // What the log knows of the very same result is more than nothing.
    const bool is_same = told.outcome == session.outcome;
    if (!told.reason.empty() || !is_same) both.reason = told.reason;
    both.starttls_not_offered = session.starttls_not_offered && is_same && told.reason.empty();
    both.is_unproven = false;
    if (!is_first) both.messages = 0;
    is_first = false;
    next_.count(both);
  }
}

// Tells what FACTS of AT say, or that they were told; LINE: what the log knows beside, null:
// nothing.
void DatagramJoin::tell_alone(const DatagramFacts& facts, policy::UtcSeconds at, const Line* line,
                              Telling telling) {
  const bool counts = telling == Telling::count;
  const auto ignore = [&](policy::Ignored kind) {
    if (counts) {
      next_.ignore(kind, at, facts.domain);
    } else {
      next_.take_back(kind, at);
    }
  };
  // What was counted once passes the filter.
  const auto passes = [line](const DatagramSession& told) {
    return line == nullptr && told.counted.batch != 0;
  };
  if (!passes(facts.sessions.front())) {
    const DomainFilter::Answer& answer = filter_.domain(facts.domain);
    if (answer.ignored) {
      ignore(*answer.ignored);
      return;
    }
  }
  for (const DatagramSession& told : facts.sessions) {
    const std::string& mx_host = line != nullptr ? line->mx_host : told.mx_host;
    const std::string& mx_ip = line != nullptr ? line->mx_ip : told.mx_ip;
    if (!passes(told)) {
      if (const auto kind = filter_.relay({mx_host, mx_ip})) {
        ignore(*kind);
        return;
      }
    }
    Session session;
    session.at = at;
    session.log_host = line != nullptr ? std::string_view(line->log_host) : options_.relay;
    session.service = line != nullptr ? std::string_view(line->service) : std::string_view();
    session.domain = facts.domain;
    session.mx_host = mx_host;
    session.mx_ip = mx_ip;
    session.outcome = told.outcome;
    session.reason = told.reason;
    session.policy = told.policy->applied.type;
    session.source = line != nullptr ? policy::Source::both : policy::Source::datagram;
    session.applied = &told.policy->applied;
    session.record = told.policy->record;
    session.applied_number = told.policy->number;
    session.helo = told.helo;
    session.sending_ip = told.sending_ip;
    session.handshake_completed = line != nullptr && told.outcome == Outcome::success;
    if (line == nullptr && counts) session.counted = &told.counted;
    if (counts) {
      next_.count(session);
    } else {
      next_.take_back(session);
    }
  }
}

}  // namespace tlsrpt::milter
