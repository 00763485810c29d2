// DatagramJoin: makes one session of Postfix's `TLSRPT: status=` line, its datagram, and what the
// log says of the same handshake.
//
// Design, section 3, "Both sources". Postfix writes one line for each datagram that it tries to
// send, both from the process that did the handshake. So the k-th line of a pid goes with the k-th
// datagram of that pid; but either may be lost, and then all later ones must not be shifted.
// Therefore a line and a datagram make a pair at once only where they agree in domain and result,
// and are of one moment: the line's stamp at most line_lag after, or datagram_lag before, that of
// the datagram. The first line takes the first datagram. What is left over:
//
//  - a line that finds no datagram within datagram_wait of log time takes one of its process that
//    agrees, where stamps explain that they are apart: nothing was logged from the one to the
//    other, or the datagram's is that of its receipt, or they are whole quarters of an hour apart,
//    and no line of the ten minutes after it is of one moment with its datagram (log_timezone is
//    wrong, or the hour is shown twice). Else the log alone counts;
//  - datagrams of the time that a log stood still wait until what stood is written, for as long as
//    it stood, at most datagram_wait; where they are many, lines take them at once;
//  - a datagram whose line has not come datagram_wait after the log was read past its arrival
//    takes such a line that was counted before it came, or counts alone, on the day of its arrival;
//    but where max_counted_in_silence were and nothing is logged, the rest waits, max_silence long;
//  - then a line also takes a datagram of another pid where neither side shows the other's pid
//    around: Postfix runs in a container whose log has its own, maybe beside one that does not.
//    Where all pairs but a few have two pids, pids are not compared at all, and nobody waits;
//  - where max_lines_alone lines came and not one datagram, Postfix sends them elsewhere: the log
//    counts at once, until a datagram comes; so do lines of a host of which as many were waited for
//    in vain, while those of other hosts make pairs;
//  - whatever was counted alone is remembered for counted_memory: where its other half comes after
//    all, it is not counted again; and where that half is a line whose session is in no report, or
//    is told otherwise, what its datagram counted is taken back.
//
// A pure function of the two sequences, wherever each is cut, and in whichever order they are
// handed over, as long as a datagram is there before the log's time is half of datagram_wait past
// it. Time is that of the log. It stands between the correlator and the tally; one thread.
//
// Limits: max_join_lines lines and max_join_datagrams datagrams, the oldest go first; of them the
// log alone tells then. Beyond a quarter of max_join_octets, what is counted alone is remembered
// without its policies, and cannot be taken back.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "milter/correlate/domain_filter.h"
#include "milter/correlate/pair_evidence.h"
#include "milter/correlate/pair_index.h"
#include "milter/correlate/pid_sightings.h"
#include "milter/correlate/session_sink.h"
#include "milter/datagram/datagram_facts.h"
#include "milter/datagram/received_datagram.h"
#include "policy/result.h"

namespace tlsrpt::milter {

inline constexpr std::chrono::minutes datagram_wait{10};
// A process writes the line and then sends the datagram, both within a moment; whole seconds. A
// busy syslog stamps late what it gets; so does a busy daemon with datagrams that the kernel did
// not stamp.
inline constexpr std::chrono::seconds line_lag{15};
inline constexpr std::chrono::seconds datagram_lag{2};
inline constexpr std::chrono::seconds receipt_lag{5};
inline constexpr std::chrono::hours counted_memory{24};
// An hour of log behind us, at ten sessions a second; some 300 octets each.
inline constexpr std::size_t max_join_lines = 50000;
inline constexpr std::size_t max_join_datagrams = 50000;
// Of what they say, each thing once: all of it is written with each commit. Most say less than a
// thousand octets, and the same as others; what a stranger publishes may have 60,000.
inline constexpr std::size_t max_join_octets = 16UL * 1024 * 1024;
inline constexpr std::uint64_t max_lines_alone = 1000;
// Where the log stands, more would push each other out before their lines come.
inline constexpr std::size_t max_counted_in_silence = max_join_datagrams / 3;
inline constexpr std::chrono::hours max_silence{3};
// What was counted at once for want of datagrams is remembered for so long: much longer than
// datagram and line are apart.
inline constexpr std::chrono::seconds brief_memory = 2 * line_lag;

struct JoinOptions {
  bool expects_datagrams = false;  // Without them lines are passed on at once.
  bool has_log = true;             // Without one datagrams are counted at once.
  // Of several collectors one counts datagrams that find no line; all others only pair.
  bool counts_alone = true;
  bool is_only = true;  // There is no other collector: nobody calls take_paired().
  std::string relay;    // Log host of what a datagram alone tells.
};

class DatagramJoin final : public SessionSink {
 public:
  // NEXT outlives the join.
  DatagramJoin(JoinOptions options, FilterOptions filter, SessionSink& next);

