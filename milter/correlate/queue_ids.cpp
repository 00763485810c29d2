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

// Of what the milter said of a queue id before what it said under KEY: there may be a report of
// that id in several instances.
std::string earlier_key(std::string_view key) { return "+" + std::string(key); }

bool is_report(Standing standing) {
  return standing == Standing::ours || standing == Standing::listed;
}

// A long queue id (enable_long_queue_ids of Postfix): seconds and microseconds to the base of 52,
// then this and the inode to the base of 51.
constexpr std::string_view long_id_digits = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz";
constexpr std::size_t long_id_second_digits = 6;
constexpr std::size_t long_id_separator_at = long_id_second_digits + 4;

// When QUEUE_ID, a long one, was given.
std::optional<policy::UtcSeconds> instant_of_long_id(std::string_view queue_id) {
  if (queue_id.size() <= long_id_separator_at + 1 || queue_id[long_id_separator_at] != 'z' ||
      queue_id.rfind('z') != long_id_separator_at ||
      queue_id.find_first_not_of(long_id_digits) != std::string_view::npos)
    return std::nullopt;
  std::int64_t seconds = 0;
  for (const char digit : queue_id.substr(0, long_id_second_digits)) {
    seconds = seconds * static_cast<std::int64_t>(long_id_digits.size()) +
              static_cast<std::int64_t>(long_id_digits.find(digit));
  }
  return policy::from_unix_seconds(seconds);
}

// A Message-ID that cleanup(8) has made, "<YYYYMMDDHHMMSS.QUEUE-ID@myhostname>", or
// "<QUEUE-ID@myhostname>" where that is a long one.
struct CleanupMessageId {
  policy::UtcSeconds at{};
  std::string_view queue_id;
};

std::optional<CleanupMessageId> parse_cleanup_message_id(std::string_view text) {
  constexpr std::size_t digits = 14;
  const std::size_t host = text.find('@');
  if (!text.starts_with('<') || host == std::string_view::npos) return std::nullopt;
  if (const std::string_view queue_id = text.substr(1, host - 1);
      const auto at = instant_of_long_id(queue_id))
    return CleanupMessageId{*at, queue_id};
  if (host <= digits + 2 || text[digits + 1] != '.') return std::nullopt;
  std::string instant(text.substr(1, digits));
  for (const auto& [place, sign] :
       {std::pair(12U, ":"), {10U, ":"}, {8U, "T"}, {6U, "-"}, {4U, "-"}})
    instant.insert(place, sign);
  const auto at = policy::parse_instant(instant + "Z");
  if (!at) return std::nullopt;
  return CleanupMessageId{*at, text.substr(digits + 2, host - digits - 2)};
}

// Begins the keys of what names QUEUE_ID in its Message-ID; its own key follows.
std::string early_key(std::string_view queue_id) { return "<" + std::string(queue_id) + " "; }

}  // namespace

bool looks_like_our_message_id(std::string_view text) {
  return text.starts_with(report_id_prefix) && text.ends_with('>') &&
         text.size() <= max_message_id && text.find('@') != std::string_view::npos &&
         text.find(' ') == std::string_view::npos;
}

QueueIds::QueueIds(std::vector<std::string> report_senders,
                   std::vector<std::string> double_bounce_senders)
    : report_senders_(std::move(report_senders)),
      double_bounce_senders_(std::move(double_bounce_senders)) {
  for (std::string& sender : report_senders_) sender = policy::to_lower(sender);
}

QueueIdTable& QueueIds::table_of(Standing standing) {
  switch (standing) {
    case Standing::listed:
      return listed_;
    case Standing::untrusted:
    case Standing::counted:
      return doubtful_;
    case Standing::early:
    case Standing::early_bounce:
    case Standing::early_name:
      return early_;
    default:
      return proved_;
  }
}

void QueueIds::put(std::string key, Standing standing, policy::UtcSeconds at) {
  erase(key);
  table_of(standing).put(std::move(key), standing, at);
}

