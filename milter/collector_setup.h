// From settings to collectors: which logs there are, and what each collector is told.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "milter/collector.h"
#include "milter/correlate/correlator.h"
#include "milter/correlate/sending_address.h"
#include "milter/log/log_stamp.h"
#include "policy/result.h"
#include "reporter/clock.h"
#include "reporter/options/log_source.h"
#include "reporter/options/settings.h"
#include "reporter/postfix/postfix_config.h"
#include "reporter/store/collector_lock.h"
#include "reporter/store/store.h"

namespace tlsrpt::milter {

// RELAY_HOSTS: the bracketed hosts that the local Postfix relays through, lower case.
CorrelatorOptions correlator_options(const reporter::Settings& settings,
                                     std::vector<std::string> relay_hosts);

// Everything that collectors need, made once.
class CollectorSetup {
 public:
  // Finds the logs (`log_source`), asks the local Postfix where that is wanted, checks the time
  // zone. Errc::not_found: there is no log to read; Errc::syntax: the settings cannot be used here.
  static policy::Result<CollectorSetup> make(const reporter::Settings& settings,
                                             const reporter::Clock& clock);

  const std::vector<reporter::LogSource>& sources() const { return sources_; }
  // Name of this relay, key of the collectors' states.
  const std::string& relay() const { return relay_; }
  // What the administrator should know, a sentence each.
  const std::vector<std::string>& notices() const { return notices_; }

  // The lock of the collector of SOURCE; Errc::temporary: somebody else holds it.
  policy::Result<reporter::CollectorLock> lock(const reporter::LogSource& source) const;
  // A collector of SOURCE. STORE must outlive it, and so must this object.
  policy::Result<std::unique_ptr<Collector>> collector(const reporter::LogSource& source,
                                                       reporter::Store& store) const;

 private:
  CollectorSetup(const reporter::Settings& settings, const reporter::Clock& clock,
                 const StampParser& stamps)
      : settings_(settings), clock_(clock), stamps_(stamps) {}
  std::unique_ptr<LogReader> reader(const reporter::LogSource& source) const;
  bool is_locked(const std::string& source) const;
  policy::Result<std::set<std::string>> read_beside(const reporter::LogSource& source,
                                                    reporter::Store& store) const;
  policy::Result<std::optional<CountedBefore>> counted_before(const reporter::LogSource& source,
                                                              const std::set<std::string>& beside,
                                                              reporter::Store& store) const;
  void use_postfix(const std::vector<reporter::PostfixConfig>& instances);

  const reporter::Settings& settings_;
  const reporter::Clock& clock_;
  StampParser stamps_;
  std::string relay_;  // Key of the collectors' states.
  std::vector<reporter::LogSource> sources_;
  std::vector<std::string> notices_;
  // Of the collectors' tallies; shared, because a setup is returned by value and each asks it.
  std::shared_ptr<SendingAddress> sending_address_;
  std::vector<std::string> syslog_names_;
  CorrelatorOptions correlator_;
};

// What makes rows of both programs fit: the bounds of the store in the settings.
reporter::StoreLimits store_limits(const reporter::Settings& settings);

}  // namespace tlsrpt::milter