  // What DATAGRAM says, for take().
  DatagramFacts read(const TlsrptDatagram& datagram) { return fact_reader_.read(datagram); }
  // A datagram of the process PID that arrived at AT and says FACTS, of read(). STAMP tells what AT
  // is; the line of one that may have lain in the socket may be as old as the last stop.
  void take(std::int64_t pid, policy::UtcSeconds at, SharedFacts facts, StampOf stamp);
  // The next line has the stamp AT; called before it is judged.
  void advance(policy::UtcSeconds at);
  // At NOW there was nothing more to read. False: datagrams wait for what will be; the log is not
  // to be taken for read until now.
  bool read_to_end(policy::UtcSeconds now);
  // Whether that was so at the last time, and no line has come since.
  bool waits_for_log() const { return waits_for_log_; }
  // Datagrams that found their line since the last call, for the other collectors to forget().
  std::vector<std::uint64_t> take_paired() { return std::exchange(paired_, {}); }
  void forget(std::uint64_t datagram_hash);
  // Likewise those that were counted alone, for the other collectors to note_counted().
  std::vector<std::uint64_t> take_counted() { return std::exchange(counted_, {}); }
  void note_counted(std::uint64_t datagram_hash);
  // Likewise those counted ones that have found their line, for the other collectors to
  // forget_counted().
  std::vector<std::uint64_t> take_told() { return std::exchange(told_, {}); }
  void forget_counted(std::uint64_t datagram_hash);
  // Whether lines do not wait any more, as no datagram comes.
  bool misses_datagrams() const {
    const bool none_waits = datagrams_.lower_bound(datagram_cursor_) == datagrams_.end();
    return lines_alone_ >= max_lines_alone && none_waits;
  }
  // How far the log's stamps are off: whole quarters of an hour, by which pairs of late were apart,
  // minus being behind. None: many more were of one moment, or there were too few.
  std::optional<std::chrono::minutes> stamps_off() const;
  // Whether many lines and many datagrams found no other half, so that sessions may count twice.
  bool pairs_badly() const;
  // Whether few enough datagrams wait for their lines. Who can keep what comes does so until then.
  bool has_room() const {
    return waiting_datagrams() < max_join_datagrams / 2 && octets_ < max_join_octets / 2;
  }
  // Datagrams that were given up for want of room since the last call.
  std::uint64_t take_dropped() { return std::exchange(dropped_, 0); }

  // As SessionSink has it.
  void count(const Session& session) override;
  void ignore(policy::Ignored kind, policy::UtcSeconds at, std::string_view domain) override {
    next_.ignore(kind, at, domain);
  }
  void not_understood(policy::UtcSeconds at, std::string_view line) override {
    next_.not_understood(at, line);
  }
  void tls_logged(policy::UtcSeconds at, std::string_view log_host,
                  std::string_view service) override {
    next_.tls_logged(at, log_host, service);
  }
  std::uint64_t tlsrpt_line(policy::UtcSeconds at, const LogLine& line,
                            const PostfixMessage& message) override;
  void settle_tlsrpt(std::uint64_t number) override;
  bool abandon_tlsrpt(std::uint64_t number) override;
  void tlsrpt_not_sent(const LogLine& line) override;
  bool is_report_message(std::string_view message_id, policy::UtcSeconds at) override {
    return next_.is_report_message(message_id, at);
  }

