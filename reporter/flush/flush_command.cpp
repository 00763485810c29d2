#include "reporter/flush/flush_command.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "policy/address_guard.h"
#include "policy/cares_resolver.h"
#include "policy/text.h"
#include "reporter/bounce/bounce_command.h"
#include "reporter/command/command_error.h"
#include "reporter/deliver/curl_handle.h"
#include "reporter/deliver/mail_sender.h"
#include "reporter/flush/flush_clock.h"
#include "reporter/flush/flush_close.h"
#include "reporter/flush/flush_deliver.h"
#include "reporter/flush/flush_dry_run.h"
#include "reporter/flush/flush_log.h"
#include "reporter/flush/flush_output.h"
#include "reporter/flush/flush_schedule.h"
#include "reporter/flush/mail_trouble.h"
#include "reporter/flush/told_today.h"
#include "reporter/options/config_file.h"
#include "reporter/options/record_map.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Result;
using policy::Status;
using policy::Unit;

// A peer that hangs up must not end the program; libcurl and OpenSSL write without MSG_NOSIGNAL.
void ignore_sigpipe() {
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, nullptr);
}

// A full disk and the like are somebody's to mend, and the next run goes on from here.
int exit_status(const policy::Error& error) {
  return error.code() == Errc::io ? exit_temporary : exit_status_of(error);
}

class Flush {
 public:
  explicit Flush(const CommandContext& context)
      : context_(context),
        settings_(context.settings),
        log_(context.err, &context.err == &std::cerr && ::isatty(STDERR_FILENO) == 1,
             context.line.verbose),
        filter_{context.line.day, context.line.domain} {}

  int run() {
    const bool reads_only = context_.line.dry_run || context_.line.output_dir;
    const bool not_over =
        context_.line.day && *context_.line.day >= policy::day_of(context_.clock.now());
    if (not_over && !context_.line.output_dir) {
      log_.warn("--day: " + policy::to_text(*context_.line.day) +
                " is not over yet (UTC); --output-dir shows a preview");
      return exit_usage;
    }
    if (const auto failed = prepare(reads_only)) return *failed;
    if (context_.line.output_dir) return render();
    if (context_.line.dry_run) {
      const auto last = store_->flush_time();
      if (!last.ok()) return store_failure(last.error());
      const FlushClock clock(context_.clock, *last);
      Status shown = show_dry_run(*store_, settings_, records_, *resolver_, clock, filter_,
                                  context_.line.now, context_.out);
      return shown.ok() ? exit_ok : store_failure(shown.error());
    }
    return flush();
  }

 private:
  int failure(const policy::Error& error) {
    log_.warn(policy::escape_untrusted(error.message()));
    return exit_status(error);
  }

  // The same for an error of the store.
  int store_failure(const policy::Error& error) {
    const int status = exit_status(error);
    if (status != exit_temporary) return failure(error);
    const std::string path = settings_.store.substr(settings_.store.find(':') + 1);
    std::string text = error.message();
    if (!text.starts_with(path)) text = path + ": " + text;
    log_.warn(
        policy::escape_untrusted("the store cannot be used now, the next run goes on: " + text));
    return status;
  }

  // Opens everything that is needed; the exit status where that fails.
  std::optional<int> prepare(bool reads_only) {
    auto records = RecordMap::load(settings_.record_map);
    if (!records.ok()) {
      log_.warn(fault_text(settings_, "record_map", records.error().message()));
      return exit_config;
    }
    records_ = *std::move(records);
    auto signer = make_dkim_signer(settings_);
    if (!signer.ok()) {
      log_.warn(fault_text(settings_, "dkim_key_file", signer.error().message()));
      return exit_config;
    }
    signer_ = *std::move(signer);
    if (const auto fault = find_transport_fault(settings_)) {
      log_.warn(fault_text(settings_, fault->option, fault->message));
      return exit_config;
    }
    auto resolver = make_resolver();
    if (!resolver.ok()) return failure(resolver.error());
    resolver_ = *std::move(resolver);
    auto store =
        open_store(settings_.store, reads_only ? StoreAccess::read_only : StoreAccess::reporter,
                   {settings_.max_facts, settings_.max_domains});
    if (!store.ok()) return store_failure(store.error());
    store_ = *std::move(store);
    return std::nullopt;
  }

