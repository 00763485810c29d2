// Log sources: which logs the option log_source means on this host.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "policy/result.h"
#include "reporter/options/journal_place.h"
#include "reporter/postfix/postfix_config.h"

namespace tlsrpt::reporter {

struct LogSource {
  enum class Kind : std::uint8_t { file, journal, none };

  Kind kind = Kind::none;
  std::string place;  // A file's path; a journal's as in reporter/options/journal_place.h.

  // "file:PATH", "journal:PLACE", "none": its name in the store.
  std::string text() const;
  friend bool operator==(const LogSource&, const LogSource&) = default;
};

// The places where logs and journal lie; tests have others.
struct LogPlaces {
  // Where syslog daemons write mail logs: Debian, Red Hat.
  std::vector<std::string> syslog_files{"/var/log/mail.log", "/var/log/maillog"};
  reporter::JournalRoots journal;
};

// The logs to follow for LOG_SOURCE (`auto`, `none`, `file:PATH`, `journal:PLACE`...), without
// repetition; `none` is one, too. `auto`: maillog_file of each of POSTFIX, and where one logs
// through syslog (or none is known) the journal of this machine, else the first of the syslog files
// that exists: what rsyslog has left behind when it was removed is read by nobody's mistake. A
// journal that may not be read is taken only where there is no such file. Errc::not_found: `auto`
// finds nothing; the message says what to set.
policy::Result<std::vector<LogSource>> resolve_log_source(
    const std::vector<std::string>& log_source, const std::vector<PostfixConfig>& postfix,
    const LogPlaces& places = {});

}  // namespace tlsrpt::reporter
