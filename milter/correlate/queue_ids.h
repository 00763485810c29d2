// QueueIds: which queue ids carry our own reports, whose sessions are in no report.
//
// Design, section 3 "Reports about reports": a queue id is exempt when its Message-ID is that of a
// delivery in the store. Without a store entry (a reporter on another store) it is exempt when the
// Message-ID has the shape of ours and the envelope sender is in `report_senders`; where the milter
// saw the message, it must have had one of the report headers, too. A sender alone would hide a
// mailbox's ordinary mail, a Message-ID alone anybody's. A notification that bounce(8) makes of a
// report is exempt as the report is, or a report that bounces would make another one each day.
//
// The log and the milter both tell, and each alone suffices. The milter knows no instance: what it
// says of a queue id holds for any log host and instance that does not log another Message-ID for
// it. Message-IDs are compared, never stored. Entries live until `removed`, at most queue_id_memory
// of log time; beyond max_queue_ids the oldest goes first.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "milter/correlate/session_sink.h"
#include "milter/log/log_line.h"
#include "milter/mail/report_mail.h"
#include "milter/postfix/postfix_message.h"
#include "policy/utc_day.h"

namespace tlsrpt::milter {

class StateReader;
class StateWriter;

inline constexpr std::size_t max_queue_ids = 100000;
// maximal_queue_lifetime is 5 days by default; our deliveries are remembered for 7.
inline constexpr std::chrono::days queue_id_memory{7};
// How far the clocks of a log and of the milter may be apart. A queue id that the log used longer
// ago was another message's: short ids are used again.
inline constexpr std::chrono::minutes clock_tolerance{5};

// Whether TEXT, with its angle brackets, has the shape of our Message-IDs.
bool looks_like_our_message_id(std::string_view text);

class QueueIds {
 public:
  // REPORT_SENDERS: envelope senders of our reports.
  explicit QueueIds(std::vector<std::string> report_senders);

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

  void clear();
  void write(StateWriter& writer) const;
  void read(StateReader& reader);

 private:
  enum class Standing : std::uint8_t {
    ours,       // Its Message-ID is in the store.
    listed,     // Looks like a report and comes from a listed sender.
    untrusted,  // Only in the log: looks like a report of ours; its sender is not known yet.
    counted,    // Looks like a report and is ordinary mail; counted as such.
    another,    // Only in the log: another message than the one that the milter saw under this id.
  };
  struct Entry {
    std::string key;
    Standing standing = Standing::ours;
    policy::UtcSeconds at{};
  };
  using Entries = std::list<Entry>;  // The oldest comes first.

  void put(std::string key, Standing standing, policy::UtcSeconds at);
  void erase(std::string_view key);
  void on_message_id(const LogLine& line, policy::UtcSeconds at, const PostfixMessage& message,
                     SessionSink& sink);
  void on_sender(const LogLine& line, policy::UtcSeconds at, const PostfixMessage& message,
                 SessionSink& sink);
  void on_removed(const LogLine& line, policy::UtcSeconds at, std::string_view queue_id);
  const Entry* find(std::string_view key) const;
  // What the milter said of the message that uses QUEUE_ID at AT; null: nothing.
  const Entry* find_milter(std::string_view queue_id, policy::UtcSeconds at) const;

  std::vector<std::string> report_senders_;  // Lower case.
  // By log host, instance and queue id; what the milter said by the queue id alone.
  Entries entries_;
  std::unordered_map<std::string_view, Entries::iterator> by_key_;  // Views of their keys.
};

}  // namespace tlsrpt::milter
