#include "milter/run_daemon.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "milter/background.h"
#include "milter/collector_daemon.h"
#include "milter/collector_setup.h"
#include "milter/daemon_log.h"
#include "milter/daemon_signals.h"
#include "milter/datagram/socket_activation.h"
#include "milter/datagram/tlsrpt_input.h"
#include "milter/file_limit.h"
#include "milter/mail/milter_input.h"
#include "milter/service_manager.h"
#include "milter/trouble_notes.h"
#include "policy/text.h"
#include "reporter/options/config_file.h"
#include "reporter/options/option_table.h"
#include "reporter/store/collector_lock.h"
#include "reporter/store/sqlite_open.h"

namespace tlsrpt::milter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Result;
using policy::Status;
using policy::Unit;
using reporter::LogSource;
using reporter::Settings;

constexpr const char* program = "tlsrpt-milter";

int complain(std::ostream& err, const Error& error) {
  err << program << ": " << policy::escape_untrusted(error.message()) << '\n';
  // No configuration mends that; whoever does may start us again.
  if (reporter::tells_of_damage(error)) return reporter::exit_temporary;
  switch (error.code()) {
    case Errc::not_found:
      return reporter::exit_no_input;
    case Errc::syntax:
      return reporter::exit_config;
    default:
      return reporter::exit_temporary;
  }
}

// Everything that follows from the options, made anew when they are read again.
struct Work {
  static Result<std::unique_ptr<Work>> make(const Settings& settings,
                                            const reporter::Clock& clock) {
    auto work = std::make_unique<Work>();
    work->settings = settings;
    auto setup = CollectorSetup::make(work->settings, clock);
    if (!setup) return std::move(setup).error();
    work->setup.emplace(*std::move(setup));
    return work;
  }
  // WAITING: called again and again while the store is locked.
  Status open_store(std::function<void()> waiting) {
    reporter::StoreLimits limits = store_limits(settings);
    limits.hurry = &DaemonSignals::stop_requested();
    limits.waiting = std::move(waiting);
    auto opened = reporter::open_store(settings.store, reporter::StoreAccess::collector, limits);
    if (!opened) return std::move(opened).error();
    store = *std::move(opened);
    return Unit();
  }
  std::string sources_text() const {
    std::string text;
    for (const LogSource& source : setup->sources())
      text += (text.empty() ? "" : " and ") + source.text();
    return text;
  }

  Settings settings;
  std::optional<CollectorSetup> setup;  // Refers to SETTINGS.
  std::unique_ptr<reporter::Store> store;
};

// That no other collector works on our sources. What is locked already stays locked.
class Locks {
 public:
  Status take(const CollectorSetup& setup) {
    for (const LogSource& source : setup.sources()) {
      if (held_.contains(name(setup, source))) continue;
      auto lock = setup.lock(source);
      if (!lock) return std::move(lock).error();
      held_.emplace(name(setup, source), *std::move(lock));
    }
    return Unit();
  }
  // Gives back those that SETUP has no need of.
  void keep_only(const CollectorSetup& setup) {
    std::erase_if(held_, [&setup](const auto& held) {
      const auto& sources = setup.sources();
      return std::none_of(sources.begin(), sources.end(), [&](const LogSource& source) {
        return name(setup, source) == held.first;
      });
    });
  }

 private:
  static std::string name(const CollectorSetup& setup, const LogSource& source) {
    return setup.relay() + '\0' + source.text();
  }
  std::map<std::string, reporter::CollectorLock> held_;
};

class Daemon {
 public:
  // BACKGROUND: null in the foreground.
  Daemon(const reporter::CommandContext& context, HandedOver handed_over, Background* background)
      : clock_(context.clock),
        err_(context.err),
        // We may leave the folder that a relative path starts from.
        config_file_(std::filesystem::absolute(context.line.config_file).string()),
        background_(background),
        handed_over_(std::move(handed_over)),
        log_(program, context.line.verbose),
        notes_(context.clock) {}

  int run(const Settings& settings) {
    const Status status = start(settings);
    if (!status) return complain(err_, status.error());
    if (milter_has_ended_) {
      log_.error(
          "libmilter has stopped by itself; everything is committed, start the daemon again");
      return reporter::exit_temporary;
    }
    log_.info("stopped");
    return reporter::exit_ok;
  }

 private:
  Status start(const Settings& settings);
  Status follow(const Wakeup& wakeup);
  void receive_datagrams(const Wakeup& wakeup, CollectorDaemon& daemon);
  void milter_ended();
  void become_ready();
  void tell_progress();
  std::function<void()> sign_of_life();
  std::vector<CollectorDaemon::Make> makers();
  Status have_store();
  void lose_store();
  std::vector<CollectorDaemon::Make> reload();
  Status read_options_again();
  void say_notices();

  const reporter::Clock& clock_;
  std::ostream& err_;
  std::string config_file_;
  Background* background_;
  HandedOver handed_over_;
  DaemonLog log_;
  ServiceManager service_;
  Locks locks_;
  std::unique_ptr<Work> work_;
  TroubleNotes notes_;
  std::optional<TlsrptInput> tlsrpt_;
  std::optional<MilterInput> milter_;
  bool milter_has_ended_ = false;  // And nobody has asked us to stop.
};

// Until the daemon stops. Every error comes before it is ready, while there may be a terminal.
Status Daemon::start(const Settings& settings) {
  auto work = Work::make(settings, clock_);
  if (!work) return std::move(work).error();
  work_ = *std::move(work);
  if (auto status = locks_.take(*work_->setup); !status) return status;
  if (auto status = work_->open_store(sign_of_life()); !status) return status;
  say_notices();
  const auto wakeup = Wakeup::make();
  if (!wakeup) return wakeup.error();
  const DaemonSignals signals(*wakeup);
  return follow(*wakeup);
}

