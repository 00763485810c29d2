// JournalReader: Postfix's messages in the systemd journal.
//
// Every entry that came by syslog(3), as all of Postfix's do, is visited in the journal's order,
// and passed over by its SYSLOG_IDENTIFIER before anything else of it is read. That costs about a
// microsecond; a list of the identifiers to match would have to be asked for anew before each read,
// lest a service that is new in master.cf be missed, and costs more where Postfix has many.
// An entry's stamp is _SOURCE_REALTIME_TIMESTAMP, when it was sent; its pid is _PID, which the
// kernel vouches for, else SYSLOG_PID; its host is _HOSTNAME.
//
// The position is the cursor of the entry visited last. Where journald has deleted that entry
// (vacuumed), it goes on with the next one that is left, and says so; it also says when journald
// has dropped messages of Postfix because there were too many (RateLimitBurst). Rotation, several
// files, persistent and volatile ones are sd-journal(3)'s affair; where a folder comes or goes,
// which that does not see, the journal is opened anew and read on from the position.
#pragma once

#include <systemd/sd-journal.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "milter/log/journal_folders.h"
#include "milter/log/log_line.h"
#include "milter/log/log_reader.h"
#include "policy/result.h"
#include "policy/utc_day.h"

namespace tlsrpt::milter {

class JournalReader final : public LogReader {
 public:
  // PLACE: as reporter::journal_folders() has it. SINCE: where to begin at a first start.
  JournalReader(std::string place, LogLineSplitter splitter, policy::UtcSeconds since);

  policy::Status restore(std::string_view position, std::string_view memory) override;
  policy::Result<LogEntries> next() override;
  std::string position() const override;
  std::vector<std::string> take_notices() override;
  int wait_fd() override;
  bool take_events() override;

 private:
  struct Close {
    void operator()(sd_journal* journal) const { sd_journal_close(journal); }
  };
  // What is read of an entry. Copied: what sd-journal(3) returns is gone with the next call.
  struct Fields {
    std::string message;
    std::string pid;
    std::string syslog_pid;
    std::string host;
    std::string sent_at;
  };

  policy::Status open();
  policy::Status go_to_position();
  policy::Result<std::string> read_cursor() const;
  bool must_reopen();
  void notice_cut_files();
  policy::Status add_matches();
  void notice_gap(bool is_at_entry);
  policy::Result<LogEntries> read_on();
  policy::Result<LogEntries> read_block();
  policy::Status keep_position();
  void take_entry(std::uint64_t received_us);
  std::string_view field(const char* name);
  void read_fields();
  void add_entry(std::string_view program, Program kind, std::uint64_t received_us);
  void notice_dropped(std::uint64_t received_us);
  policy::Error failure(std::string_view what, int error) const;

  std::string place_;
  JournalFolders folders_;
  std::chrono::steady_clock::time_point next_cut_look_{};
  LogLineSplitter splitter_;
  policy::UtcSeconds since_;
  std::unique_ptr<sd_journal, Close> journal_;  // Null: to be opened.

  std::string cursor_;           // Of the entry visited last; empty: none was.
  std::uint64_t cursor_us_ = 0;  // Its time, in microseconds since 1970.
  std::string text_;             // Of the entries of the last block; never grows beyond its room.
  std::vector<LogEntry> entries_;
  std::string program_;  // These two keep their memory from entry to entry.
  Fields fields_;
  std::string second_text_;  // second_ as a text: most entries share their second.
  policy::UtcSeconds second_{};
  std::vector<std::string> notices_;
};

// Allows this process as many open files as it may have at all: each file of a journal is one, and
// sd-journal(3) passes over those that it cannot open.
void raise_open_files_limit();

}  // namespace tlsrpt::milter
