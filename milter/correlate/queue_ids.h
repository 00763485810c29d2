// QueueIds: which queue ids carry our own reports, whose sessions are in no report.
//
// Design, section 3 "Reports about reports": a queue id is exempt when its Message-ID is that of a
// delivery in the store. Without a store entry (a reporter on another store) it is exempt when the
// Message-ID has the shape of ours and the envelope sender is in `report_senders`; where the milter
// saw the message, it must have had one of the report headers, too. A sender alone would hide a
// mailbox's ordinary mail, a Message-ID alone anybody's.
//
// A notification that bounce(8) makes of a report is exempt as the report is, or a report that
// bounces would make another one each day. So is what a content filter makes of the notification:
// it keeps the Message-ID, and cleanup(8) made that of time and queue id, so that none has to be
// stored: "<20261122100001.3778E21F@relay>", or, of a long queue id, which holds the time,
// "<4jYCKp2xMWz19@relay>". A stranger would have to know both, and send with a sender of
// notifications: none, or double-bounce@ (`double_bounce_sender` of Postfix), from which postmaster
// has a copy. The filter's line may come before bounce(8)'s own; hence what could be such a message
// is remembered for a moment, and is nothing by itself.
//
// The log and the milter both tell, and each alone suffices. The milter knows no instance: what it
// says of a queue id holds for any log host and instance that does not log another Message-ID for
// it, unless one has logged ours. Where it tells of several reports under one id, as many instances
// have one, and each until it is removed there. Message-IDs are compared, never stored. Entries
// live until `removed`, at most queue_id_memory of log time. What is proved, what a listed sender
// makes likely and what strangers can make up each have room of their own; beyond it the oldest
// goes first.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "milter/correlate/queue_id_table.h"
#include "milter/correlate/session_sink.h"
#include "milter/log/log_line.h"
#include "milter/mail/report_mail.h"
#include "milter/postfix/postfix_message.h"
#include "policy/utc_day.h"

namespace tlsrpt::milter {

class StateReader;
class StateWriter;

inline constexpr std::size_t max_proved_queue_ids = 60000;
inline constexpr std::size_t max_listed_queue_ids = 20000;
inline constexpr std::size_t max_doubtful_queue_ids = 20000;
// Of those, each has two entries, and lives until bounce(8) has logged its line.
inline constexpr std::size_t max_early_entries = 2000;
inline constexpr std::size_t max_queue_ids =
    max_proved_queue_ids + max_listed_queue_ids + max_doubtful_queue_ids;
// maximal_queue_lifetime is 5 days by default; our deliveries are remembered for 7.
inline constexpr std::chrono::days queue_id_memory{7};
// How far the clocks of a log and of the milter may be apart. A queue id that the log used longer
// ago was another message's: short ids are used again.
inline constexpr std::chrono::minutes clock_tolerance{5};

// Postfix's default of double_bounce_sender.
inline constexpr std::string_view default_double_bounce_sender = "double-bounce";

// Whether TEXT, with its angle brackets, has the shape of our Message-IDs.
bool looks_like_our_message_id(std::string_view text);

class QueueIds {
 public:
  // REPORT_SENDERS: envelope senders of our reports. DOUBLE_BOUNCE_SENDERS: the local parts from
  // which the instances of Postfix notify postmaster.
  explicit QueueIds(std::vector<std::string> report_senders,
                    std::vector<std::string> double_bounce_senders = {
                        std::string(default_double_bounce_sender)});

  // A message of cleanup(8), qmgr(8) or bounce(8).
  void take(const LogLine& line, policy::UtcSeconds at, const PostfixMessage& message,
            SessionSink& sink);
  // A message that the milter saw at AT. COUNTS: whether SINK counts it where it is none of ours.
  void take(const ReportMail& mail, policy::UtcSeconds at, bool counts, SessionSink& sink);
  // Whether a line of cleanup(8), qmgr(8) or bounce(8) can change anything; most cannot.
  bool concerns(const LogLine& line) const;
  // Whether a line of AT that has QUEUE_ID is about one of our reports.
  bool is_exempt(const LogLine& line, policy::UtcSeconds at, std::string_view queue_id) const;
  // Drops what is older than queue_id_memory: its `removed` was not seen.
  void expire(policy::UtcSeconds now);

  // How many of ours, or of what looks like ours, went for want of room since the last call.
  struct GivenUp {
    std::uint64_t ours = 0;
    std::uint64_t doubtful = 0;
  };
  GivenUp take_given_up();

  void clear();
  void write(StateWriter& writer) const;
  void read(StateReader& reader);

 private:
  using Entry = QueueIdTable::Entry;

  QueueIdTable& table_of(Standing standing);
  void put(std::string key, Standing standing, policy::UtcSeconds at);
  void erase(std::string_view key);
  bool is_empty() const;
  void on_message_id(const LogLine& line, policy::UtcSeconds at, const PostfixMessage& message,
                     SessionSink& sink);
  void on_sender(const LogLine& line, policy::UtcSeconds at, const PostfixMessage& message,
                 SessionSink& sink);
  void on_removed(const LogLine& line, policy::UtcSeconds at, std::string_view queue_id);
  void on_notification(const LogLine& line, policy::UtcSeconds at, const PostfixMessage& message);
  const Entry* find(std::string_view key) const;
  void on_told(const std::string& queue_id, Standing standing, policy::UtcSeconds at);
  // Forgets what was told of QUEUE_ID first; whether there is more.
  bool forget_earliest(std::string_view queue_id);
  // What the milter said of the message that uses QUEUE_ID at AT; null: nothing.
  const Entry* find_milter(std::string_view queue_id, policy::UtcSeconds at) const;
  bool is_of_others(std::string_view queue_id) const;
  // What the log said of KEY, where the milter has not TOLD of another message since.
  const Entry* find_logged(std::string_view key, const Entry* told) const;
  // The queue id that MESSAGE_ID names, where it is that of a notification about a report.
  std::string_view notification_in(std::string_view message_id) const;
  void put_early(const LogLine& line, policy::UtcSeconds at, const PostfixMessage& message);
  void take_up_early(std::string_view notification, policy::UtcSeconds at);
  bool sends_notifications(std::string_view sender) const;

  std::vector<std::string> report_senders_;  // Lower case.
  std::vector<std::string> double_bounce_senders_;
  // By log host, instance and queue id; what the milter said by the queue id alone; see also
  // Standing. A key is in one of them.
  QueueIdTable proved_{max_proved_queue_ids};
  QueueIdTable listed_{max_listed_queue_ids};
  QueueIdTable doubtful_{max_doubtful_queue_ids};
  // Whatever has a Message-ID of cleanup(8) lately; apart, as most mail that is passed on has.
  QueueIdTable early_{max_early_entries};
};

}  // namespace tlsrpt::milter
