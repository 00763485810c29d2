#include "milter/daemon_log.h"

#include <syslog.h>

#include <iostream>
#include <utility>

#include "policy/text.h"

namespace tlsrpt::milter {

DaemonLog::~DaemonLog() {
  if (to_syslog_) closelog();
}

void DaemonLog::use_syslog() {
  if (to_syslog_) closelog();
  openlog(program_, LOG_PID | LOG_NDELAY, LOG_MAIL);
  if (std::exchange(to_syslog_, true)) return;
  for (const auto& [trouble, text] : troubles_) warning(text);
}

void DaemonLog::say(int priority, std::string_view word, std::string_view text) {
  const std::string line = std::string(word) + policy::escape_untrusted(text);
  if (to_syslog_) {
    syslog(priority, "%s", line.c_str());
  } else {
    std::cerr << program_ << ": " << line << '\n' << std::flush;
  }
}

void DaemonLog::error(std::string_view text) { say(LOG_ERR, "error: ", text); }

void DaemonLog::warning(std::string_view text) { say(LOG_WARNING, "warning: ", text); }

void DaemonLog::info(std::string_view text) {
  if (verbose_) say(LOG_INFO, "", text);
}

void DaemonLog::trouble(const std::string& trouble, std::string_view text) {
  if (troubles_.emplace(trouble, text).second) warning(text);
}

void DaemonLog::recovered(const std::string& trouble, std::string_view text) {
  if (troubles_.erase(trouble) > 0) warning(text);
}

}  // namespace tlsrpt::milter