void QueueIds::erase(std::string_view key) {
  for (QueueIdTable* table : {&proved_, &listed_, &doubtful_, &early_}) table->erase(key);
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
  std::string key(queue_id);
  const Entry* entry = find(key);
  while (entry != nullptr && at < entry->at - clock_tolerance) {
    key = earlier_key(key);
    entry = find(key);
  }
  return entry;
}

const QueueIds::Entry* QueueIds::find_logged(std::string_view key, const Entry* told) const {
  const Entry* logged = find(key);
  const bool is_over = logged != nullptr && logged->standing == Standing::gone && told != nullptr &&
                       told->at > logged->at;
  return is_over ? nullptr : logged;
}

void QueueIds::on_told(const std::string& queue_id, Standing standing, policy::UtcSeconds at) {
  const Entry* before = find(queue_id);
  if (before != nullptr && !(is_report(before->standing) && is_report(standing))) {
    while (forget_earliest(queue_id)) {
    }
  }
  std::string key = queue_id;
  for (const Entry* entry = find(key); entry != nullptr; entry = find(key)) {
    const auto [_, earlier, earlier_at] = *entry;
    put(key, std::exchange(standing, earlier), std::exchange(at, earlier_at));
    key = earlier_key(key);
  }
  put(std::move(key), standing, at);
}

bool QueueIds::forget_earliest(std::string_view queue_id) {
  std::string key(queue_id);
  for (std::string next = earlier_key(key); find(next) != nullptr; next = earlier_key(next))
    key = next;
  erase(key);
  return key != queue_id;
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
  } else {
    if (seen != nullptr && seen->standing != Standing::counted) {
      put(std::move(key), Standing::another, at);
    } else if (find(key) != nullptr) {  // The id was used before.
      erase(key);
      erase(logged_key(message.queue_id));
    }
    put_early(line, at, message);
  }
}

// Of no more than the moment in which bounce(8) may not have logged its line yet.
void QueueIds::put_early(const LogLine& line, policy::UtcSeconds at,
                         const PostfixMessage& message) {
  const auto parsed = parse_cleanup_message_id(message.text);
  if (!parsed || parsed->queue_id == message.queue_id || parsed->at + clock_tolerance < at ||
      at + clock_tolerance < parsed->at)
    return;
  const std::string key = key_of(line, message.queue_id);
  early_.put(key, Standing::early, parsed->at);
  early_.put(early_key(parsed->queue_id) + key, Standing::early_name, parsed->at);
}

// NOTIFICATION, of AT, is about a report: so is what has its Message-ID.
void QueueIds::take_up_early(std::string_view notification, policy::UtcSeconds at) {
  const std::string begin = early_key(notification);
  for (const std::string& name : early_.keys_with(begin)) {
    const std::string key = name.substr(begin.size());
    const Entry* early = early_.find(key);
    early_.erase(name);
    if (early == nullptr || early->at + clock_tolerance < at || at + clock_tolerance < early->at)
      continue;
    const bool is_bounce = early->standing == Standing::early_bounce;
    put(key, is_bounce ? Standing::ours : Standing::returned, at);
  }
}

void QueueIds::on_notification(const LogLine& line, policy::UtcSeconds at,
                               const PostfixMessage& message) {
  if (!is_exempt(line, at, message.queue_id)) return;
  put(key_of(line, message.text), Standing::ours, at);
  put(name_key(message.text), Standing::notified, at);
  take_up_early(message.text, at);
}

std::string_view QueueIds::notification_in(std::string_view message_id) const {
  const auto parsed = parse_cleanup_message_id(message_id);
  if (!parsed) return {};
  const Entry* entry = find(name_key(parsed->queue_id));
  const bool is_one = entry != nullptr && parsed->at >= entry->at - clock_tolerance &&
                      parsed->at <= entry->at + clock_tolerance;
  return is_one ? parsed->queue_id : std::string_view();
}

