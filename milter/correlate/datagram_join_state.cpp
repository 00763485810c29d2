#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "milter/correlate/datagram_join.h"
#include "milter/correlate/state_codec.h"

namespace tlsrpt::milter {
namespace {

using policy::Outcome;
using policy::PolicyType;

// Raised whenever the layout below changes.
constexpr std::uint64_t state_version = 6;
// As DatagramParser has it.
constexpr std::uint64_t max_sessions = 16;
constexpr std::uint64_t max_texts = 4096;
// More than come in the seconds between two commits.
constexpr std::size_t counted_between_commits = 1000;

void write_outcome(StateWriter& writer, Outcome outcome) {
  writer.number(static_cast<std::uint64_t>(outcome));
}

Outcome read_outcome(StateReader& reader) { return reader.enumeration(Outcome::no_tls_seen); }

void write_texts(StateWriter& writer, const std::vector<std::string>& texts) {
  writer.number(texts.size());
  for (const std::string& text : texts) writer.text(text);
}

void read_texts(StateReader& reader, std::vector<std::string>& texts) {
  for (std::uint64_t left = reader.count(max_texts); left > 0 && reader.ok(); --left)
    texts.emplace_back(reader.text());
}

PolicyType read_policy_type(StateReader& reader) {
  return reader.enumeration(PolicyType::no_policy_found);
}

}  // namespace

// Writes and reads the parts of a join's state. Each policy is written once, and so is what several
// datagrams say.
class DatagramJoin::StateOf {
 public:
  explicit StateOf(StateWriter* writer) : writer_(writer) {}
  StateOf(StateReader* reader, DatagramFactReader* policies)
      : reader_(reader), policies_(policies) {}

  void write(const SharedFacts& facts) {
    const auto [known, is_new] = fact_numbers_.emplace(facts.get(), fact_numbers_.size() + 1);
    writer_->number(is_new ? 0 : known->second);
    if (!is_new) return;
    writer_->text(facts->domain);
    writer_->flag(facts->is_whole);
    writer_->number(facts->sessions.size());
    for (const DatagramSession& session : facts->sessions) {
      write(session.policy.get());
      write_outcome(*writer_, session.outcome);
      for (const std::string* text :
           {&session.reason, &session.helo, &session.sending_ip, &session.mx_host, &session.mx_ip})
        writer_->text(*text);
    }
  }

  SharedFacts read_facts() {
    const std::uint64_t number = reader_->number();
    if (number > 0 && number <= read_facts_.size()) return read_facts_[number - 1];
    DatagramFacts facts;
    facts.domain = reader_->text();
    facts.is_whole = reader_->flag();
    for (std::uint64_t left = reader_->count(max_sessions); left > 0 && reader_->ok(); --left) {
      DatagramSession& session = facts.sessions.emplace_back();
      session.policy = read_policy();
      session.outcome = read_outcome(*reader_);
      for (std::string* text :
           {&session.reason, &session.helo, &session.sending_ip, &session.mx_host, &session.mx_ip})
        *text = reader_->text();
    }
    if (facts.sessions.empty()) facts.sessions.emplace_back().policy = policies_->share({});
    return read_facts_.emplace_back(share_facts(std::move(facts)));
  }

  void write(const Line& line) {
    writer_->number(static_cast<std::uint64_t>(line.pid));
    writer_->instant(line.at);
    writer_->instant(line.since);
    writer_->text(line.domain);
    write_outcome(*writer_, line.outcome);
    for (const std::string* text : {&line.log_host, &line.service, &line.mx_host, &line.mx_ip})
      writer_->text(*text);
    writer_->number(static_cast<std::uint64_t>(line.state));
    for (const bool flag :
         {line.is_late, line.is_unsent, line.is_told, line.is_brief, line.has_datagram()})
      writer_->flag(flag);
    if (line.is_told) writer_->instant(line.told_at);
    if (line.has_datagram()) write(line.facts);
    if (line.state == LineState::held) write(line.held->session);
  }

