#include "milter/correlate/queue_ids.h"

#include <iterator>
#include <utility>

#include "milter/correlate/state_codec.h"
#include "milter/mail/mail_watch.h"
#include "policy/text.h"

namespace tlsrpt::milter {
namespace {

// Every Message-ID of a report of ours begins so (design, section 3).
constexpr std::string_view report_id_prefix = "<tlsrpt.";
// RFC 5322, 2.1.1: a line. Ours are much shorter.
constexpr std::size_t max_message_id = 998;

std::string key_of(const LogLine& line, std::string_view queue_id) {
  std::string key;
  key.reserve(line.host.size() + line.instance.size() + queue_id.size() + 2);
  key.append(line.host).append(1, ' ').append(line.instance).append(1, ' ').append(queue_id);
  return key;
}

}  // namespace

bool looks_like_our_message_id(std::string_view text) {
  return text.starts_with(report_id_prefix) && text.ends_with('>') &&
         text.size() <= max_message_id && text.find('@') != std::string_view::npos &&
         text.find(' ') == std::string_view::npos;
}

QueueIds::QueueIds(std::vector<std::string> report_senders)
    : report_senders_(std::move(report_senders)) {
  for (std::string& sender : report_senders_) sender = policy::to_lower(sender);
}

// An entry that is put again becomes the newest.
void QueueIds::put(std::string key, Standing standing, policy::UtcSeconds at) {
  erase(key);
  if (entries_.size() >= max_queue_ids) erase(entries_.front().key);
  entries_.push_back({std::move(key), standing, at});
  by_key_.emplace(entries_.back().key, std::prev(entries_.end()));
}

void QueueIds::erase(std::string_view key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return;
  const auto entry = found->second;
  by_key_.erase(found);
  entries_.erase(entry);
}

const QueueIds::Entry* QueueIds::find(std::string_view key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : &*found->second;
}

const QueueIds::Entry* QueueIds::find_milter(std::string_view queue_id,
                                             policy::UtcSeconds at) const {
  const Entry* entry = find(queue_id);
  return entry != nullptr && at >= entry->at - clock_tolerance ? entry : nullptr;
}

void QueueIds::take(const LogLine& line, policy::UtcSeconds at, const PostfixMessage& message,
                    SessionSink& sink) {
  switch (message.kind) {
    case MessageKind::message_id:
      on_message_id(line, at, message, sink);
      return;
    case MessageKind::sender:
      on_sender(line, at, message, sink);
      return;
    case MessageKind::notification:
      if (is_exempt(line, at, message.queue_id))
        put(key_of(line, message.text), Standing::ours, at);
      return;
    case MessageKind::removed:
      on_removed(line, at, message.queue_id);
      return;
    default:
      return;
  }
}

void QueueIds::on_message_id(const LogLine& line, policy::UtcSeconds at,
                             const PostfixMessage& message, SessionSink& sink) {
  std::string key = key_of(line, message.queue_id);
  if (looks_like_our_message_id(message.text)) {
    const bool is_ours = sink.is_report_message(message.text, at);
    put(std::move(key), is_ours ? Standing::ours : Standing::untrusted, at);
  } else if (find_milter(message.queue_id, at) != nullptr) {
    put(std::move(key), Standing::another, at);
  } else {
    erase(key);  // The id was used before.
  }
}

void QueueIds::on_sender(const LogLine& line, policy::UtcSeconds at, const PostfixMessage& message,
                         SessionSink& sink) {
  const auto found = by_key_.find(key_of(line, message.queue_id));
  if (found == by_key_.end() || found->second->standing != Standing::untrusted) return;
  Standing& standing = found->second->standing;
  // The milter saw the sender before anything rewrote it, and the headers.
  if (const Entry* seen = find_milter(message.queue_id, at); seen != nullptr) {
    standing = seen->standing;
  } else if (is_listed_sender(message.text, report_senders_)) {
    standing = Standing::listed;
  } else {
    standing = Standing::counted;
    sink.ignore(policy::Ignored::report_mail_untrusted, at, "");
  }
}

void QueueIds::on_removed(const LogLine& line, policy::UtcSeconds at, std::string_view queue_id) {
  const std::string key = key_of(line, queue_id);
  const Entry* logged = find(key);
  const bool is_another = logged != nullptr && logged->standing == Standing::another;
  erase(key);
  if (!is_another && find_milter(queue_id, at) != nullptr) erase(queue_id);
}

void QueueIds::take(const ReportMail& mail, policy::UtcSeconds at, bool counts, SessionSink& sink) {
  const bool has_our_shape = !mail.message_id.empty();
  if (has_our_shape && sink.is_report_message(mail.message_id, at)) {
    put(mail.queue_id, Standing::ours, at);
  } else if (has_our_shape && mail.sender_is_listed && mail.has_report_headers) {
    put(mail.queue_id, Standing::listed, at);
  } else {
    if (counts) sink.ignore(policy::Ignored::report_mail_untrusted, at, "");
    // Where the log sees no report in it, there is nothing to remember.
    if (has_our_shape) {
      put(mail.queue_id, Standing::counted, at);
    } else {
      erase(mail.queue_id);
    }
  }
}

bool QueueIds::concerns(const LogLine& line) const {
  if (!entries_.empty()) return true;
  return line.kind == Program::cleanup &&
         line.message.find(report_id_prefix) != std::string_view::npos;
}

bool QueueIds::is_exempt(const LogLine& line, policy::UtcSeconds at,
                         std::string_view queue_id) const {
  if (entries_.empty()) return false;
  const auto counts_not = [](const Entry* entry) {
    return entry != nullptr &&
           (entry->standing == Standing::ours || entry->standing == Standing::listed);
  };
  const Entry* logged = find(key_of(line, queue_id));
  if (logged != nullptr && logged->standing == Standing::another) return false;
  return counts_not(logged) || counts_not(find_milter(queue_id, at));
}

void QueueIds::expire(policy::UtcSeconds now) {
  std::erase_if(by_key_, [&](const auto& each) { return now - each.second->at > queue_id_memory; });
  std::erase_if(entries_, [&](const Entry& entry) { return now - entry.at > queue_id_memory; });
}

void QueueIds::clear() {
  by_key_.clear();
  entries_.clear();
}

void QueueIds::write(StateWriter& writer) const {
  writer.number(entries_.size());
  for (const Entry& entry : entries_) {
    writer.text(entry.key);
    writer.number(static_cast<std::uint64_t>(entry.standing));
    writer.number(static_cast<std::uint64_t>(policy::unix_seconds(entry.at)));
  }
}

void QueueIds::read(StateReader& reader) {
  clear();
  for (std::uint64_t left = reader.count(max_queue_ids); left > 0 && reader.ok(); --left) {
    std::string key(reader.text());
    const auto standing = reader.enumeration(Standing::another);
    put(std::move(key), standing,
        policy::from_unix_seconds(static_cast<std::int64_t>(reader.number())));
  }
}

}  // namespace tlsrpt::milter
