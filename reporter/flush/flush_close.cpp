#include "reporter/flush/flush_close.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "policy/isolate.h"
#include "policy/text.h"
#include "reporter/flush/flush_plan.h"
#include "reporter/flush/told_today.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Result;
using policy::Status;
using policy::Unit;

// Closed in one transaction: few enough that a collector never waits long, enough that the price
// of a transaction is shared.
constexpr std::size_t close_batch = 256;

std::string name_of(const Plan& plan) {
  return policy::to_text(plan.open.day) + " " + policy::escape_untrusted(plan.open.domain);
}

class Closing {
 public:
  Closing(Store& store, FlushPlanner& planner, const Clock& clock, FlushLog& log)
      : store_(store), planner_(planner), clock_(clock), log_(log) {}

  // UNSEEN: how many domains have open days, as far as that is known.
  Status run(const DeliveryFilter& filter, std::uint64_t unseen) {
    log_.counts().to_look_up += unseen;
    while (true) {
      auto plans = planner_.select(filter);
      for (const std::string& each : planner_.take_damaged()) {
        warn_once_a_day(each);
      }
      if (!plans.ok()) return std::move(plans).error();
      if (plans->empty()) return Unit{};
      expect(*plans, unseen);
      const auto look_ups = planner_.look_up(*plans, [this] {
        ++log_.counts().looked_up;
        log_.show();
      });
      summary_.asked += look_ups.asked;
      summary_.unanswered += look_ups.unanswered;
      const std::span<Plan> all(*plans);
      for (std::size_t at = 0; at < all.size(); at += close_batch) {
        Status done = close(all.subspan(at, std::min(close_batch, all.size() - at)));
        if (!done.ok()) return done;
      }
    }
  }

  const CloseSummary& summary() const { return summary_; }

 private:
  // Puts what is known about PLANS in the place of what was expected of as many domains.
  void expect(std::span<const Plan> plans, std::uint64_t& unseen) {
    std::uint64_t domains = 0;
    std::uint64_t to_look_up = 0;
    std::string_view counted;
    std::string_view wanted;
    for (const Plan& plan : plans) {  // Sorted by domain: one look-up for all its days.
      if (plan.open.domain != counted) ++domains;
      counted = plan.open.domain;
      if (plan.action != PlanAction::look_up || plan.open.domain == wanted) continue;
      wanted = plan.open.domain;
      ++to_look_up;
    }
    const std::uint64_t expected = std::min(unseen, domains);
    unseen -= expected;
    log_.counts().to_look_up += to_look_up;
    log_.counts().to_look_up -= expected;
  }

  Status close(std::span<Plan> plans) {
    // Reports are made before the transaction: no collector waits for our arithmetic.
    for (Plan& plan : plans) {
      Status decided = planner_.decide(plan);
      if (!decided.ok()) return decided;
    }
    Status done = apply_together(plans);
    if (!done.ok() && is_about_one(done.error())) done = apply_each(plans);
    if (!done.ok()) return done;
    log_.show();
    for (Plan& plan : plans) {
      tell(plan);
      plan.made = MadeReport{};  // Ten thousand reports need not be in memory at once.
    }
    return Unit{};
  }

  // Whether ERROR, of closing, comes from a row or a report, not from the store as a whole.
  static bool is_about_one(const policy::Error& error) {
    return error.code() != Errc::temporary && error.code() != Errc::io;
  }

  Status apply_together(std::span<Plan> plans) {
    std::size_t closed = 0;
    Status done = store_.grouped([this, plans, &closed]() -> Status {
      closed = 0;
      for (const Plan& plan : plans) {
        Status applied = policy::isolate([&] { return apply(plan, closed); });
        if (!applied.ok()) return applied;
      }
      return Unit{};
    });
    if (!done.ok()) return done;
    summary_.closed += closed;
    log_.counts().reports += closed;
    return done;
  }

  // One of PLANS cannot be applied: it alone is set aside.
  Status apply_each(std::span<Plan> plans) {
    for (Plan& plan : plans) {
      const std::span<Plan> one(&plan, 1);
      Status done = apply_together(one);
      if (!done.ok() && is_about_one(done.error())) {
        set_aside(plan, done.error().message());
        done = apply_together(one);
        if (!done.ok() && is_about_one(done.error())) {
          // Not even that can be noted, so that the next flush finds it again.
          warn_once_a_day(name_of(plan) + ": " + plan.reason);
          plan.action = PlanAction::wait;
          done = Unit{};
        }
      }
      if (!done.ok()) return done;
    }
    return Unit{};
  }

  Status apply(const Plan& plan, std::size_t& closed) {
    if (plan.action == PlanAction::wait || plan.action == PlanAction::look_up) return Unit{};
    if (plan.action != PlanAction::close) {
      Status noted = store_.note_lookup(plan.open.day, plan.open.domain, plan.note);
      // Its facts were pruned meanwhile.
      if (!noted.ok() && noted.error().code() == Errc::not_found) return Unit{};
      return noted;
    }
    if (plan.settled) {
      Status opened = store_.note_lookup(plan.open.day, plan.open.domain,
                                         {"opened again by --domain", std::nullopt, false});
      if (!opened.ok()) return opened;
    }
    Status done = store_.close_day(plan.made.report, plan.made.deliveries, plan.made.sessions_seen,
                                   plan.made.proven);
    if (done.ok()) ++closed;
    // Late lines came in between, or another flush was first: the next flush sees what is left.
    if (!done.ok() && done.error().code() == Errc::temporary) return Unit{};
    return done;
  }

  void warn_once_a_day(const std::string& text) {
    if (is_news(store_, text, clock_.now())) log_.warn(policy::escape_untrusted(text));
  }

  void tell(const Plan& plan) {
    if (plan.action == PlanAction::set_aside) {
      log_.warn(name_of(plan) + ": " + plan.reason);
    } else if (log_.is_verbose() && plan.action == PlanAction::close) {
      log_.detail(name_of(plan) + ": report " + plan.made.report.report_id + ", " +
                  std::to_string(plan.made.deliveries.size()) + " deliveries" +
                  (plan.discovery.as_seen ? ", by the record that Postfix saw" : ""));
    } else if (log_.is_verbose()) {
      log_.detail(name_of(plan) + ": no report: " + plan.reason);
    }
  }

  Store& store_;
  FlushPlanner& planner_;
  const Clock& clock_;
  FlushLog& log_;
  CloseSummary summary_;
};

}  // namespace

Result<CloseSummary> close_days(Store& store, const Settings& settings, const RecordMap& records,
                                policy::Resolver& resolver, const FlushClock& clock,
                                const DeliveryFilter& filter, FlushLog& log) {
  FlushPlanner planner(store, settings, records, resolver, clock);
  std::uint64_t unseen = 0;
  if (!filter.day && !filter.domain) {
    const auto domains = store.open_domains(policy::day_of(clock.now()));
    if (!domains.ok()) return domains.error();
    unseen = *domains;
  }
  log.begin_stage(FlushStage::look_up);
  Closing closing(store, planner, clock, log);
  Status done = closing.run(filter, unseen);
  if (!done.ok()) return std::move(done).error();
  return closing.summary();
}

}  // namespace tlsrpt::reporter
