#include "reporter/flush/flush_plan.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "policy/isolate.h"
#include "policy/text.h"
#include "reporter/flush/flush_schedule.h"
#include "reporter/flush/withheld.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::isolate;
using policy::Result;
using policy::Status;
using policy::Unit;

// A plaintext session is proven by a TLS line within 24 h after it, in the log's time.
constexpr std::chrono::hours proof_window{24};

bool means(const DeliveryFilter& filter, const OpenDay& open) {
  return (!filter.day || *filter.day == open.day) &&
         (!filter.domain || *filter.domain == open.domain);
}

void set_note(Plan& plan, std::string text, bool settled) {
  plan.action = PlanAction::note;
  plan.reason = text;
  plan.note = {std::move(text), std::nullopt, settled};
}

Plan plan_for(OpenDay open, bool settled, bool by_name) {
  Plan plan;
  plan.open = std::move(open);
  plan.settled = settled;
  plan.by_name = by_name;
  return plan;
}

// The record in SEEN, what Postfix saw; none: there is none, or it cannot be used.
std::optional<policy::TlsrptRecord> usable_record(const std::string& seen) {
  if (seen.empty()) return std::nullopt;
  auto chosen = isolate([&seen] { return policy::choose_tlsrpt_record({seen}); });
  if (!chosen.ok()) return std::nullopt;
  return *std::move(chosen);
}

}  // namespace

void set_aside(Plan& plan, std::string_view why) {
  set_note(plan, std::string(set_aside_prefix()) + policy::escape_untrusted(why), false);
  plan.action = PlanAction::set_aside;
}

Result<std::vector<Plan>> FlushPlanner::select(const DeliveryFilter& filter) {
  if (!collectors_) {
    auto collectors = store_.collectors();
    if (!collectors.ok()) return std::move(collectors).error();
    for (const CollectorInfo& each : *collectors) {
      if (!each.damage.empty()) damaged_.push_back(each.damage);
    }
    collectors_ = *std::move(collectors);
  }
  auto plans = select_days(filter);
  if (!plans.ok()) return plans;
  for (Plan& plan : *plans) {
    judge(plan, *collectors_);
    if (plan.action != PlanAction::look_up || plan.open.last_revision == 0) continue;
    const auto worth = has_something_new(plan);
    if (!worth.ok()) return worth.error();
    if (!*worth) {
      plan.action = PlanAction::wait;
      plan.reason = "nothing that could be reported yet";
    }
  }
  std::sort(plans->begin(), plans->end(), [](const Plan& a, const Plan& b) {
    return std::tie(a.open.domain, a.open.day) < std::tie(b.open.domain, b.open.day);
  });
  return plans;
}

// Reads pages until there is something that FILTER means; to the end, where that is one domain.
Result<std::vector<Plan>> FlushPlanner::select_days(const DeliveryFilter& filter) {
  const policy::UtcDay before = policy::day_of(clock_.now());
  std::vector<Plan> plans;
  // What was settled without a report, for somebody who has published a record since and names it.
  if (filter.domain && !is_last_) {
    auto settled = store_.settled_days(before, *filter.domain);
    if (!settled.ok()) return std::move(settled).error();
    for (OpenDay& each : *settled) {
      if (means(filter, each)) plans.push_back(plan_for(std::move(each), true, true));
    }
  }
  while (!is_last_ && (plans.empty() || filter.domain)) {
    auto page = store_.open_days(before, after_, days_at_once_);
    if (!page.ok()) return std::move(page).error();
    for (OpenDay& each : page->days) {
      if (!means(filter, each)) continue;
      plans.push_back(plan_for(std::move(each), false, filter.domain.has_value()));
    }
    for (DamagedDay& each : page->damaged) damaged_.push_back(std::move(each.what));
    after_ = page->end;
    is_last_ = page->is_last;
  }
  return plans;
}

void FlushPlanner::judge(Plan& plan, const std::vector<CollectorInfo>& collectors) {
  const policy::UtcSeconds now = clock_.now();
  const OpenDay& open = plan.open;
  if (is_late(open.day, now, settings_)) {
    if (is_late(open.day, clock_.believed(), settings_)) {
      return set_note(plan, std::string(late_note), true);
    }
    plan.reason = "older than report_max_age, if the clock is right";
    return;
  }
  plan.reason = why_open(open.day, now, settings_, collectors);
  if (!plan.reason.empty()) return;
  const bool closed_ahead = open.last_closed && *open.last_closed > now + clocks_differ;
  if (open.last_closed && !closed_ahead && now < *open.last_closed + supplement_interval) {
    plan.reason = "the next supplement is made at " +
                  policy::to_text(*open.last_closed + supplement_interval);
    return;
  }
  if (!plan.by_name && open.note && open.note->text.starts_with(set_aside_prefix())) {
    plan.reason = open.note->text;
    return;
  }
  // DNS need not hear of it either.
  if (is_excluded(settings_, open.domain)) return set_note(plan, excluded_text(), true);
  plan.action = PlanAction::look_up;
}