// Whether bounce(8) sends its notifications from there: to the sender, or to postmaster.
bool QueueIds::sends_notifications(std::string_view sender) const {
  const std::string_view local_part = sender.substr(0, sender.rfind('@'));
  return sender.empty() || std::find(double_bounce_senders_.begin(), double_bounce_senders_.end(),
                                     local_part) != double_bounce_senders_.end();
}

void QueueIds::on_sender(const LogLine& line, policy::UtcSeconds at, const PostfixMessage& message,
                         SessionSink& sink) {
  std::string key = key_of(line, message.queue_id);
  if (const Entry* early = early_.find(key); early != nullptr) {
    if (sends_notifications(message.text)) {
      early_.put(key, Standing::early_bounce, early->at);
    } else {
      early_.erase(key);
    }
  }
  const Entry* entry = find(key);
  if (entry == nullptr) return;
  if (entry->standing == Standing::returned) {
    if (sends_notifications(message.text)) {
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
  const bool has_told = find_milter(queue_id, at) != nullptr;
  const Entry* logged = find_logged(key, find_milter(queue_id, at));
  const bool is_logged = logged != nullptr;
  if (is_logged && logged->standing == Standing::gone) return;
  // Of another instance's message the milter said nothing, and the note is not about it.
  const bool is_told = is_logged ? logged->standing != Standing::another : !is_of_others(queue_id);
  erase(key);
  if (!is_told) return;
  if (has_told && forget_earliest(queue_id)) put(key, Standing::gone, at);
  if (is_logged) erase(logged_key(queue_id));
}

// Whether what the milter said of QUEUE_ID is about an instance that has logged its Message-ID.
bool QueueIds::is_of_others(std::string_view queue_id) const {
  return find(logged_key(queue_id)) != nullptr && find(earlier_key(queue_id)) == nullptr;
}

void QueueIds::take(const ReportMail& mail, policy::UtcSeconds at, bool counts, SessionSink& sink) {
  const bool has_our_shape = !mail.message_id.empty();
  if (has_our_shape && sink.is_report_message(mail.message_id, at)) {
    on_told(mail.queue_id, Standing::ours, at);
  } else if (has_our_shape && mail.sender_is_listed && mail.has_report_headers) {
    on_told(mail.queue_id, Standing::listed, at);
  } else {
    if (counts) sink.ignore(policy::Ignored::report_mail_untrusted, at, "");
    // Where the log sees no report in it, there is nothing to remember.
    if (has_our_shape) {
      on_told(mail.queue_id, Standing::counted, at);
    } else {
      while (forget_earliest(mail.queue_id)) {
      }
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
  const Entry* told = find_milter(queue_id, at);
  if (const Entry* logged = find_logged(key_of(line, queue_id), told); logged != nullptr) {
    if (logged->standing == Standing::another || logged->standing == Standing::gone) return false;
    if (is_report(logged->standing)) return true;
  } else if (is_of_others(queue_id)) {
    return false;
  }
  return told != nullptr && is_report(told->standing);
}

void QueueIds::expire(policy::UtcSeconds now) {
  for (QueueIdTable* table : {&proved_, &listed_, &doubtful_}) table->expire(now - queue_id_memory);
  early_.expire(now - clock_tolerance);
}

QueueIds::GivenUp QueueIds::take_given_up() {
  return {proved_.take_given_up() + listed_.take_given_up(), doubtful_.take_given_up()};
}

void QueueIds::clear() {
  for (QueueIdTable* table : {&proved_, &listed_, &doubtful_, &early_}) table->clear();
}

void QueueIds::write(StateWriter& writer) const {
  writer.number(proved_.size() + listed_.size() + doubtful_.size() + early_.size());
  for (const QueueIdTable* table : {&proved_, &listed_, &doubtful_, &early_}) table->write(writer);
}

void QueueIds::read(StateReader& reader) {
  clear();
  for (std::uint64_t left = reader.count(max_queue_ids + max_early_entries);
       left > 0 && reader.ok(); --left) {
    std::string key(reader.text());
    const auto standing = reader.enumeration(last_standing);
    put(std::move(key), standing, reader.instant());
  }
}

}  // namespace tlsrpt::milter
