#include "milter/collector_setup.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "milter/log/journal_reader.h"
#include "milter/log/text_log_reader.h"
#include "policy/text.h"
#include "reporter/options/config_file.h"
#include "reporter/postfix/postconf.h"

namespace tlsrpt::milter {
namespace {

using reporter::LogSource;
using reporter::PostfixConfig;

std::string own_host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

// What COLLECTOR has left by NOW, where that is of use to one of SOURCE that follows it; none: it
// never had a line, or has others than SOURCE.
policy::Result<std::optional<CountedBefore>> left_by(const reporter::CollectorInfo& collector,
                                                     const std::string& source,
                                                     reporter::Store& store,
                                                     policy::UtcSeconds now) {
  auto state = store.collector_state(collector.relay, collector.source);
  if (!state) return std::move(state).error();
  if (!state->has_value()) return std::optional<CountedBefore>();
  const auto pending = parse_pending((*state)->pending);
  // One that cannot be read: all that was written until then may have been counted.
  const auto newest = pending ? pending->newest_line : collector.read_until;
  const bool has_others = pending && std::find(pending->beside.begin(), pending->beside.end(),
                                               source) != pending->beside.end();
  if (!newest || has_others) return std::optional<CountedBefore>();
  const auto known = pending ? pending->recent.known_until() : std::nullopt;
  // Where lines are not known, a stamp of the future has proved nothing.
  return std::optional(CountedBefore{*newest, std::min(*newest, known.value_or(now)),
                                     collector.source, std::move((*state)->pending)});
}

}  // namespace

CorrelatorOptions correlator_options(const reporter::Settings& settings,
                                     std::vector<std::string> relay_hosts) {
  CorrelatorOptions options;
  options.filter.ignore_relays = std::move(relay_hosts);
  for (const std::string& relay : settings.ignore_relays)
    options.filter.ignore_relays.push_back(policy::to_lower(relay));
  options.filter.ignore_domains = settings.ignore_domains;
  options.filter.count_private_relays = settings.count_private_relays;
  options.report_senders = settings.report_senders;
  return options;
}

reporter::StoreLimits store_limits(const reporter::Settings& settings) {
  reporter::StoreLimits limits;
  limits.max_facts = settings.max_facts;
  limits.max_domains = settings.max_domains;
  return limits;
}

policy::Result<CollectorSetup> CollectorSetup::make(const reporter::Settings& settings,
                                                    const reporter::Clock& clock) {
  auto stamps = StampParser::make(settings.log_timezone);
  if (!stamps)
    return policy::Error(policy::Errc::syntax,
                         fault_text(settings, "log_timezone", stamps.error().message()));
  CollectorSetup setup(settings, clock, *stamps);
  setup.relay_ = settings.relay_name.empty() ? own_host_name() : settings.relay_name;
  auto instances = reporter::read_postfix_configs(settings.postfix_config, settings.log_source,
                                                  reporter::usual_postconf());
  if (!instances) return std::move(instances).error();
  auto sources = reporter::resolve_log_source(settings.log_source, *instances);
  if (!sources) return std::move(sources).error();
  setup.sources_ = *std::move(sources);
  if (std::any_of(setup.sources_.begin(), setup.sources_.end(),
                  [](const LogSource& source) { return source.kind == LogSource::Kind::journal; }))
    raise_open_files_limit();
  setup.use_postfix(*instances);
  return setup;
}

// What the local Postfix adds to the settings: the hosts that it relays through, the names that its
// instances log under, the addresses that it binds to.
void CollectorSetup::use_postfix(const std::vector<PostfixConfig>& instances) {
  syslog_names_ = settings_.syslog_name;
  std::vector<std::string> relay_hosts;
  std::vector<policy::IpAddress> addresses = settings_.sending_mta_ip;
  std::vector<std::string> double_bounce_senders;
  for (const PostfixConfig& instance : instances) {
    relay_hosts.insert(relay_hosts.end(), instance.relay_hosts.begin(), instance.relay_hosts.end());
    notices_.insert(notices_.end(), instance.notices.begin(), instance.notices.end());
    if (!instance.syslog_name.empty() && std::find(syslog_names_.begin(), syslog_names_.end(),
                                                   instance.syslog_name) == syslog_names_.end())
      syslog_names_.push_back(instance.syslog_name);
    if (!instance.double_bounce_sender.empty())
      double_bounce_senders.push_back(instance.double_bounce_sender);
    for (const std::string& bound : {instance.smtp_bind_address, instance.smtp_bind_address6}) {
      if (const auto address = policy::IpAddress::parse(bound)) addresses.push_back(*address);
    }
  }
  correlator_ = correlator_options(settings_, std::move(relay_hosts));
  // Beside the default: logs of other machines may be read, too.
  correlator_.double_bounce_senders.insert(correlator_.double_bounce_senders.end(),
                                           double_bounce_senders.begin(),
                                           double_bounce_senders.end());
  // Shared by the collectors, which outlive no setup but may outlive its copies.
  sending_address_ = std::make_shared<SendingAddress>(std::move(addresses));
}

policy::Result<reporter::CollectorLock> CollectorSetup::lock(const LogSource& source) const {
  return reporter::CollectorLock::try_lock(settings_.store, relay_, source.text());
}

std::unique_ptr<LogReader> CollectorSetup::reader(const LogSource& source) const {
  LogLineSplitter splitter(syslog_names_);
  switch (source.kind) {
    case LogSource::Kind::file:
      return std::make_unique<TextLogReader>(source.place, stamps_, std::move(splitter), clock_);
    case LogSource::Kind::journal:
      // A journal that was never read is begun as far back as reports are made.
      return std::make_unique<JournalReader>(source.place, std::move(splitter),
                                             clock_.now() - settings_.report_max_age);
    case LogSource::Kind::none:
      break;
  }
  return std::make_unique<NoLog>();
}

// Whether another collector of this relay is at work on the log SOURCE.
bool CollectorSetup::is_locked(const std::string& source) const {
  const auto lock = reporter::CollectorLock::try_lock(settings_.store, relay_, source);
  return !lock && lock.error().code() == policy::Errc::temporary;
}

// What was read from a log that is no longer one of ours, for SOURCE may have the same lines: one
// that was read on after SOURCE was read last, and not beside it.
policy::Result<std::optional<CountedBefore>> CollectorSetup::counted_before(
    const LogSource& source, const std::set<std::string>& beside, reporter::Store& store) const {
  const auto collectors = store.collectors();
  if (!collectors) return collectors.error();
  std::optional<policy::UtcSeconds> own_end;
  for (const reporter::CollectorInfo& collector : *collectors) {
    // How far it has read is not known: what it has might be counted twice.
    if (!collector.damage.empty()) return policy::Error(policy::Errc::syntax, collector.damage);
    if (collector.relay == relay_ && collector.source == source.text())
      own_end = collector.committed_at;
  }
  std::optional<CountedBefore> before;
  std::pair<policy::UtcSeconds, policy::UtcSeconds> newest_before;
  for (const reporter::CollectorInfo& collector : *collectors) {
    const bool is_log =
        collector.source.starts_with("file:") || collector.source.starts_with("journal:");
    if (collector.relay != relay_ || collector.source == source.text() || !is_log) continue;
    if (beside.contains(collector.source)) continue;
    if (own_end && collector.committed_at <= *own_end) continue;
    auto left = left_by(collector, source.text(), store, clock_.now());
    if (!left) return std::move(left).error();
    if (!left->has_value()) continue;
    // Whoever went on after another has what that one had.
    const std::pair newest((*left)->newest, collector.committed_at);
    if (before && newest <= newest_before) continue;
    newest_before = newest;
    before = *std::move(left);
  }
  return before;
}

// The logs that were or are read while SOURCE is, and so have lines of their own: those of ours,
// and those of other daemons.
policy::Result<std::set<std::string>> CollectorSetup::read_beside(const LogSource& source,
                                                                  reporter::Store& store) const {
  std::set<std::string> beside;
  auto own = store.collector_state(relay_, source.text());
  if (!own) return std::move(own).error();
  if (own->has_value()) {
    const auto pending = parse_pending((*own)->pending);
    if (pending) beside.insert(pending->beside.begin(), pending->beside.end());
  }
  for (const LogSource& each : sources_) beside.insert(each.text());
  const auto collectors = store.collectors();
  if (!collectors) return collectors.error();
  for (const reporter::CollectorInfo& collector : *collectors) {
    if (collector.relay == relay_ && !beside.contains(collector.source) &&
        is_locked(collector.source))
      beside.insert(collector.source);
  }
  beside.erase(source.text());
  return beside;
}

policy::Result<std::unique_ptr<Collector>> CollectorSetup::collector(const LogSource& source,
                                                                     reporter::Store& store) const {
  CollectorOptions options;
  options.source = source.text();
  options.relay = relay_;
  options.tally.relay_name = settings_.relay_name;
  options.correlator = correlator_;
  options.join.expects_datagrams = settings_.tlsrpt_socket != "none";
  options.join.has_log = source.kind != LogSource::Kind::none;
  options.join.is_only = sources_.size() == 1;
  options.join.counts_alone = source.text() == sources_.front().text();
  options.join.relay = relay_;
  auto beside = read_beside(source, store);
  if (!beside) return std::move(beside).error();
  auto before = counted_before(source, *beside, store);
  if (!before) return std::move(before).error();
  options.counted_before = *std::move(before);
  options.beside.assign(beside->begin(), beside->end());
  return Collector::make(std::move(options), reader(source), clock_, store,
                         [sending_address = sending_address_](std::string_view mx_ip) {
                           return sending_address->for_mx(mx_ip);
                         });
}

}  // namespace tlsrpt::milter
