#include "milter/collector_daemon.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace tlsrpt::milter {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Design, section 4: durable a second later at most.
constexpr milliseconds commit_interval{1000};
// A log with much to read does not hold up commits and inputs for longer.
constexpr milliseconds read_slice{100};
// How long is read on once it is to stop: a clean stop takes less than a second.
constexpr milliseconds last_slice{200};
// Changes of logs within this time wake once, so that a busy log is read in blocks.
constexpr milliseconds gather_time{100};

int poll_timeout(steady_clock::time_point until) {
  const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now());
  return static_cast<int>(std::max(left, milliseconds(0)).count());
}

}  // namespace

CollectorDaemon::CollectorDaemon(std::vector<Make> makes, const Wakeup& wakeup, DaemonLog& log,
                                 const std::atomic<bool>& stop)
    : wakeup_(wakeup), log_(log), stop_(stop) {
  for (Make& make : makes) sources_.push_back({std::move(make), nullptr, {}, {}, {}});
}

policy::Status CollectorDaemon::run() {
  for (Source& source : sources_) {
    if (auto status = take_up(source); !status) return status;
  }
  if (hooks_.ready) hooks_.ready();
  auto last_commit = steady_clock::now();
  while (!stop_) {
    hand_over_inputs();
    const bool more = read_all(steady_clock::now() + read_slice);
    const bool is_asked =
        hooks_.reload_requested != nullptr && hooks_.reload_requested->exchange(false);
    must_reload_ = must_reload_ || is_asked;
    if (const auto now = steady_clock::now(); is_asked || now - last_commit >= commit_interval) {
      if (commit_all() && must_reload_) reload();
      look_for_logs();
      last_commit = now;
    }
    if (hooks_.progress) hooks_.progress();
    // What was read and not committed waits for the rest of its second, not longer.
    if (!more) wait(last_commit + commit_interval);
  }
  hand_over_inputs();
  read_all(steady_clock::now() + last_slice);
  // Again, as reading takes up a source that has no collector, and nothing is handed over before.
  hand_over_inputs();
  commit_all();
  return policy::Unit();
}

policy::Status CollectorDaemon::take_up(Source& source) {
  auto collector = source.make();
  if (!collector) return std::move(collector).error();
  source.collector = *std::move(collector);
  source.name = source.collector->source();
  source.collector->wait_fd();  // Begins to watch before anything is read.
  for (const auto& [mail, at, counts] : std::exchange(source.mails, {}))
    source.collector->take(mail, at, counts);
  return policy::Unit();
}

// A source whose collector is gone, as often as it may be tried.
bool CollectorDaemon::take_up_again(Source& source) {
  if (!take_up_backoff_.may_try(steady_clock::now())) return false;
  if (const auto status = take_up(source); !status) {
    take_up_backoff_.failed(steady_clock::now());
    log_.trouble("start", status.error().message() + "; the log is read on when it can be used");
    return false;
  }
  log_.recovered("start", "the store can be used again");
  return true;
}

// What was counted since the last commit is read from the log again.
void CollectorDaemon::lose_store() {
  for (Source& source : sources_) {
    if (source.collector) source.mails = source.collector->take_uncommitted_mails();
    source.collector.reset();
  }
  if (hooks_.store_lost) hooks_.store_lost();
}

// A file that was read and is gone is waited for, which nobody would see.
void CollectorDaemon::look_for_logs() {
  constexpr std::string_view file = "file:";
  for (Source& source : sources_) {
    if (!source.name.starts_with(file)) continue;
    const std::string path = source.name.substr(file.size());
    const bool is_there = ::access(path.c_str(), F_OK) == 0;
    const std::string trouble = "no " + source.name;
    if (source.absence.is_too_long(is_there, steady_clock::now()))
      log_.trouble(trouble, path + ": is gone; will go on when there is one again");
    if (is_there) log_.recovered(trouble, path + ": is there again");
  }
}

// Those of all sources; none where one is missing.
std::vector<Collector*> CollectorDaemon::collectors() const {
  std::vector<Collector*> all;
  for (const Source& source : sources_) {
    if (!source.collector) return {};
    all.push_back(source.collector.get());
  }
  return all;
}

void CollectorDaemon::hand_over_inputs() {
  const auto all = collectors();
  if (all.empty()) return;
  for (CollectorInput* input : inputs_) input->hand_over(all);
}

// Whether some log has more to read.
bool CollectorDaemon::read_all(Instant until) {
  bool more = false;
  for (Source& source : sources_) {
    more = read(source, until) || more;
    if (sources_.size() > 1) share_datagrams();
  }
  return more;
}

// A datagram that one log has the line of is no other's, and none counts what one counted alone.
void CollectorDaemon::share_datagrams() {
  const auto tell_others = [this](const Source& source, const std::vector<std::uint64_t>& hashes,
                                  void (Collector::*tell)(std::uint64_t)) {
    for (const std::uint64_t hash : hashes) {
      for (const Source& other : sources_) {
        if (&other != &source && other.collector) (other.collector.get()->*tell)(hash);
      }
    }
  };
  for (const Source& source : sources_) {
    if (!source.collector) continue;
    tell_others(source, source.collector->take_paired(), &Collector::forget);
    tell_others(source, source.collector->take_counted(), &Collector::note_counted);
    tell_others(source, source.collector->take_told(), &Collector::forget_counted);
  }
}

