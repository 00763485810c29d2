#include "milter/correlate/tally.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace tlsrpt::milter {
namespace {

using policy::Outcome;
using policy::PolicyType;

// Design, section 3, rule 6.
constexpr std::chrono::days stripping_memory{30};
// Design, section 3: our deliveries are known by Message-ID for 7 days.
constexpr std::chrono::days report_memory{7};
// Design, rule 14: so many are kept a day; the store bounds the day, this bounds a batch.
constexpr std::size_t max_not_understood = 20;
constexpr std::size_t max_line_kept = 500;
// MX hosts in memory; beyond it the store is asked again.
constexpr std::size_t max_handshakes = 200000;

void append_number(std::string& text, std::int64_t value) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  text.append(digits.data(), end).append(1, '\0');
}

// An MX of which no handshake is known is remembered as such, too.
constexpr policy::UtcDay never = policy::UtcDay::min();

std::string mx_key(std::string_view mx_host, std::string_view mx_ip) {
  std::string key(mx_host);
  return key.append(1, ' ').append(mx_ip);
}

std::int16_t minute_of_day(policy::UtcSeconds at) {
  const auto in_day = at - policy::day_of(at);
  return static_cast<std::int16_t>(std::chrono::floor<std::chrono::minutes>(in_day).count());
}

// Words that keep rows apart but are not known of every session.
bool keeps_minute(const Session& session) {
  return session.outcome == Outcome::no_tls_seen && session.is_unproven;
}

// What tells rows apart beside what a log tells, too.
void append_datagram_key(std::string& key, const Session& session) {
  append_number(key, static_cast<std::int64_t>(session.source));
  append_number(key, static_cast<std::int64_t>(session.applied_number));
  for (const std::string_view part : {session.helo, session.sending_ip})
    key.append(part).append(1, '\0');
}

}  // namespace

Tally::Tally(TallyOptions options, reporter::Store& store, SendingAddress sending_address)
    : options_(std::move(options)), store_(store), sending_address_(std::move(sending_address)) {}

std::string_view Tally::relay_of(std::string_view log_host) const {
  return options_.relay_name.empty() ? log_host : std::string_view(options_.relay_name);
}

std::size_t Tally::row_for(const Session& session) {
  if (session.counted == nullptr) return find_row(session, counted_);
  CountedRow& known = *session.counted;
  const policy::UtcDay day = policy::day_of(session.at);
  if (known.batch != batch_ || known.day != day) known = {batch_, day, find_row(session, counted_)};
  return known.row;
}

std::size_t Tally::find_row(const Session& session, Rows& rows) {
  // Whether plaintext looks like stripping may change with every handshake of its MX.
  const std::string_view reason =
      session.starttls_not_offered ? plaintext_reason(session) : session.reason;
  key_.clear();
  append_number(key_, policy::day_of(session.at).time_since_epoch().count());
  append_number(key_, static_cast<std::int64_t>(session.outcome) * 64 +
                          static_cast<std::int64_t>(session.policy));
  append_number(key_, keeps_minute(session) ? minute_of_day(session.at) : -1);
  for (const std::string_view part :
       {session.log_host, session.service, session.domain, session.mx_host, session.mx_ip, reason})
    key_.append(part).append(1, '\0');
  if (session.source != policy::Source::log) append_datagram_key(key_, session);
  const auto found = rows.by_key.find(std::string_view(key_));
  if (found != rows.by_key.end()) return found->second;
  const std::size_t row = rows.facts.size();
  rows.by_key.emplace(key_, row);
  const policy::Fact& fact = rows.facts.emplace_back(make_row(session, reason));
  octets_ += key_.size() + session.record.size();
  for (const auto* texts : {&fact.policy.policy_string, &fact.policy.mx_host}) {
    for (const std::string& text : *texts) octets_ += text.size();
  }
  if (&rows == &counted_ && !session.record.empty())
    seen_records_[{policy::day_of(session.at), std::string(session.domain)}] = session.record;
  return row;
}

policy::Fact Tally::make_row(const Session& session, std::string_view reason) {
  policy::Fact row;
  row.day = policy::day_of(session.at);
  row.domain = session.domain;
  row.relay = relay_of(session.log_host);
  row.service = session.service;
  // Several hosts under one name: each host's services are judged by themselves (rule 6 b).
  if (row.relay != session.log_host) row.service.append(1, '@').append(session.log_host);
  row.mx_host = session.mx_host;
  row.mx_ip = session.mx_ip;
  row.source = session.source;
  row.helo = session.helo;
  if (!session.sending_ip.empty()) {
    row.sending_ip = session.sending_ip;
  } else if (!row.mx_ip.empty()) {
    row.sending_ip = sending_address_(session.mx_ip);
  }
  row.outcome = session.outcome;
  row.reason = reason;
  if (session.applied != nullptr) {
    row.policy = *session.applied;
  } else {
    row.policy.type = session.policy;
    // Design, section 6: the TLSA base domain is the MX host, an STS policy is the domain's.
    row.policy.policy_domain = session.policy == PolicyType::tlsa && !session.mx_host.empty()
                                   ? session.mx_host
                                   : session.domain;
  }
  if (keeps_minute(session)) row.minute = minute_of_day(session.at);
  return row;
}