// Whether a closed (day, domain) has got sessions that a supplement can report. Most that are still
// listed wait for a proof that may never come: no reason to ask DNS every quarter of an hour.
Result<bool> FlushPlanner::has_something_new(const Plan& plan) {
  const policy::UtcSeconds now = clock_.now();
  const Discovery nobody{DiscoveryOutcome::discard, {}, "", false};
  const auto made = isolate([this, &plan, &nobody, now] {
    return maker_.make(plan.open.day, plan.open.domain, plan.open.last_revision + 1, nobody, now);
  });
  if (made.ok()) return true;
  if (made.error().code() == Errc::temporary) return made.error();
  const bool can_change =
      made.error().code() == Errc::not_found && maker_.has_undecided() &&
      clock_.believed() < end_of(plan.open.day) + proof_window + settings_.close_latest;
  return !can_change;
}

FlushPlanner::LookUps FlushPlanner::look_up(std::span<Plan> plans,
                                            const std::function<void()>& on_answer) {
  std::vector<std::string> domains;
  for (const Plan& plan : plans) {
    if (plan.action != PlanAction::look_up) continue;
    if (domains.empty() || domains.back() != plan.open.domain) domains.push_back(plan.open.domain);
  }
  const std::vector<Discovery> found = discover(domains, records_, resolver_, on_answer);
  LookUps look_ups;
  for (const Discovery& each : found) {
    if (!each.from_dns) continue;
    ++look_ups.asked;
    if (each.outcome == DiscoveryOutcome::temporary) ++look_ups.unanswered;
  }
  std::size_t at = 0;  // Plans are sorted by domain, so both run in step.
  for (Plan& plan : plans) {
    if (plan.action != PlanAction::look_up) continue;
    while (domains[at] != plan.open.domain) ++at;
    plan.discovery = found[at];
  }
  return look_ups;
}

// Leaves the action look_up where there is a record to go by.
Status FlushPlanner::unanswered(Plan& plan) {
  const policy::UtcSeconds now = clock_.now();
  auto first =
      plan.open.note && plan.open.note->first_failure ? *plan.open.note->first_failure : now;
  if (first > now + clocks_differ) first = now;  // Noted by a clock that was ahead.
  const auto seen = store_.seen_record(plan.open.day, plan.open.domain);
  // A damaged one is as good as none.
  if (!seen.ok() && seen.error().code() == Errc::temporary) return seen.error();
  auto record = seen.ok() ? usable_record(*seen) : std::nullopt;
  Discovery& discovery = plan.discovery;
  // A record is evidence of the day itself: nothing is given up by going by it, so it does not wait
  // for a clock to be believed, as a cron job once a day would make it for a day more.
  if (record && now >= first + lookup_patience) {
    discovery = {DiscoveryOutcome::record, *std::move(record), discovery.reason, true, true};
    return Unit{};
  }
  if (!record && clock_.believed() >= first + lookup_patience) {
    set_note(plan, "no record: DNS failed for 24 h: " + discovery.reason, true);
    return Unit{};
  }
  const std::string_view prospect =
      record ? "; after 24 h the record that Postfix saw counts" : std::string_view();
  set_note(plan, "temporary: " + discovery.reason + std::string(prospect), false);
  plan.note.first_failure = first;
  return Unit{};
}

void FlushPlanner::without_report(Plan& plan, std::string why) {
  const bool can_change =
      maker_.has_undecided() &&
      clock_.believed() < end_of(plan.open.day) + proof_window + settings_.close_latest;
  if (can_change) {
    why += " yet; other sessions may still be proven to be plaintext";
    // DNS has answered: a failure after this one is another first.
    if (plan.open.note && plan.open.note->first_failure)
      return set_note(plan, std::move(why), false);
    plan.action = PlanAction::wait;
    plan.reason = std::move(why);
    return;
  }
  set_note(plan, std::move(why), true);
}

Status FlushPlanner::decide(Plan& plan) {
  if (plan.action != PlanAction::look_up) return Unit{};
  if (plan.discovery.outcome == DiscoveryOutcome::temporary) {
    Status done = unanswered(plan);
    if (!done.ok() || plan.action != PlanAction::look_up) return done;
  }
  if (plan.discovery.outcome == DiscoveryOutcome::broken) {
    set_aside(plan, plan.discovery.reason);
    return Unit{};
  }
  if (plan.discovery.outcome == DiscoveryOutcome::none) {
    set_note(plan, plan.discovery.reason, true);
    return Unit{};
  }
  auto made = isolate([this, &plan] {
    return maker_.make(plan.open.day, plan.open.domain, plan.open.last_revision + 1, plan.discovery,
                       clock_.now());
  });
  if (made.ok() && has_too_few(settings_, made->sessions)) {
    without_report(plan, too_few_text(settings_));
    return Unit{};
  }
  if (made.ok()) {
    plan.action = PlanAction::close;
    plan.made = *std::move(made);
    return Unit{};
  }
  if (made.error().code() == Errc::temporary) return std::move(made).error();
  if (made.error().code() == Errc::not_found) {
    without_report(plan, "nothing to report");
    return Unit{};
  }
  set_aside(plan, made.error().message());
  return Unit{};
}

}  // namespace tlsrpt::reporter