  Line read_line() {
    Line line;
    line.pid = static_cast<std::int64_t>(reader_->number());
    line.at = reader_->instant();
    line.since = reader_->instant();
    line.domain = reader_->text();
    line.outcome = read_outcome(*reader_);
    for (std::string* text : {&line.log_host, &line.service, &line.mx_host, &line.mx_ip})
      *text = reader_->text();
    line.state = reader_->enumeration(LineState::counted);
    line.is_late = reader_->flag();
    line.is_unsent = reader_->flag();
    line.is_told = reader_->flag();
    line.is_brief = reader_->flag();
    const bool has_datagram = reader_->flag() || line.is_told;
    if (line.is_told) line.told_at = reader_->instant();
    if (has_datagram) line.facts = read_facts();
    if (line.state == LineState::held) line.held = read_session();
    return line;
  }

  void write(const Datagram& datagram) {
    writer_->number(static_cast<std::uint64_t>(datagram.pid));
    writer_->instant(datagram.at);
    writer_->number(static_cast<std::uint64_t>(datagram.stamp));
    writer_->flag(datagram.is_counted);
    write(datagram.facts);
  }

  Datagram read_datagram() {
    Datagram datagram;
    datagram.pid = static_cast<std::int64_t>(reader_->number());
    datagram.at = reader_->instant();
    datagram.stamp = reader_->enumeration(StampOf::start);
    datagram.is_counted = reader_->flag();
    datagram.facts = read_facts();
    return datagram;
  }

 private:
  void write(const Session& session) {
    writer_->instant(session.at);
    for (const std::string_view text : {session.log_host, session.service, session.domain,
                                        session.mx_host, session.mx_ip, session.reason})
      writer_->text(text);
    write_outcome(*writer_, session.outcome);
    writer_->number(static_cast<std::uint64_t>(session.policy));
    writer_->flag(session.starttls_not_offered);
    writer_->flag(session.handshake_completed);
    writer_->flag(session.is_unproven);
    writer_->number(session.sessions);
    writer_->number(session.messages);
    writer_->number(session.tlsrpt);
  }

  std::unique_ptr<Held> read_session() {
    Session session;
    session.at = reader_->instant();
    for (std::string_view* text : {&session.log_host, &session.service, &session.domain,
                                   &session.mx_host, &session.mx_ip, &session.reason})
      *text = reader_->text();
    session.outcome = read_outcome(*reader_);
    session.policy = read_policy_type(*reader_);
    session.starttls_not_offered = reader_->flag();
    session.handshake_completed = reader_->flag();
    session.is_unproven = reader_->flag();
    session.sessions = static_cast<unsigned>(reader_->number());
    session.messages = static_cast<unsigned>(reader_->number());
    session.tlsrpt = reader_->number();
    return hold(session);
  }

  void write(const SeenPolicy* policy) {
    const auto [known, is_new] = numbers_.emplace(policy, numbers_.size() + 1);
    writer_->number(is_new ? 0 : known->second);
    if (!is_new) return;
    writer_->text(policy->record);
    writer_->number(static_cast<std::uint64_t>(policy->applied.type));
    writer_->text(policy->applied.policy_domain);
    write_texts(*writer_, policy->applied.policy_string);
    write_texts(*writer_, policy->applied.mx_host);
  }

  SharedPolicy read_policy() {
    const std::uint64_t number = reader_->number();
    if (number > 0 && number <= read_.size()) return read_[number - 1];
    SeenPolicy policy;
    policy.record = reader_->text();
    policy.applied.type = read_policy_type(*reader_);
    policy.applied.policy_domain = reader_->text();
    read_texts(*reader_, policy.applied.policy_string);
    read_texts(*reader_, policy.applied.mx_host);
    return read_.emplace_back(policies_->share(std::move(policy)));
  }