  Result<std::unique_ptr<policy::Resolver>> make_resolver() const {
    policy::CaresOptions options;
    options.servers = settings_.dns_servers;
    options.timeout = settings_.dns_timeout;
    return policy::make_cares_resolver(options);
  }

  const DkimSigner* signer() const { return signer_ ? &*signer_ : nullptr; }

  int render() {
    auto rendered = render_output(*store_, settings_, records_, *resolver_, context_.clock, filter_,
                                  *context_.line.output_dir, signer());
    if (!rendered.ok()) return failure(rendered.error());
    if (!rendered->first_fault.empty()) log_.warn(rendered->first_fault);
    if (rendered->unanswered > 0) {
      log_.warn(std::to_string(rendered->unanswered) +
                " domains could not be looked up and are missing");
      return exit_temporary;
    }
    log_.detail(std::to_string(rendered->reports) + " reports, " +
                std::to_string(rendered->messages) + " messages");
    return exit_ok;
  }

  int flush() {
    auto own = policy::own_addresses();
    if (!own.ok()) return failure(own.error());
    auto host_resolver = make_resolver();
    if (!host_resolver.ok()) return failure(host_resolver.error());
    ignore_sigpipe();
    const CurlGlobal curl;
    const policy::AddressGuard guard(settings_.https_allow_addresses, *std::move(own));
    const auto last = store_->flush_time();
    if (!last.ok()) return store_failure(last.error());
    const FlushClock clock(context_.clock, *last);
    Status mended = mend_clock(clock);
    if (!mended.ok()) return store_failure(mended.error());
    take_bounces(*store_, settings_, context_.clock.now(), log_);
    const auto closed = close_days(*store_, settings_, records_, *resolver_, clock, filter_, log_);
    // A store that fails in closing may still let us deliver; the status says that it did.
    int status = closed.ok() ? exit_ok : store_failure(closed.error());
    DeliverContext deliver{*store_, settings_, clock, guard, **host_resolver, log_};
    deliver.signer = signer();
    const auto delivered = deliver_due(deliver, filter_, context_.line.now);
    if (!delivered.ok()) return store_failure(delivered.error());
    warn_about(*delivered);
    if (delivered->is_full) log_.detail("max_deliveries is reached; the rest waits");
    if (closed.ok() && closed->asked > 0 && closed->unanswered == closed->asked &&
        closed->closed == 0 && delivered->begun == 0 && !dns_answers()) {
      log_.warn("no DNS server answered");
      status = exit_temporary;
    }
    if (context_.line.wait) status = wait(deliver, *delivered, status);
    log_.show(true);
    if (!filter_.day && !filter_.domain) prune(clock.believed());
    keep_time(clock);
    return status;
  }

  // A clock that jumped while we ran: what we have written lies where it is now.
  void keep_time(const FlushClock& clock) {
    FlushTime kept = clock.kept();
    if (std::chrono::abs(clock.now() - kept.seen) < clocks_differ) return;
    kept.seen = clock.now();
    // The next flush looks after itself where this fails.
    if (const Status done = store_->set_flush_time(kept); !done.ok()) {
      log_.detail(policy::escape_untrusted(done.error().message()));
    }
  }

  // What a clock that jumped has left behind.
  Status mend_clock(const FlushClock& clock) {
    if (!clock.warning().empty()) log_.warn(clock.warning());
    const policy::UtcSeconds now = clock.now();
    if (clock.went_back()) {
      const auto longest = std::max(settings_.delivery_spread, settings_.delivery_lifetime);
      const auto mended = store_->mend_times(now, longest, lease_time(settings_));
      if (!mended.ok()) return mended.error();
      if (*mended > 0) {
        log_.warn(std::to_string(*mended) + " deliveries waited for a time that will not come; " +
                  "they are due now");
      }
    }
    Status done = keep_leases(clock);
    return done.ok() ? store_->set_flush_time(clock.kept()) : done;
  }

  // Leases that have begun and ended since the last flush: if the clock has leapt, or the host
  // slept, their owners are still at work. Once only: where flushes are always so far apart, the
  // next one takes over what a dead one had claimed.
  Status keep_leases(const FlushClock& clock) {
    constexpr std::string_view extended_at = "leases extended";
    const auto lease = lease_time(settings_);
    const auto last = clock.last_seen();
    const policy::UtcSeconds now = clock.now();
    if (!last || now <= *last + lease) return Unit{};
    const auto before = store_->remembered(extended_at);
    if (!before.ok()) return before.error();
    if (*before == last) return Unit{};
    const auto extended = store_->extend_leases(now, lease);
    if (!extended.ok()) return extended.error();
    return *extended > 0 ? store_->remember(extended_at, clock.kept().seen) : Status(Unit{});
  }

