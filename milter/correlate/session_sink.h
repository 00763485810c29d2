// SessionSink: where the correlator hands what it has understood.
//
// The tally (tally.h) counts, --explain (explain.h) tells, and the join (datagram_join.h) passes on
// to the tally what datagrams have to say, too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "milter/log/log_line.h"
#include "milter/postfix/postfix_message.h"
#include "policy/fact.h"
#include "policy/utc_day.h"

namespace tlsrpt::milter {

// Where the tally counted a session last, for whoever hands it the very same again.
struct CountedRow {
  std::uint64_t batch = 0;  // 0: it was never counted.
  policy::UtcDay day{};
  std::size_t row = 0;
};

// One session, or (sessions = 0) one more message that an already counted session carried. Views
// are valid during the call only.
struct Session {
  policy::UtcSeconds at{};  // Stamp of the line that proves the outcome.
  std::string_view log_host;
  std::string_view service;  // "postfix/relay/smtp"
  std::string_view domain;   // Recipient domain as A-labels.
  std::string_view mx_host;  // Empty: the log does not tell.
  std::string_view mx_ip;    // Likewise.
  policy::Outcome outcome = policy::Outcome::success;
  std::string_view reason;
  policy::PolicyType policy = policy::PolicyType::no_policy_found;
  // Plaintext where TLS was not offered; the reason is then decided by what is known of the MX.
  bool starttls_not_offered = false;
  // TLS was negotiated with (mx_host, mx_ip), whatever the verdict on the certificate.
  bool handshake_completed = false;
  // no_tls_seen without a TLS line of the service in the 24 h before: judged at evaluation.
  bool is_unproven = false;
  unsigned sessions = 1;
  unsigned messages = 0;

  // The number of its `TLSRPT: status=` line, as SessionSink::tlsrpt_line() gave it; 0: none.
  std::uint64_t tlsrpt = 0;
  // What only a datagram tells; empty and null in what comes from a log alone.
  policy::Source source = policy::Source::log;
  const policy::AppliedPolicy* applied = nullptr;  // In place of `policy`.
  std::string_view helo;
  std::string_view sending_ip;
  std::string_view record;  // The domain's TLSRPT record, as Postfix saw it.
  // Equal for what has the same `applied` and `record`: SeenPolicy::number.
  std::uint64_t applied_number = 0;
  // That of a session which differs in nothing but `at`; null: nobody remembers one.
  CountedRow* counted = nullptr;
};

class SessionSink {
 public:
  virtual ~SessionSink() = default;

  virtual void count(const Session& session) = 0;
  // One session (or message) that is in no report. DOMAIN may be empty.
  virtual void ignore(policy::Ignored kind, policy::UtcSeconds at, std::string_view domain) = 0;
  // Takes back one session that count() or ignore() was told, in this life or before; it is told
  // anew where it counts.
  virtual void take_back(const Session& /*session*/) {}
  virtual void take_back(policy::Ignored /*kind*/, policy::UtcSeconds /*at*/) {}
  // A relevant line that fits nothing.
  virtual void not_understood(policy::UtcSeconds at, std::string_view line) = 0;
  // SERVICE of LOG_HOST logged an `established to` line.
  virtual void tls_logged(policy::UtcSeconds at, std::string_view log_host,
                          std::string_view service) = 0;
  // A `TLSRPT: status=` line, with the number by which its session will name it; 0: nobody waits
  // for datagrams. Each number is told once by count() (of a session), settle_tlsrpt() or
  // abandon_tlsrpt().
  virtual std::uint64_t tlsrpt_line(policy::UtcSeconds /*at*/, const LogLine& /*line*/,
                                    const PostfixMessage& /*message*/) {
    return 0;
  }
  // The session of this line is in no report, or was counted without it.
  virtual void settle_tlsrpt(std::uint64_t /*number*/) {}
  // No delivery claims the session of this line. Whether it is counted by its datagram, or as
  // unattributed where that never comes; false: it is the caller's to count.
  virtual bool abandon_tlsrpt(std::uint64_t /*number*/) { return false; }
  // Postfix could not send the datagram of the latest line of LINE's process.
  virtual void tlsrpt_not_sent(const LogLine& /*line*/) {}
  // Whether MESSAGE_ID (with its brackets) is that of one of our reports.
  virtual bool is_report_message(std::string_view message_id, policy::UtcSeconds at) = 0;
};

}  // namespace tlsrpt::milter
