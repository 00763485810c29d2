// Correlator: from the sequence of Postfix's log lines to sessions, one TLS outcome each.
//
// It follows design section 3 sentence by sentence; the rule numbers in correlator.cpp and
// delivery_rules.cpp are its. It is a pure function of the line sequence (and of the store's answer
// whether a Message-ID is ours): its memory expires by log time, never by the wall clock, and it
// does not matter where the sequence is cut and the state saved. One thread.
//
// Limits: max_processes processes of smtp(8), the one silent for longest goes first and its open
// sessions are counted as unattributed; see also queue_ids.h and proxy_table.h.
#pragma once

#include <chrono>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "milter/correlate/domain_filter.h"
#include "milter/correlate/proxy_table.h"
#include "milter/correlate/queue_ids.h"
#include "milter/correlate/session_sink.h"
#include "milter/correlate/smtp_process.h"
#include "milter/correlate/verify_memory.h"
#include "milter/log/log_line.h"
#include "policy/result.h"
#include "policy/text_hash.h"

namespace tlsrpt::milter {

inline constexpr std::size_t max_processes = 4096;
// Rule 1: no `to=` line within this log time, and a session is unattributed.
inline constexpr std::chrono::hours attribution_limit{24};
// A process without anything open is remembered for as long as further `to=` lines of its last
// delivery may come (rule 7): Postfix's longest single time-out is 600 s, several may add up.
inline constexpr std::chrono::hours idle_memory{1};
// Rule 6 (b): plaintext is judged by the TLS lines of its service this long before and after.
inline constexpr std::chrono::hours tls_logged_window{24};

struct CorrelatorOptions {
  FilterOptions filter;
  std::vector<std::string> report_senders;
  // Local parts, as QueueIds has them.
  std::vector<std::string> double_bounce_senders{std::string(default_double_bounce_sender)};
};

class Correlator {
 public:
  // SINK must outlive the correlator.
  Correlator(CorrelatorOptions options, SessionSink& sink);

  // The next line, with its stamp. TEXT is the whole line, for what is not understood.
  void take(policy::UtcSeconds at, const LogLine& line, std::string_view text);

  // A message that the milter saw at AT. It matters for lines from then on. COUNTS: whether one
  // that looks like a report and is none is counted here.
  void take(const ReportMail& mail, policy::UtcSeconds at, bool counts);

  // See QueueIds.
  QueueIds::GivenUp take_given_up() { return queue_ids_.take_given_up(); }

  // Everything that is pending. restore() on any octets leaves a usable correlator; Errc::syntax:
  // they were not written by this version's state(), and nothing was restored.
  std::string state() const;
  policy::Status restore(std::string_view octets);

 private:
  friend class DeliveryRules;

  using Processes = std::list<SmtpProcess>;  // The one heard of last comes first.

  SmtpProcess& process_of(const LogLine& line, policy::UtcSeconds at);
  ProxyTable& proxies_of(const LogLine& line);
  void add(SmtpProcess& process, Attempt attempt);
  void abandon(SmtpProcess& process);
  void give_up(const Attempt& attempt);
  std::uint64_t claim(const Attempt& attempt);
  void settle(const Attempt& attempt);
  void tell_tlsrpt(ProxyTable& proxies);
  void drop(Processes::iterator process);
  void sweep(policy::UtcSeconds now);
  void restore_processes(class StateReader& reader);

  void take_smtp(policy::UtcSeconds at, const LogLine& line, std::string_view text);
  void on_established(SmtpProcess& process, policy::UtcSeconds at, const LogLine& line,
                      const PostfixMessage& message);
  void on_handshake_error(SmtpProcess& process, policy::UtcSeconds at,
                          const PostfixMessage& message);
  void on_tlsrpt(SmtpProcess& process, policy::UtcSeconds at, const LogLine& line,
                 const PostfixMessage& message);
  void use_note(const LogLine& line, Attempt& attempt, std::optional<PeerNote> note);
  void note_tls_logged(policy::UtcSeconds at, const LogLine& line);
  void on_stop(SmtpProcess& process, policy::UtcSeconds at, ReasonKind why,
               std::string_view mx_host);
  void on_soft_failure(SmtpProcess& process, policy::UtcSeconds at, const LogLine& line,
                       const Reason& reason);
  void on_certificate_refused(SmtpProcess& process, policy::UtcSeconds at, const LogLine& line);
  void on_not_supported(SmtpProcess& process, policy::UtcSeconds at, const PeerView& peer,
                        const Reason& reason);

  DomainFilter filter_;
  QueueIds queue_ids_;
  SessionSink& sink_;
  Processes processes_;
  std::unordered_map<std::string_view, Processes::iterator, policy::TextHash>
      by_key_;  // Views of their keys.
  VerifyMemory verify_memory_;
  std::map<std::string, ProxyTable, std::less<>> proxies_;  // By log host and instance.
  // By log host and service: the stamp of the newest `established to` line.
  std::map<std::string, policy::UtcSeconds, std::less<>> tls_logged_;
  // The last one that sink_ was told of; not part of the state.
  policy::UtcSeconds last_logged_at_{};
  std::string last_logged_host_;
  std::string last_logged_service_;
  policy::UtcSeconds next_sweep_{};
};

}  // namespace tlsrpt::milter