  // Whether the DNS servers are alive: they know the root, whatever a domain's own servers do.
  bool dns_answers() {
    bool answers = false;
    resolver_->look_up_txt(".", [&answers](const policy::TxtAnswer& answer) {
      answers = answer.outcome != policy::DnsOutcome::temporary;
    });
    resolver_->run();
    return answers;
  }

  // That nothing at all can be handed over is no fault of the receivers. That one or two refuse is.
  void warn_about(const DeliverSummary& summary) {
    if (summary.mail_attempts == 0 || summary.mail_delivered > 0) return;
    const std::string transport = policy::escape_untrusted(settings_.mail_transport);
    if (summary.mail_transport_failed) {
      log_.warn("none of " + std::to_string(summary.mail_attempts) +
                " messages could be handed over to " + transport + ": " + summary.last_mail_error);
      return;
    }
    const policy::UtcSeconds now = context_.clock.now();
    const auto trouble = mail_trouble(*store_, now);
    if (!trouble.ok() || trouble->empty()) return;
    // Without what changes from one to the next.
    const std::string text = "no report by mail was accepted in the last day by " + transport;
    if (is_news(*store_, text, now)) log_.warn(text + ": " + *trouble);
  }

  // --wait: goes on delivering until nothing is due within delivery_spread.
  int wait(DeliverContext& deliver, DeliverSummary delivered, int status) {
    std::optional<policy::UtcSeconds> stuck;
    while (!delivered.is_full) {
      const auto due = store_->next_due(filter_);
      if (!due.ok()) return store_failure(due.error());
      if (!*due) return with_the_rest(status);
      if (**due > context_.clock.now() + settings_.delivery_spread) return exit_temporary;
      // It was due and could not even be tried, such as a damaged row.
      if (*due == stuck) return exit_temporary;
      if (!wait_until(**due)) return exit_temporary;
      deliver.begun_before += delivered.begun;
      auto next = deliver_due(deliver, filter_, context_.line.now);
      if (!next.ok()) return store_failure(next.error());
      delivered = *std::move(next);
      stuck = delivered.delivered + delivered.failed == 0 ? *due : std::nullopt;
    }
    return exit_temporary;
  }

  // STATUS, where nothing is pending that will never be due, as what was set aside.
  int with_the_rest(int status) {
    const auto pending = store_->pending_deliveries(filter_, 0, 1);
    if (!pending.ok()) return store_failure(pending.error());
    return pending->empty() ? status : exit_temporary;
  }

  // False where the clock stands still, so that the moment never comes (TLSRPT_CLOCK=@...).
  bool wait_until(policy::UtcSeconds due) {
    constexpr std::chrono::milliseconds step{500};  // A clock in a file may jump at any time.
    constexpr std::chrono::seconds patience{10};
    policy::UtcSeconds last = context_.clock.now();
    auto moved = std::chrono::steady_clock::now();
    while (last < due) {
      // Nobody can wake us: this only waits, as a signal may end it.
      ::poll(nullptr, 0, static_cast<int>(step.count()));
      log_.show();
      const policy::UtcSeconds now = context_.clock.now();
      if (now != last) moved = std::chrono::steady_clock::now();
      if (std::chrono::steady_clock::now() - moved > patience) return false;
      last = now;
    }
    return true;
  }

  void prune(policy::UtcSeconds believed) {
    const auto before = std::chrono::floor<std::chrono::days>(believed - settings_.retention);
    const Status pruned = store_->prune(before);
    if (!pruned.ok())
      log_.warn("cannot prune: " + policy::escape_untrusted(pruned.error().message()));
  }

  const CommandContext& context_;
  const Settings& settings_;
  FlushLog log_;
  DeliveryFilter filter_;
  RecordMap records_;
  std::optional<DkimSigner> signer_;
  std::unique_ptr<policy::Resolver> resolver_;
  std::unique_ptr<Store> store_;
};

}  // namespace

int run_flush(const CommandContext& context) { return Flush(context).run(); }

}  // namespace tlsrpt::reporter