  // Everything that is pending. restore() on any octets leaves a usable join; Errc::syntax: they
  // were not written by this version's state(), and nothing was restored. ALIVE: when that was.
  // Where datagrams are no longer expected, restore() counts what was waiting.
  std::string state(policy::UtcSeconds alive) const;
  policy::Status restore(std::string_view octets);

 private:
  // A session that waits for its datagram, with texts of its own.
  struct Held {
    Session session;  // Its views point into the texts below.
    std::string log_host, service, domain, mx_host, mx_ip, reason;
  };
  enum class LineState : std::uint8_t {
    open,       // Its session is not told yet.
    held,       // Its session waits for the datagram.
    abandoned,  // Nobody claims its session: the datagram will tell it.
    counted,    // Its session was counted, or is not to be: the datagram is not counted.
  };
  struct Line {
    std::int64_t pid = 0;
    policy::UtcSeconds at{};
    policy::UtcSeconds since{};  // It may have been written as early: nothing was logged since.
    std::string domain;
    policy::Outcome outcome = policy::Outcome::success;
    std::string log_host;
    std::string service;
    std::string mx_host;
    std::string mx_ip;
    LineState state = LineState::open;
    bool is_late = false;    // open: it was waited for the datagram in vain.
    bool is_unsent = false;  // open: there is no datagram.
    bool is_told = false;    // open: its datagram was counted alone, as one of told_at.
    bool is_brief = false;   // Remembered for brief_memory only.
    std::unique_ptr<Held> held;
    policy::UtcSeconds told_at{};
    SharedFacts facts;  // open: its datagram; null: it has not come.

    bool has_datagram() const { return facts != nullptr; }
  };
  struct Datagram {
    std::int64_t pid = 0;
    policy::UtcSeconds at{};
    StampOf stamp = StampOf::receipt;
    bool is_counted = false;  // Alone, by whichever collector does so.
    SharedFacts facts;        // Never null.
  };
  using Lines = std::map<std::uint64_t, Line>;
  using Datagrams = std::map<std::uint64_t, Datagram>;

  static std::uint64_t key_of(std::string_view domain, policy::Outcome outcome);
  static std::uint64_t key_of(const Line& line);
  static std::uint64_t key_of(const Datagram& datagram);
  static std::uint64_t hash_of(const Datagram& datagram);
  static bool agree(const Line& line, const Datagram& datagram);
  bool is_near(const Line& line, const Datagram& datagram) const;
  policy::UtcSeconds earliest_line(const Datagram& datagram) const;

  bool is_late(policy::UtcSeconds since, policy::UtcSeconds at, const Datagram& datagram) const;
  bool is_late_and_off(policy::UtcSeconds since, policy::UtcSeconds at,
                       const Datagram& datagram) const;
  bool was_read_over(const Line& line, const Datagram& datagram) const;
  bool some_pids_differ(const Line& line, bool may_be_first) const;
  bool are_incomparable(const Line& line, const Datagram& datagram) const;

  std::size_t waiting_datagrams() const { return datagrams_.size() - counted_datagrams_; }
  policy::UtcSeconds end_of_drain() const;

  Datagrams::iterator find_near(const Line& line);
  Datagrams::iterator find_late(const Line& line);
  Datagrams::iterator find_far(std::uint64_t number, const Line& line);
  bool is_of_older(const PairIndex::Entry& line, const Datagram& datagram) const;
  Lines::iterator find_near(const Datagram& datagram);
  Lines::iterator find_far(const Datagram& datagram);
  SharedFacts take_out(Datagrams::iterator datagram);
  void note_alone(const Line& line);
  bool sends_elsewhere(std::string_view log_host) const;
  bool loses_both() const;
  void pair_waiting();
  void note_pair(std::uint64_t number, const Line& line, const Datagram& datagram);
  void note_paired(const Datagram& datagram);
  void note_zone(std::optional<std::chrono::minutes> offset);

  Datagrams::iterator find_waiting(std::uint64_t hash);
  Datagrams::iterator find_counted(std::uint64_t hash);