  StateWriter* writer_ = nullptr;
  StateReader* reader_ = nullptr;
  DatagramFactReader* policies_ = nullptr;
  std::map<const SeenPolicy*, std::uint64_t> numbers_;
  std::vector<SharedPolicy> read_;
  std::unordered_map<const DatagramFacts*, std::uint64_t> fact_numbers_;
  std::vector<SharedFacts> read_facts_;
};

std::string DatagramJoin::state(policy::UtcSeconds alive) const {
  StateWriter writer;
  writer.number(state_version);
  for (const policy::UtcSeconds at : {alive, last_stamp_, gap_begin_, gap_end_, now_, next_forget_})
    writer.instant(at);
  for (const std::uint64_t number : {last_number_, line_cursor_, datagram_cursor_})
    writer.number(number);
  writer.flag(any_pid_);
  for (const std::uint64_t number : {balance_.pairs, balance_.lines, balance_.datagrams})
    writer.number(number);
  evidence_.write(writer);
  for (const PidSightings* pids : {&line_pids_, &datagram_pids_}) pids->write(writer);
  StateOf part(&writer);
  writer.number(lines_.size());
  for (const auto& [number, line] : lines_) {
    writer.number(number);
    part.write(line);
  }
  writer.number(datagrams_.size());
  for (const auto& [number, datagram] : datagrams_) {
    writer.number(number);
    part.write(datagram);
  }
  return writer.take();
}

void DatagramJoin::clear() {
  lines_.clear();
  datagrams_.clear();
  counted_datagrams_ = held_datagrams_ = 0;
  uses_.clear();
  octets_ = 0;
  line_index_.clear();
  datagram_index_.clear();
  evidence_.clear();
  line_pids_.clear();
  datagram_pids_.clear();
  any_pid_ = false;
  balance_ = {};
  zone_weight_ = 0;
  is_zone_wrong_ = false;
  brief_lines_.clear();
  lines_alone_ = 0;
  hosts_alone_.clear();
  last_number_ = line_cursor_ = datagram_cursor_ = 0;
  held_since_ = last_stamp_ = gap_begin_ = gap_end_ = now_ = next_forget_ = {};
}

// The daemon may have been killed after this collector committed that it has counted them, and
// before the others did that they know.
void DatagramJoin::tell_counted_again() {
  if (options_.is_only || !options_.counts_alone) return;
  std::size_t left = counted_between_commits;
  for (auto next = datagrams_.lower_bound(datagram_cursor_); next != datagrams_.begin() && left > 0;
       --left) {
    --next;
    if (next->second.is_counted) counted_.push_back(hash_of(next->second));
  }
}

// Datagrams were expected when the state was written, and are no more: nobody waits any longer.
void DatagramJoin::settle_all() {
  constexpr std::int64_t far_future = std::int64_t{1} << 40;
  move_to(policy::from_unix_seconds(far_future));
  clear();
}

policy::Status DatagramJoin::restore(std::string_view octets) {
  clear();
  if (octets.empty()) return policy::Unit();
  StateReader reader(octets);
  if (reader.number() != state_version)
    return policy::Error(policy::Errc::syntax, "pending datagrams of another version");
  for (policy::UtcSeconds* at :
       {&held_since_, &last_stamp_, &gap_begin_, &gap_end_, &now_, &next_forget_})
    *at = reader.instant();
  held_since_ -= datagram_wait;
  for (std::uint64_t* number : {&last_number_, &line_cursor_, &datagram_cursor_})
    *number = reader.number();
  any_pid_ = reader.flag();
  for (std::uint64_t* number : {&balance_.pairs, &balance_.lines, &balance_.datagrams})
    *number = reader.number();
  evidence_.read(reader);
  for (PidSightings* pids : {&line_pids_, &datagram_pids_}) pids->read(reader);
  StateOf part(&reader, &fact_reader_);
  std::uint64_t last = 0;
  bool in_order = true;
  const auto is_next = [&](std::uint64_t number) {
    in_order = in_order && number > last && number <= last_number_;
    last = number;
    return in_order;
  };
  for (std::uint64_t left = reader.count(max_join_lines); left > 0 && reader.ok(); --left) {
    const std::uint64_t number = reader.number();
    Line line = part.read_line();
    if (!is_next(number)) break;
    if (!line.has_datagram() && !line.is_unsent) add(number, line);
    if (line.is_brief) brief_lines_.push_back(number);
    lines_.emplace_hint(lines_.end(), number, std::move(line));
  }
  last = 0;
  for (std::uint64_t left = reader.count(max_join_datagrams); left > 0 && reader.ok(); --left) {
    const std::uint64_t number = reader.number();
    Datagram datagram = part.read_datagram();
    if (!is_next(number)) break;
    add(number, datagram);
    datagrams_.emplace_hint(datagrams_.end(), number, std::move(datagram));
  }
  if (reader.ok() && reader.at_end() && in_order) {
    tell_counted_again();
    if (!options_.expects_datagrams) settle_all();
    return policy::Unit();
  }
  clear();
  return policy::Error(policy::Errc::syntax, "pending datagrams are damaged");
}

}  // namespace tlsrpt::milter
