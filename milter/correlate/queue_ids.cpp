#include "milter/correlate/queue_ids.h"

#include <algorithm>
#include <optional>
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

// Of an entry about a notification, whose Message-ID names QUEUE_ID.
std::string name_key(std::string_view queue_id) { return "<" + std::string(queue_id); }

// Of the note that some instance has logged one of our Message-IDs for QUEUE_ID.
std::string logged_key(std::string_view queue_id) { return " " + std::string(queue_id); }

// A Message-ID that cleanup(8) has made, "<YYYYMMDDHHMMSS.QUEUE-ID@myhostname>".
struct CleanupMessageId {
  policy::UtcSeconds at{};
  std::string_view queue_id;
};

std::optional<CleanupMessageId> parse_cleanup_message_id(std::string_view text) {
  constexpr std::size_t digits = 14;
  const std::size_t host = text.find('@');
  if (!text.starts_with('<') || host == std::string_view::npos || host <= digits + 2 ||
      text[digits + 1] != '.')
    return std::nullopt;
  std::string instant(text.substr(1, digits));
  for (const auto& [place, sign] :
       {std::pair(12U, ":"), {10U, ":"}, {8U, "T"}, {6U, "-"}, {4U, "-"}})
    instant.insert(place, sign);
  const auto at = policy::parse_instant(instant + "Z");
  if (!at) return std::nullopt;
  return CleanupMessageId{*at, text.substr(digits + 2, host - digits - 2)};
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

QueueIdTable& QueueIds::table_of(Standing standing) {
  switch (standing) {
    case Standing::listed:
      return listed_;
    case Standing::untrusted:
    case Standing::counted:
      return doubtful_;
    default:
      return proved_;
  }
}

void QueueIds::put(std::string key, Standing standing, policy::UtcSeconds at) {
  erase(key);
  table_of(standing).put(std::move(key), standing, at);
}

void QueueIds::erase(std::string_view key) {
  for (QueueIdTable* table : {&proved_, &listed_, &doubtful_}) table->erase(key);
}

const QueueIds::Entry* QueueIds::find(std::string_view key) const {
  for (const QueueIdTable* table : {&proved_, &listed_, &doubtful_}) {
    if (const Entry* entry = table->find(key); entry != nullptr) return entry;
  }
  return nullptr;
}

bool QueueIds::is_empty() const { return proved_.size() + listed_.size() + doubtful_.size() == 0; }

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
      on_notification(line, at, message);
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
  const Entry* seen = find_milter(message.queue_id, at);
  if (looks_like_our_message_id(message.text)) {
    const bool is_ours = sink.is_report_message(message.text, at);
    put(std::move(key), is_ours ? Standing::ours : Standing::untrusted, at);
    if (is_ours) put(logged_key(message.queue_id), Standing::logged, at);
  } else if (const auto named = notification_in(message.text); !named.empty()) {
    // Its own line may come after that of bounce(8), which has said all.
    if (named != message.queue_id) put(std::move(key), Standing::returned, at);
  } else if (seen != nullptr && seen->standing != Standing::counted) {
    put(std::move(key), Standing::another, at);
  } else if (find(key) != nullptr) {  // The id was used before.
    erase(key);
    erase(logged_key(message.queue_id));
  }
}

void QueueIds::on_notification(const LogLine& line, policy::UtcSeconds at,
                               const PostfixMessage& message) {
  if (!is_exempt(line, at, message.queue_id)) return;
  put(key_of(line, message.text), Standing::ours, at);
  put(name_key(message.text), Standing::notified, at);
}

std::string_view QueueIds::notification_in(std::string_view message_id) const {
  const auto parsed = parse_cleanup_message_id(message_id);
  if (!parsed) return {};
  const Entry* entry = find(name_key(parsed->queue_id));
  const bool is_one = entry != nullptr && parsed->at >= entry->at - clock_tolerance &&
                      parsed->at <= entry->at + clock_tolerance;
  return is_one ? parsed->queue_id : std::string_view();
}

void QueueIds::on_sender(const LogLine& line, policy::UtcSeconds at, const PostfixMessage& message,
                         SessionSink& sink) {
  std::string key = key_of(line, message.queue_id);
  const Entry* entry = find(key);
  if (entry == nullptr) return;
  if (entry->standing == Standing::returned) {
    if (message.text.empty()) {
      put(std::move(key), Standing::ours, at);
    } else {
      erase(key);
    }
    return;
  }
  if (entry->standing != Standing::untrusted) return;
  Standing standing = Standing::counted;
  // The milter saw the sender before anything rewrote it, and the headers.
  if (const Entry* seen = find_milter(message.queue_id, at); seen != nullptr) {
    standing = seen->standing;
  } else if (is_listed_sender(message.text, report_senders_)) {
    standing = Standing::listed;
  } else {
    sink.ignore(policy::Ignored::report_mail_untrusted, at, "");
  }
  put(std::move(key), standing, at);
}

void QueueIds::on_removed(const LogLine& line, policy::UtcSeconds at, std::string_view queue_id) {
  const std::string key = key_of(line, queue_id);
  const Entry* logged = find(key);
  const bool is_another = logged != nullptr && logged->standing == Standing::another;
  // Of another instance's message the milter said nothing, and the note is not about it.
  const bool is_told = logged != nullptr ? !is_another : find(logged_key(queue_id)) == nullptr;
  erase(key);
  if (!is_told) return;
  if (find_milter(queue_id, at) != nullptr) erase(queue_id);
  erase(logged_key(queue_id));
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
  if (!is_empty()) return true;
  return line.kind == Program::cleanup &&
         line.message.find(report_id_prefix) != std::string_view::npos;
}

bool QueueIds::is_exempt(const LogLine& line, policy::UtcSeconds at,
                         std::string_view queue_id) const {
  if (is_empty()) return false;
  const auto counts_not = [](const Entry* entry) {
    return entry != nullptr &&
           (entry->standing == Standing::ours || entry->standing == Standing::listed);
  };
  if (const Entry* logged = find(key_of(line, queue_id)); logged != nullptr) {
    if (logged->standing == Standing::another) return false;
    if (counts_not(logged)) return true;
  } else if (find(logged_key(queue_id)) != nullptr) {
    return false;  // The milter spoke of that instance's message.
  }
  return counts_not(find_milter(queue_id, at));
}

void QueueIds::expire(policy::UtcSeconds now) {
  for (QueueIdTable* table : {&proved_, &listed_, &doubtful_}) table->expire(now - queue_id_memory);
}

QueueIds::GivenUp QueueIds::take_given_up() {
  return {proved_.take_given_up() + listed_.take_given_up(), doubtful_.take_given_up()};
}

void QueueIds::clear() {
  for (QueueIdTable* table : {&proved_, &listed_, &doubtful_}) table->clear();
}

void QueueIds::write(StateWriter& writer) const {
  writer.number(proved_.size() + listed_.size() + doubtful_.size());
  for (const QueueIdTable* table : {&proved_, &listed_, &doubtful_}) table->write(writer);
}

void QueueIds::read(StateReader& reader) {
  clear();
  for (std::uint64_t left = reader.count(max_queue_ids); left > 0 && reader.ok(); --left) {
    std::string key(reader.text());
    const auto standing = reader.enumeration(Standing::logged);
    put(std::move(key), standing,
        policy::from_unix_seconds(static_cast<std::int64_t>(reader.number())));
  }
}

}  // namespace tlsrpt::milter
