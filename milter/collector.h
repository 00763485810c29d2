// Collector: one log source, from its lines to committed counts.
//
// Position, pending state and counts go to the store in one transaction (commit()), so that a kill
// at any instant and a new start yield the counts of an undisturbed run. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "milter/correlate/correlator.h"
#include "milter/correlate/datagram_join.h"
#include "milter/correlate/tally.h"
#include "milter/datagram/datagram_memory.h"
#include "milter/datagram/received_datagram.h"
#include "milter/datagram/tlsrpt_datagram.h"
#include "milter/log/log_reader.h"
#include "milter/mail/report_mail.h"
#include "milter/recent_lines.h"
#include "policy/result.h"
#include "reporter/clock.h"
#include "reporter/options/settings.h"
#include "reporter/store/store.h"

namespace tlsrpt::milter {

// What another log of this relay, which is read no more, has told.
struct CountedBefore {
  policy::UtcSeconds newest{};  // The stamp of its newest line.
  policy::UtcSeconds until{};   // Lines up to then are known by their stamp.
  std::string source;           // The name of that log.
  std::string pending;          // As in its CollectorState.
};

struct CollectorOptions {
  std::string source;  // Name of the source in the store, "file:PATH".
  std::string relay;   // Name of this relay in the store; key of the state.
  TallyOptions tally;
  CorrelatorOptions correlator;
  JoinOptions join;
  // Lines that it had are passed over. None: there is no such log.
  std::optional<CountedBefore> counted_before;
  std::vector<std::string> beside;  // The other logs of this relay that are read meanwhile.
};

// PENDING of CollectorState: the memory of reader, correlator and join.
struct PendingState {
  std::string reader;
  std::string correlator;
  std::optional<std::uint64_t> last_datagram;
  std::string join = {};
  std::optional<policy::UtcSeconds> counted_until = {};
  // The newest stamp of a line that was read and is not of the future, where others are not;
  // unlike CollectorState::read_until, silence does not move it.
  std::optional<policy::UtcSeconds> newest_line = {};
  std::vector<std::string> beside = {};  // As CollectorOptions has it.
  RecentLines recent = {};               // Lines that were counted last.
  RecentLines elsewhere = {};            // In the other log, of those behind counted_until.
};

class Collector {
 public:
  // Makes a collector of the log of READER that goes on where the store says. CLOCK and STORE
  // outlive it. Errors: those of the store, and Errc::syntax where the store holds a state that
  // this version cannot read.
  static policy::Result<std::unique_ptr<Collector>> make(CollectorOptions options,
                                                         std::unique_ptr<LogReader> reader,
                                                         const reporter::Clock& clock,
                                                         reporter::Store& store,
                                                         Tally::SendingAddress sending_address);

  // Takes the next block of the log. False: there is nothing more at present. Errors: those of
  // LogReader::next(), and those of the store, after which this collector is done for: what it
  // has counted since the last commit may be wrong, and a new one starts from there.
  // BEFORE_ENTRIES is called when the block was read, before it is judged: what is handed to this
  // collector there was known before the block was written.
  policy::Result<bool> take_block(const std::function<void()>& before_entries = {});

  // A message that the milter saw at AT. It is one of several collectors that counts messages that
  // look like reports and are none. Kept until committed: see take_uncommitted_mails().
  void take(const ReportMail& mail, policy::UtcSeconds at, bool counts);
  struct SeenMail {
    ReportMail mail;
    policy::UtcSeconds at{};
    bool counts = false;
  };
  // What the milter told since the last commit, for the collector that follows a spoilt one.
  std::vector<SeenMail> take_uncommitted_mails() { return std::exchange(uncommitted_mails_, {}); }