void CollectorDaemon::tell_missing_datagrams(const Collector& collector) {
  const std::string trouble = std::string(reporter::missing_datagrams) + collector.source();
  if (collector.misses_datagrams()) {
    log_.trouble(trouble,
                 collector.source() +
                     " tells of TLSRPT datagrams and none comes: does Postfix send them to "
                     "tlsrpt_socket (smtp_tlsrpt_socket_name)? The log counts alone");
  } else {
    log_.recovered(trouble, collector.source() + ": TLSRPT datagrams come now");
  }
}

void CollectorDaemon::tell_silence(const Collector& collector) {
  const std::string trouble = "silence of " + collector.source();
  if (collector.waits_for_log()) {
    log_.trouble(trouble, collector.source() +
                              ": nothing is logged while many TLSRPT datagrams come; they wait for "
                              "their lines, up to " +
                              std::to_string(max_silence.count()) + " hours: is syslog at work?");
  } else {
    log_.recovered(trouble, collector.source() + ": TLSRPT datagrams wait no longer for lines");
  }
}

void CollectorDaemon::tell_datagrams_apart(const Collector& collector) {
  const std::string trouble = std::string(reporter::datagrams_apart) + collector.source();
  if (const auto off = collector.stamps_off()) {
    log_.trouble(trouble, collector.source() + ": its time stamps are " +
                              std::to_string(std::chrono::abs(*off).count()) + " minutes " +
                              (off->count() < 0 ? "behind" : "ahead of") +
                              " the TLSRPT datagrams of the same sessions: is log_timezone right? "
                              "Sessions count on the wrong day around midnight");
  } else if (collector.pairs_badly()) {
    log_.trouble(trouble, collector.source() +
                              ": many of its TLSRPT lines find no datagram, and many datagrams no "
                              "line: each counts as a session of its own. Does the log have all "
                              "lines, and those of this Postfix only?");
  } else {
    log_.recovered(trouble, collector.source() + ": its lines find their TLSRPT datagrams now");
  }
}

// Reads until there is nothing more, or the store does not take what was read (false), or it is
// UNTIL (true); at least one block.
bool CollectorDaemon::read(Source& source, Instant until) {
  if (!source.collector && !take_up_again(source)) return false;
  Collector& collector = *source.collector;
  const std::string& trouble = collector.source();
  do {
    if (collector.wants_commit() && !commit(source)) return false;
    auto more = collector.take_block([this] { hand_over_inputs(); });
    for (const std::string& notice : collector.take_notices()) log_.warning(notice);
    if (!more) {
      log_.trouble(trouble, more.error().message() + "; will go on when it can be read");
      // The store failed while lines were being judged: only what is committed is sure.
      if (collector.is_spoilt()) {
        source.mails = collector.take_uncommitted_mails();
        source.collector.reset();
        take_up_backoff_.failed(steady_clock::now());
      }
      return false;
    }
    log_.recovered(trouble, trouble + ": reading again");
    tell_missing_datagrams(collector);
    tell_datagrams_apart(collector);
    tell_silence(collector);
    if (!*more) return false;
  } while (steady_clock::now() < until);
  return true;
}

// Whether everything that was read is committed now, and every source has its collector.
bool CollectorDaemon::commit_all() {
  bool all = true;
  for (Source& source : sources_) all = commit(source) && all;
  if (const auto each = collectors(); !each.empty()) {
    for (CollectorInput* input : inputs_) input->committed(each);
  }
  return all;
}

void CollectorDaemon::reload() {
  must_reload_ = false;
  for (Source& source : sources_) source.collector.reset();
  std::vector<Source> fresh;
  for (Make& make : hooks_.reload()) fresh.push_back({std::move(make), nullptr, {}, {}, {}});
  sources_ = std::move(fresh);
  for (Source& source : sources_) take_up_again(source);
}

bool CollectorDaemon::commit(Source& source) {
  if (!source.collector) return false;
  const auto status = source.collector->commit();
  if (status) {
    log_.recovered("commit", "counts are being committed again");
    take_up_backoff_.succeeded();
    return true;
  }
  if (status.error().code() == policy::Errc::not_found) {
    log_.trouble("start", status.error().message() + "; the log is read on when there is one");
    lose_store();
    return false;
  }
  log_.trouble("commit",
               status.error().message() + "; counts are kept in memory until it can be written");
  return false;
}

// Until UNTIL, a log may have changed, it is woken, or a signal comes.
void CollectorDaemon::wait(Instant until) {
  std::vector<pollfd> watched{{wakeup_.fd(), POLLIN, 0}};
  for (const Source& source : sources_) {
    // Negative ones are ignored.
    if (source.collector) watched.push_back({source.collector->wait_fd(), POLLIN, 0});
  }
  do {
    const int ready = ::poll(watched.data(), watched.size(), poll_timeout(until));
    if (ready <= 0) {
      take_events();
      return;
    }
    if (watched.front().revents != 0) {
      wakeup_.take();
      return;
    }
  } while (!take_events() && steady_clock::now() < until);
  const auto gathered = std::min(until, steady_clock::now() + gather_time);
  if (::poll(watched.data(), 1, poll_timeout(gathered)) > 0) wakeup_.take();
  take_events();
}

// Whether some log may have more to read.
bool CollectorDaemon::take_events() {
  bool more = false;
  for (const Source& source : sources_) {
    if (source.collector) more = source.collector->take_events() || more;
  }
  return more;
}

}  // namespace tlsrpt::milter
