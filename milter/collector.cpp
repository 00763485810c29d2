#include "milter/collector.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "milter/correlate/state_codec.h"

namespace tlsrpt::milter {
namespace {

// Memory between two commits is bounded by rows; a kill repeats the reading of this much at most.
constexpr std::size_t max_uncommitted_rows = 20000;
constexpr std::size_t max_uncommitted_text = 16UL * 1024 * 1024;
constexpr std::uint64_t max_uncommitted_octets = 64ULL * 1024 * 1024;

// While the log is silent, the store learns so often that it was read on: often enough for closing
// a day soon after midnight, seldom enough not to wear a disk.
constexpr std::chrono::seconds idle_commit_interval{60};
// So many in a row from the future are no single clock that is wrong: all the log's stamps are.
constexpr std::size_t enough_lines_ahead = 20;
// A log may have lines in another order than that of their stamps; no longer than this after what
// another log told it is asked of each whether it was counted.
constexpr std::chrono::hours late_lines{24};
// More logs of one relay than anybody has.
constexpr std::uint64_t max_beside = 1000;
// What strangers can cause is told so often.
constexpr std::chrono::minutes notice_interval{1};

}  // namespace

std::string to_octets(const PendingState& pending) {
  StateWriter writer;
  writer.text(pending.reader);
  writer.text(pending.correlator);
  writer.number(pending.last_datagram.value_or(0));
  writer.flag(pending.last_datagram.has_value());
  writer.text(pending.join);
  for (const auto& at : {pending.counted_until, pending.newest_line}) {
    writer.flag(at.has_value());
    if (at) writer.instant(*at);
  }
  writer.number(pending.beside.size());
  for (const std::string& source : pending.beside) writer.text(source);
  pending.recent.write(writer);
  pending.elsewhere.write(writer);
  return writer.take();
}

policy::Result<PendingState> parse_pending(std::string_view octets) {
  StateReader reader(octets);
  PendingState pending;
  pending.reader = reader.text();
  pending.correlator = reader.text();
  if (reader.ok() && !reader.at_end()) {
    const std::uint64_t number = reader.number();
    if (reader.flag()) pending.last_datagram = number;
    pending.join = reader.text();
    for (auto* at : {&pending.counted_until, &pending.newest_line}) {
      if (!reader.ok() || reader.at_end() || !reader.flag()) continue;
      *at = reader.instant();
    }
  }
  if (reader.ok() && !reader.at_end()) {
    for (std::uint64_t left = reader.count(max_beside); left > 0 && reader.ok(); --left)
      pending.beside.emplace_back(reader.text());
  }
  if (reader.ok() && !reader.at_end()) {
    pending.recent.read(reader);
    pending.elsewhere.read(reader);
  }
  if (!reader.ok() || !reader.at_end())
    return policy::Error(policy::Errc::syntax, "pending state is damaged");
  return pending;
}

Collector::Collector(CollectorOptions options, std::unique_ptr<LogReader> reader,
                     const reporter::Clock& clock, reporter::Store& store,
                     Tally::SendingAddress sending_address)
    : options_(std::move(options)),
      clock_(clock),
      store_(store),
      reader_(std::move(reader)),
      tally_(options_.tally, store, std::move(sending_address)),
      join_(options_.join, options_.correlator.filter, tally_),
      correlator_(options_.correlator, join_) {}

policy::Result<std::unique_ptr<Collector>> Collector::make(CollectorOptions options,
                                                           std::unique_ptr<LogReader> reader,
                                                           const reporter::Clock& clock,
                                                           reporter::Store& store,
                                                           Tally::SendingAddress sending_address) {
  std::unique_ptr<Collector> collector(new Collector(std::move(options), std::move(reader), clock,
                                                     store, std::move(sending_address)));
  if (auto restored = collector->restore(); !restored)
    return std::move(restored).error().context(collector->source());
  return collector;
}

policy::Status Collector::restore() {
  auto state = store_.collector_state(options_.relay, options_.source);
  if (!state) return std::move(state).error();
  if (!state->has_value()) {
    use_counted_before();
    if (counted_until_) reader_->begin_behind(*counted_until_);
    return policy::Unit();
  }
  auto pending = parse_pending((*state)->pending);
  if (!pending) return std::move(pending).error();
  counted_until_ = pending->counted_until;
  newest_line_ = pending->newest_line;
  recent_ = pending->recent;
  elsewhere_ = pending->elsewhere;
  read_until_ = (*state)->read_until;
  if (!use_counted_before()) {
    if (auto status = restore(*pending); !status) return status;
  }
  if (counted_until_) reader_->begin_behind(*counted_until_);
  return reader_->restore((*state)->position, pending->reader);
}

policy::Status Collector::restore(const PendingState& pending) {
  if (auto status = correlator_.restore(pending.correlator); !status) return status;
  last_datagram_ = committed_datagram_ = pending.last_datagram;
  is_changed_ = !pending.join.empty();
  return join_.restore(pending.join);
}

// Goes on where another log of this relay was left, with all that is pending there: queue ids,
// half-told deliveries, lines and datagrams that wait. Of several collectors the first does.
// Whether that is so; false: there is none.
bool Collector::use_counted_before() {
  const auto& before = options_.counted_before;
  if (!before || passes_over(before->until)) return false;
  counted_until_ = before->until;
  must_tell_counted_before_ = true;
  const auto pending = parse_pending(before->pending);
  if (!pending) return false;
  elsewhere_ = pending->recent;
  elsewhere_.remove(recent_);  // They lie before our position.
  recent_ = pending->recent;
  newest_line_ = pending->newest_line;
  return options_.join.counts_alone && restore(*pending);
}

// Whether ENTRY was counted before, in another log.
bool Collector::was_counted(const LogEntry& entry) {
  return counted_until_ && (passes_over(entry.at) || elsewhere_.take(entry.at, entry.line));
}

void Collector::take_entries(std::span<const LogEntry> entries) {
  const policy::UtcSeconds now = clock_.now();
  for (const LogEntry& entry : entries) {
    lines_ahead_ = entry.at > now ? lines_ahead_ + 1 : 0;
    const bool is_sound = lines_ahead_ == 0 || lines_ahead_ >= enough_lines_ahead;
    if (is_sound && (!newest_line_ || entry.at > *newest_line_)) newest_line_ = entry.at;
  }
  recent_.advance(newest_line_, now);
  std::size_t left = entries.size();
  for (const LogEntry& entry : entries) {
    --left;
    if (was_counted(entry)) continue;
    if (left < RecentLines::max_lines) {
      recent_.add(entry.at, entry.line);
    } else {
      recent_.pass(entry.at);
    }
    join_.advance(entry.at);
    correlator_.take(entry.at, entry.line, entry.text);
  }
}

policy::Result<bool> Collector::take_block(const std::function<void()>& before_entries) {
  auto block = reader_->next();
  is_readable_ = block.ok();
  if (!block) return std::move(block).error();
  if (block->octets == 0) {
    note_end();
    return false;
  }
  if (before_entries) before_entries();
  take_entries(block->entries);
  if (counted_until_ && newest_line_ && *newest_line_ > *counted_until_ + late_lines) {
    counted_until_.reset();
    elsewhere_ = {};
  }
  if (block->newest && (!read_until_ || *block->newest > *read_until_)) read_until_ = block->newest;
  uncommitted_octets_ += block->octets;
  is_changed_ = true;
  if (auto error = tally_.take_error()) {
    is_spoilt_ = true;
    return *std::move(error);
  }
  return true;
}

void Collector::take(const ReportMail& mail, policy::UtcSeconds at, bool counts) {
  correlator_.take(mail, at, counts);
  is_changed_ = true;
  // While the store cannot be written they may become many; the log tells of the rest.
  if (uncommitted_mails_.size() < max_queue_ids) uncommitted_mails_.push_back({mail, at, counts});
}

void Collector::begin_datagrams(std::uint64_t number) {
  last_datagram_ = number;
  is_changed_ = true;
}

void Collector::take(std::span<const ReceivedDatagram> datagrams) {
  if (datagrams.empty()) return;
  if (!parser_) parser_ = std::make_unique<DatagramParser>();
  for (const ReceivedDatagram& datagram : datagrams) {
    if (datagram.sequence > 0) {
      if (last_datagram_ && datagram.sequence <= *last_datagram_) continue;
      last_datagram_ = datagram.sequence;
    }
    is_changed_ = true;
    SharedFacts facts = facts_of(datagram);
    if (facts == nullptr) {
      refuse(datagram);
      continue;
    }
    join_.take(datagram.pid, datagram.at, std::move(facts), datagram.stamp);
  }
  const std::uint64_t dropped = join_.take_dropped();
  dropped_ += dropped;
  if (dropped > 0) lose_datagrams(policy::DatagramLoss::waited_in_vain, dropped);
}

void Collector::lose_datagrams(policy::DatagramLoss why, std::uint64_t count) {
  if (!options_.join.counts_alone) return;  // Another collector counts them, too.
  tally_.lose(why, count, clock_.now());
  is_changed_ = true;
}

// What DATAGRAM says; null: nothing, it breaks the format.
SharedFacts Collector::facts_of(const ReceivedDatagram& datagram) {
  if (datagram.is_truncated) return nullptr;
  if (SharedFacts known = datagram_memory_.find(datagram)) return known;
  const TlsrptDatagram* parsed = parser_->parse(datagram.octets);
  if (parsed == nullptr) return nullptr;
  return datagram_memory_.keep(datagram, join_.read(*parsed));
}

void Collector::refuse(const ReceivedDatagram& datagram) {
  if (!options_.join.counts_alone) return;  // Another collector has it, too.
  const auto fault = datagram.is_truncated ? policy::DatagramLoss::too_large : parser_->fault();
  last_refused_ = "pid " + std::to_string(datagram.pid) + ": ";
  last_refused_ += to_text(fault);
  ++refused_;
  tally_.lose(fault, 1, datagram.at);
  tally_.not_understood(datagram.at,
                        "datagram of " + last_refused_ + ": " + std::string(datagram.octets));
}

void Collector::forget(std::uint64_t paired) {
  join_.forget(paired);
  is_changed_ = true;
}

void Collector::note_counted(std::uint64_t counted) {
  join_.note_counted(counted);
  is_changed_ = true;
}

void Collector::forget_counted(std::uint64_t told) {
  join_.forget_counted(told);
  is_changed_ = true;
}

std::vector<std::string> Collector::take_notices() {
  std::vector<std::string> notices = reader_->take_notices();
  if (std::exchange(must_tell_counted_before_, false))
    notices.push_back(source() + ": lines up to " +
                      policy::to_text(options_.counted_before->newest) + " are not counted, as " +
                      options_.counted_before->source + " was read until then");
  if (const std::uint64_t dropped = std::exchange(dropped_, 0); dropped > 0)
    notices.push_back(
        "datagrams that waited in vain for the log to be read, with no room for "
        "more: " +
        std::to_string(dropped) + "; the log alone will tell of their sessions");
  if (refused_ > 0 && clock_.now() >= next_refused_notice_) {
    notices.push_back("datagrams that make no sense were dropped: " + std::to_string(refused_) +
                      ", the last one of " + last_refused_);
    next_refused_notice_ = clock_.now() + notice_interval;
    refused_ = 0;
  }
  tell_given_up(notices);
  return notices;
}

void Collector::count_given_up() {
  const auto [ours, doubtful] = correlator_.take_given_up();
  if (ours + doubtful == 0) return;
  const policy::UtcSeconds now = clock_.now();
  tally_.forget_queue_ids(ours, doubtful, std::min(read_until_.value_or(now), now));
  given_up_.ours += ours;
  given_up_.doubtful += doubtful;
}

void Collector::tell_given_up(std::vector<std::string>& notices) {
  count_given_up();
  if (given_up_.ours + given_up_.doubtful == 0 || clock_.now() < next_given_up_notice_) return;
  next_given_up_notice_ = clock_.now() + notice_interval;
  if (given_up_.ours > 0)
    notices.push_back(std::to_string(given_up_.ours) +
                      " queue ids of our reports were forgotten for want of room; sessions of "
                      "theirs to come count like those of any mail");
  if (given_up_.doubtful > 0)
    notices.push_back(std::to_string(given_up_.doubtful) +
                      " queue ids of mail that looks like reports of ours were forgotten for want "
                      "of room; somebody sends many such messages");
  given_up_ = {};
}

// All that was written until now is read. Without this a relay with nothing to do at night would
// hold up the closing of the day until its next mail.
void Collector::note_end() {
  const policy::UtcSeconds now = clock_.now();
  if (read_until_ && now < *read_until_ + idle_commit_interval) return;
  if (!join_.read_to_end(now)) return;
  read_until_ = now;
  is_changed_ = true;
}

bool Collector::wants_commit() const {
  return tally_.size() >= max_uncommitted_rows || tally_.octets() >= max_uncommitted_text ||
         uncommitted_octets_ >= max_uncommitted_octets;
}

policy::Status Collector::commit() {
  if (!is_changed_) return store_.still_there();
  if (is_spoilt_) return policy::Error(policy::Errc::internal, "counts are not sure");
  count_given_up();
  reporter::Batch batch = tally_.batch();
  batch.relay = options_.relay;
  batch.source = options_.source;
  batch.state.position = reader_->position();
  PendingState pending{reader_->memory(), correlator_.state(), last_datagram_};
  if (options_.join.expects_datagrams) pending.join = join_.state(clock_.now());
  pending.counted_until = counted_until_;
  pending.newest_line = newest_line_;
  pending.beside = options_.beside;
  pending.recent = recent_;
  pending.elsewhere = elsewhere_;
  batch.state.pending = to_octets(pending);
  batch.state.read_until = read_until_;
  batch.committed_at = clock_.now();
  if (auto status = store_.commit(batch); !status) return status;
  committed_datagram_ = last_datagram_;
  tally_.clear();
  uncommitted_octets_ = 0;
  uncommitted_mails_.clear();
  is_changed_ = false;
  return policy::Unit();
}

}  // namespace tlsrpt::milter