  // Datagrams in the order in which they arrived, each before any line of the log that was written
  // after it is read. What was taken already, by its number, is skipped.
  void take(std::span<const ReceivedDatagram> datagrams);
  // Whether it takes more of them at present: too many may wait for the log to be read. One that
  // cannot be read holds up nobody.
  bool has_room_for_datagrams() const { return !is_readable_ || join_.has_room(); }
  // The number of the last datagram that this collector has taken, in whichever life; committed
  // with what came of it. None: it never had any.
  std::optional<std::uint64_t> last_datagram() const { return last_datagram_; }
  // The number of the last datagram that need not be kept any more: the last commit holds it.
  std::optional<std::uint64_t> committed_datagram() const { return committed_datagram_; }
  // Numbering begins behind NUMBER, for a collector that never had a datagram.
  void begin_datagrams(std::uint64_t number);
  // COUNT datagrams were lost before any collector could have them.
  void lose_datagrams(policy::DatagramLoss why, std::uint64_t count);
  // Where several collectors have the same datagrams: those that found their line here since the
  // last call; each of the others is to forget() them.
  std::vector<std::uint64_t> take_paired() { return join_.take_paired(); }
  void forget(std::uint64_t paired);
  // Likewise those that were counted alone; each of the others is to note_counted() them.
  std::vector<std::uint64_t> take_counted() { return join_.take_counted(); }
  void note_counted(std::uint64_t counted);
  // And those of the latter that found their line; each of the others is to forget_counted() them.
  std::vector<std::uint64_t> take_told() { return join_.take_told(); }
  void forget_counted(std::uint64_t told);
  // Whether the log tells of datagrams, and none comes.
  bool misses_datagrams() const { return join_.misses_datagrams(); }
  // What keeps log and datagrams apart, as DatagramJoin has it.
  std::optional<std::chrono::minutes> stamps_off() const { return join_.stamps_off(); }
  bool pairs_badly() const { return join_.pairs_badly(); }
  bool waits_for_log() const { return join_.waits_for_log(); }

  // take_block() failed because of the store: what was counted since the last commit is not sure.
  bool is_spoilt() const { return is_spoilt_; }
  // Whether enough has come together for a commit, whatever the time.
  bool wants_commit() const;
  // Writes everything since the last commit; where nothing has changed, only looks whether the
  // store is still there. Errc::temporary: nothing was written, try again; Errc::not_found: the
  // store was removed.
  policy::Status commit();

  // What there is to say and to wait on, as LogReader has it.
  std::vector<std::string> take_notices();
  int wait_fd() { return reader_->wait_fd(); }
  bool take_events() { return reader_->take_events(); }

  const std::string& source() const { return options_.source; }

 private:
  Collector(CollectorOptions options, std::unique_ptr<LogReader> reader,
            const reporter::Clock& clock, reporter::Store& store,
            Tally::SendingAddress sending_address);

  policy::Status restore();
  bool passes_over(policy::UtcSeconds at) const { return counted_until_ && at <= *counted_until_; }
  bool was_counted(const LogEntry& entry);
  void take_entries(std::span<const LogEntry> entries);
  bool use_counted_before();
  policy::Status restore(const PendingState& pending);
  void note_end();
  SharedFacts facts_of(const ReceivedDatagram& datagram);
  void refuse(const ReceivedDatagram& datagram);
  void count_given_up();
  void tell_given_up(std::vector<std::string>& notices);

  CollectorOptions options_;
  const reporter::Clock& clock_;
  reporter::Store& store_;
  std::unique_ptr<LogReader> reader_;
  Tally tally_;
  DatagramJoin join_;
  Correlator correlator_;
  std::optional<policy::UtcSeconds> counted_until_;  // Lines up to then were counted before.
  bool must_tell_counted_before_ = false;
  std::size_t lines_ahead_ = 0;                    // The last lines that are of the future.
  std::optional<policy::UtcSeconds> newest_line_;  // As PendingState has it.
  RecentLines recent_;                             // Likewise.
  RecentLines elsewhere_;                          // Likewise.
  std::optional<policy::UtcSeconds> read_until_;
  std::uint64_t uncommitted_octets_ = 0;
  std::vector<SeenMail> uncommitted_mails_;
  std::unique_ptr<DatagramParser> parser_;  // Null: no datagram has come.
  DatagramMemory datagram_memory_;
  bool is_readable_ = true;    // The log, the last time.
  std::uint64_t refused_ = 0;  // Datagrams, not yet told.
  std::uint64_t dropped_ = 0;  // Likewise: there was no room for them to wait.
  std::string last_refused_;
  policy::UtcSeconds next_refused_notice_{};
  QueueIds::GivenUp given_up_;  // Not yet told.
  policy::UtcSeconds next_given_up_notice_{};
  std::optional<std::uint64_t> last_datagram_;
  std::optional<std::uint64_t> committed_datagram_;
  bool is_changed_ = false;
  bool is_spoilt_ = false;
};

std::string to_octets(const PendingState& pending);
policy::Result<PendingState> parse_pending(std::string_view octets);

}  // namespace tlsrpt::milter