std::string_view Tally::plaintext_reason(const Session& session) {
  const std::string key = mx_key(session.mx_host, session.mx_ip);
  auto known = handshakes_.find(key);
  if (known == handshakes_.end()) {
    auto last = store_.last_handshake(session.mx_host, session.mx_ip);
    if (!last) {
      if (!error_) error_ = std::move(last).error();
      return "starttls-not-offered";
    }
    if (handshakes_.size() >= max_handshakes) handshakes_.clear();
    known = handshakes_.emplace(key, last->value_or(never)).first;
  }
  const bool is_recent =
      known->second != never && policy::day_of(session.at) - known->second <= stripping_memory;
  return is_recent ? "starttls-stripped-suspected" : "starttls-not-offered";
}

void Tally::remember_handshake(const Session& session) {
  key_.assign(session.mx_host).append(1, ' ').append(session.mx_ip);
  const policy::UtcDay day = policy::day_of(session.at);
  const auto known = handshakes_.find(std::string_view(key_));
  if (known != handshakes_.end() && known->second >= day) return;
  if (handshakes_.size() >= max_handshakes) handshakes_.clear();
  handshakes_.insert_or_assign(key_, day);
  new_handshakes_.push_back({std::string(session.mx_host), std::string(session.mx_ip), day});
}

void Tally::count(const Session& session) {
  policy::Fact& row = counted_.facts[row_for(session)];
  row.sessions += session.sessions;
  row.messages += session.messages;
  if (session.handshake_completed) remember_handshake(session);
}

void Tally::ignore(policy::Ignored kind, policy::UtcSeconds at, std::string_view /*domain*/) {
  ++ignored_[{policy::day_of(at), kind}];
}

// The row may be of a batch before; what is of this one is added first.
void Tally::take_back(const Session& session) {
  policy::Fact& row = taken_back_.facts[find_row(session, taken_back_)];
  row.sessions += session.sessions;
  row.messages += session.messages;
}

void Tally::take_back(policy::Ignored kind, policy::UtcSeconds at) {
  ++ignored_taken_back_[{policy::day_of(at), kind}];
}

void Tally::not_understood(policy::UtcSeconds at, std::string_view line) {
  ignore(policy::Ignored::not_understood, at, "");
  const policy::UtcDay day = policy::day_of(at);
  if (ignored_[{day, policy::Ignored::not_understood}] > max_not_understood) return;
  not_understood_.push_back({day, std::string(line.substr(0, max_line_kept))});
}

void Tally::tls_logged(policy::UtcSeconds at, std::string_view log_host, std::string_view service) {
  key_.assign(relay_of(log_host)).append(1, ' ').append(service);
  if (relay_of(log_host) != log_host) key_.append(1, '@').append(log_host);
  auto found = tls_logged_.find(std::string_view(key_));
  if (found == tls_logged_.end())
    found = tls_logged_.emplace(key_, std::vector<ServiceSpan>()).first;
  auto& spans = found->second;
  const policy::UtcDay day = policy::day_of(at);
  const auto span = std::find_if(spans.begin(), spans.end(), [&](const ServiceSpan& known) {
    return policy::day_of(known.first) == day;
  });
  if (span == spans.end()) {
    spans.push_back({at, at});
  } else {
    span->first = std::min(span->first, at);
    span->last = std::max(span->last, at);
  }
}

bool Tally::is_report_message(std::string_view message_id, policy::UtcSeconds at) {
  const auto known = store_.is_report_message(message_id, at - report_memory);
  if (known) return *known;
  if (!error_) error_ = known.error();
  return false;
}

void Tally::lose(policy::DatagramLoss why, std::uint64_t count, policy::UtcSeconds at) {
  reporter::LostDatagrams& lost = lost_datagrams_[{policy::day_of(at), why}];
  lost.count += count;
  lost.last = std::max(lost.last, at);
}

void Tally::forget_queue_ids(std::uint64_t ours, std::uint64_t doubtful, policy::UtcSeconds at) {
  reporter::ForgottenQueueIds& forgotten = forgotten_queue_ids_[policy::day_of(at)];
  forgotten.ours += ours;
  forgotten.doubtful += doubtful;
  forgotten.last = std::max(forgotten.last.value_or(at), at);
}

reporter::Batch Tally::batch() const {
  reporter::Batch batch;
  batch.facts = counted_.facts;
  batch.ignored = ignored_;
  batch.taken_back = {taken_back_.facts, ignored_taken_back_};
  batch.not_understood = not_understood_;
  batch.lost_datagrams = lost_datagrams_;
  batch.forgotten_queue_ids = forgotten_queue_ids_;
  for (const auto& [key, spans] : tls_logged_) {
    const std::size_t blank = key.find(' ');
    for (const ServiceSpan& span : spans)
      batch.tls_logged.push_back(
          {key.substr(0, blank), key.substr(blank + 1), span.first, span.last});
  }
  batch.mx_handshakes = new_handshakes_;
  batch.seen_records = seen_records_;
  return batch;
}

void Tally::clear() {
  ++batch_;
  octets_ = 0;
  counted_ = {};
  taken_back_ = {};
  ignored_.clear();
  ignored_taken_back_.clear();
  not_understood_.clear();
  lost_datagrams_.clear();
  forgotten_queue_ids_.clear();
  tls_logged_.clear();
  new_handshakes_.clear();
  seen_records_.clear();
}

std::optional<policy::Error> Tally::take_error() { return std::exchange(error_, std::nullopt); }

}  // namespace tlsrpt::milter