Status Daemon::follow(const Wakeup& wakeup) {
  CollectorDaemon daemon(makers(), wakeup, log_, DaemonSignals::stop_requested());
  log_.info("following " + work_->sources_text());
  receive_datagrams(wakeup, daemon);
  if (work_->settings.milter_socket != "none") {
    milter_.emplace(
        work_->settings, clock_, log_, [this] { milter_ended(); }, MilterInput::LookAhead());
    if (milter_->start()) log_.info("milter listens on " + work_->settings.milter_socket);
    daemon.add_input(*milter_);
  }
  daemon.set_hooks({[this] { become_ready(); }, [this] { tell_progress(); },
                    [this] { return reload(); }, &DaemonSignals::reload_requested(),
                    [this] { lose_store(); }});
  Status status = daemon.run();
  service_.stopping();
  milter_.reset();
  tlsrpt_.reset();
  return status;
}

// Before the milter has threads: the socket's file is made with a mask of its own.
void Daemon::receive_datagrams(const Wakeup& wakeup, CollectorDaemon& daemon) {
  for (const std::string& notice : handed_over_.notices) log_.warning(notice);
  const Settings& settings = work_->settings;
  if (settings.tlsrpt_socket == "none") return;
  const bool is_handed_over = handed_over_.socket.valid();
  tlsrpt_.emplace(settings, clock_, log_, wakeup, DaemonSignals::stop_requested(),
                  std::move(handed_over_.socket));
  if (tlsrpt_->start())
    log_.info("TLSRPT datagrams are received on " + settings.tlsrpt_socket +
              (is_handed_over ? ", which was handed over" : ""));
  daemon.add_input(*tlsrpt_);
}

// A milter that listens no more cannot be had again in this process, only in the next one.
void Daemon::milter_ended() {
  milter_has_ended_ = milter_has_ended_ || !DaemonSignals::stop_requested();
  DaemonSignals::request_stop();
}

void Daemon::become_ready() {
  if (background_ != nullptr) {
    log_.use_syslog();
    // It works, if at the terminal.
    if (const Status left = background_->leave_terminal(); !left)
      log_.warning("cannot go to the background: " + left.error().message());
  }
  service_.ready();
}

void Daemon::tell_progress() {
  service_.alive();
  const auto& troubles = log_.troubles();
  service_.status(troubles.empty() ? "Counts what is logged in " + work_->sources_text()
                                   : "In trouble: " + troubles.begin()->second);
  notes_.note(troubles, work_->store.get(), work_->setup->relay(),
              std::chrono::steady_clock::now());
}

// A lock is waited for some seconds at a time, in which the loop does not go round. It is no hang:
// each wait ends by itself.
std::function<void()> Daemon::sign_of_life() {
  return [this] { service_.alive(); };
}

std::vector<CollectorDaemon::Make> Daemon::makers() {
  std::vector<CollectorDaemon::Make> makes;
  for (const LogSource& source : work_->setup->sources()) {
    makes.emplace_back([this, source]() -> Result<std::unique_ptr<Collector>> {
      if (auto status = have_store(); !status) return std::move(status).error();
      return work_->setup->collector(source, *work_->store);
    });
  }
  return makes;
}

// Opens the store again where it was lost. The locks lay beside it.
Status Daemon::have_store() {
  if (work_->store) return Unit();
  if (auto status = work_->open_store(sign_of_life()); !status) return status;
  auto status = locks_.take(*work_->setup);
  if (!status) work_->store.reset();
  return status;
}

void Daemon::lose_store() {
  if (tlsrpt_) tlsrpt_->lose_store();
  work_->store.reset();
  locks_ = Locks();
}

std::vector<CollectorDaemon::Make> Daemon::reload() {
  service_.reloading();
  if (background_ != nullptr) log_.use_syslog();
  if (const Status status = read_options_again(); status) {
    log_.info("options were read again; following " + work_->sources_text());
  } else {
    std::string why = status.error().message();
    std::replace(why.begin(), why.end(), '\n', ';');
    log_.warning("options stay as they were: " + why);
  }
  service_.ready();
  return makers();
}

// After an error nothing has changed.
Status Daemon::read_options_again() {
  auto settings = reporter::load_settings(config_file_);
  if (!settings) return std::move(settings).error();
  for (const std::string_view name : reporter::keep_restart_options(work_->settings, *settings))
    log_.warning(std::string(name) + " has changed, which takes effect at the next start only");
  auto work = Work::make(*settings, clock_);
  if (!work) return std::move(work).error();
  if (auto status = (*work)->open_store(sign_of_life()); !status) return status;
  if (auto status = locks_.take(*(*work)->setup); !status) {
    locks_.keep_only(*work_->setup);
    return status;
  }
  work_ = *std::move(work);
  locks_.keep_only(*work_->setup);
  if (milter_) milter_->reload(work_->settings);
  say_notices();
  return Unit();
}

void Daemon::say_notices() {
  for (const std::string& notice : work_->setup->notices()) log_.warning(notice);
}

}  // namespace

int run_daemon(const reporter::CommandContext& context) {
  // Only for this process: before there is another.
  HandedOver handed_over = take_handed_over(context.settings.tlsrpt_socket);
  raise_file_limit();
  if (context.line.foreground)
    return Daemon(context, std::move(handed_over), nullptr).run(context.settings);
  auto background = Background::enter();
  if (!background) return complain(context.err, background.error());
  return Daemon(context, std::move(handed_over), &*background).run(context.settings);
}

}  // namespace tlsrpt::milter