  void add(std::uint64_t number, const Line& line);
  void add(std::uint64_t number, const Datagram& datagram);
  void pair(Lines::iterator line, Datagrams::iterator datagram);
  void give(Lines::iterator line, SharedFacts facts);
  void note_told(Line& line, Datagrams::iterator datagram);
  void give_told(Lines::iterator line, Datagrams::iterator datagram);
  void take_back_told(const Line& line);
  void count_messages(const Session& session);
  void set_back_to(policy::UtcSeconds now);
  void move_to(policy::UtcSeconds now);
  void expire_line(Lines::iterator line);
  void expire_datagram(Datagrams::iterator datagram);
  void halve_balance();
  void note_left_over(std::uint64_t* side);
  void become_counted(Datagram& datagram);
  void hold_facts(const SharedFacts& facts);
  void drop_facts(const SharedFacts& facts);
  void become_counted(Line& line);
  void count_without_datagram(Line& line);
  void forget_old();
  void forget_brief();
  void bound_lines();
  void bound_datagrams();
  Lines::iterator erase(Lines::iterator line);
  Datagrams::iterator erase(Datagrams::iterator datagram);
  void unlist(Datagrams::iterator datagram);

  static std::unique_ptr<Held> hold(const Session& session);
  void count_both(const Session& session, const DatagramFacts& facts);
  enum class Telling : std::uint8_t { count, take_back };
  void tell_alone(const DatagramFacts& facts, policy::UtcSeconds at, const Line* line,
                  Telling telling);
  void count_alone(const DatagramFacts& facts, policy::UtcSeconds at, const Line* line) {
    tell_alone(facts, at, line, Telling::count);
  }

  void tell_counted_again();
  void settle_all();
  void clear();

  class StateOf;

  JoinOptions options_;
  DomainFilter filter_;
  DatagramFactReader fact_reader_;
  SessionSink& next_;
  Lines lines_;
  Datagrams datagrams_;
  std::size_t counted_datagrams_ = 0;  // Of these: counted alone, and remembered.
  std::size_t held_datagrams_ = 0;     // Of these: StampOf::start, and not counted.
  // How many of them say the same.
  std::unordered_map<const DatagramFacts*, std::uint64_t> uses_;
  std::size_t octets_ = 0;  // Of what they say.
  PairIndex line_index_;
  PairIndex datagram_index_;
  PairEvidence evidence_;
  PidSightings line_pids_;
  PidSightings datagram_pids_;
  bool any_pid_ = false;  // All pids differ: pairs are made at once whatever theirs.
  std::uint64_t last_number_ = 0;
  // Lines of a host that waited in vain since the last one that did not, in this life, and what
  // there was of all hosts' when they began.
  struct LinesAlone {
    std::uint64_t lines = 0, pairs = 0, datagrams = 0;
  };
  std::map<std::string, LinesAlone, std::less<>> hosts_alone_;
  std::uint64_t pairs_ = 0;            // In this life.
  std::uint64_t datagrams_alone_ = 0;  // Likewise: they were waited for in vain.
  // What has a smaller number has been waited for in vain, or was paired.
  std::uint64_t line_cursor_ = 0;
  std::uint64_t datagram_cursor_ = 0;
  // Lines since the last datagram, in this life: what lies in the socket comes after its start.
  std::uint64_t lines_alone_ = 0;
  std::vector<std::uint64_t> brief_lines_;  // Numbers of those that are brief.
  policy::UtcSeconds last_stamp_{};         // Of the line before.
  policy::UtcSeconds gap_begin_{};          // The last time that nothing was logged, for longer
  policy::UtcSeconds gap_end_{};            // than line_lag.
  policy::UtcSeconds now_{};
  bool waits_for_log_ = false;
  policy::UtcSeconds next_forget_{};
  policy::UtcSeconds held_since_{};  // A datagram that was held is no older.
  std::vector<std::uint64_t> paired_;
  std::vector<std::uint64_t> counted_;
  std::vector<std::uint64_t> told_;
  // In this life, for what is told.
  std::chrono::minutes zone_offset_{};
  int zone_weight_ = 0;  // Of the pairs with this offset, less those of one moment.
  bool is_zone_wrong_ = false;
  // Of late: what came together, and what was left over.
  struct Balance {
    std::uint64_t pairs = 0, lines = 0, datagrams = 0;
  };
  Balance balance_;
  std::uint64_t dropped_ = 0;
};

}  // namespace tlsrpt::milter
