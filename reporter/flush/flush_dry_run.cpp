#include "reporter/flush/flush_dry_run.h"

#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "policy/address_guard.h"
#include "policy/text.h"
#include "reporter/deliver/https_poster.h"
#include "reporter/flush/flush_plan.h"
#include "reporter/flush/flush_schedule.h"

namespace tlsrpt::reporter {
namespace {

using policy::Status;
using policy::Unit;

std::string due_text(policy::UtcSeconds not_before, policy::UtcSeconds now, bool at_once) {
  if (at_once || not_before <= now) return "now";
  return "at " + policy::to_text(not_before);
}

bool is_leased(const Delivery& delivery, policy::UtcSeconds now) {
  return delivery.leased_until && *delivery.leased_until > now;
}

// Whether DELIVERY, which is stored, would be tried.
bool is_due(const Delivery& delivery, policy::UtcSeconds now, bool ignore_spread) {
  return !is_set_aside(delivery) && !is_leased(delivery, now) &&
         (delivery.not_before <= now || (ignore_spread && delivery.attempts == 0));
}

// When, or why not, DELIVERY, which is stored, is tried.
std::string pending_text(const Delivery& delivery, policy::UtcSeconds now, bool ignore_spread) {
  if (is_set_aside(delivery)) return "not at all: " + policy::escape_untrusted(delivery.last_error);
  std::string text;
  if (is_leased(delivery, now)) {
    text = "not now: another flush has it, until " + policy::to_text(*delivery.leased_until) +
           " at the latest";
  } else {
    text = due_text(delivery.not_before, now, ignore_spread && delivery.attempts == 0);
  }
  if (delivery.attempts > 0) {
    text += ", tried " + std::to_string(delivery.attempts) +
            (delivery.attempts == 1 ? " time: " : " times: ") +
            policy::escape_untrusted(delivery.last_error);
  }
  return text;
}

// What would not be handed over, as far as is known before an https host is looked up.
class Refusals {
 public:
  Refusals(const Settings& settings, const policy::AddressGuard& guard,
           const std::vector<Suppression>& suppressions)
      : settings_(settings), guard_(guard) {
    for (const Suppression& each : suppressions) {
      suppressed_.emplace(each.destination, suppressed_text(each));
    }
  }

  // ", which fails: ...", empty where nothing is known against DESTINATION.
  std::string text(const std::string& destination) const {
    const auto suppressed = suppressed_.find(destination);
    if (suppressed != suppressed_.end()) return ", which fails: " + suppressed->second;
    const auto uri = policy::parse_destination(destination);
    if (!uri.ok() || uri->scheme != policy::RuaScheme::https) return "";
    const auto refusal = https_refusal(*uri, settings_.https_ports, guard_);
    return refusal ? ", which fails: " + *refusal : "";
  }

 private:
  const Settings& settings_;
  const policy::AddressGuard& guard_;
  std::map<std::string, std::string> suppressed_;  // By destination.
};

void show_plan(const Plan& plan, policy::UtcSeconds now, bool ignore_spread,
               const Refusals& refusals, std::uint64_t& due, std::ostream& out) {
  out << policy::to_text(plan.open.day) << ' ' << policy::escape_untrusted(plan.open.domain);
  if (plan.action != PlanAction::close) {
    out << ": no report: " << plan.reason << '\n';
    return;
  }
  out << ": report " << plan.made.report.report_id << " about " << plan.made.sessions_seen
      << (plan.made.sessions_seen == 1 ? " session" : " sessions");
  if (plan.made.deliveries.empty()) out << ", discarded";
  if (plan.discovery.as_seen)
    out << ", by the record that Postfix saw, as DNS failed for 24 h: " << plan.discovery.reason;
  out << '\n';
  for (const Delivery& each : plan.made.deliveries) {
    if (ignore_spread || each.not_before <= now) ++due;
    out << "  to " << policy::escape_untrusted(each.destination) << ' '
        << due_text(each.not_before, now, ignore_spread) << refusals.text(each.destination) << '\n';
  }
  for (const policy::RuaWarning& each : plan.discovery.record.warnings) {
    out << "  not to: " << each.message << '\n';
  }
}

Status show_pending(Store& store, policy::UtcSeconds now, const DeliveryFilter& filter,
                    bool ignore_spread, const Refusals& refusals, std::uint64_t& due,
                    std::ostream& out) {
  constexpr unsigned page = 1000;
  // Reports have few deliveries and lie together, so that one name is enough to remember.
  std::int64_t report_id = 0;
  std::string name;
  std::int64_t after = 0;
  while (true) {
    const auto pending = store.pending_deliveries(filter, after, page);
    if (!pending.ok()) return pending.error();
    for (const Delivery& each : *pending) {
      after = each.id;
      if (each.destination.empty()) {  // Damaged.
        out << "pending: " << policy::escape_untrusted(each.last_error) << '\n';
        continue;
      }
      if (is_due(each, now, ignore_spread)) ++due;
      if (each.report_id != report_id) {
        const auto report = store.report(each.report_id);
        report_id = each.report_id;
        name = report.ok() ? report->report_id : policy::escape_untrusted(report.error().message());
      }
      out << "pending: report " << name << " to " << policy::escape_untrusted(each.destination)
          << ' ' << pending_text(each, now, ignore_spread) << refusals.text(each.destination)
          << '\n';
    }
    if (pending->size() < page) return Unit{};
  }
}

}  // namespace

Status show_dry_run(Store& store, const Settings& settings, const RecordMap& records,
                    policy::Resolver& resolver, const FlushClock& clock,
                    const DeliveryFilter& filter, bool ignore_spread, std::ostream& out) {
  const policy::UtcSeconds now = clock.now();
  auto own = policy::own_addresses();
  if (!own.ok()) return std::move(own).error();
  const policy::AddressGuard guard(settings.https_allow_addresses, *std::move(own));
  const auto suppressions = store.suppressions(now);
  if (!suppressions.ok()) return suppressions.error();
  const Refusals refusals(settings, guard, *suppressions);
  FlushPlanner planner(store, settings, records, resolver, clock);
  std::uint64_t due = 0;  // Deliveries, now.
  while (true) {
    auto plans = planner.select(filter);
    for (const std::string& each : planner.take_damaged()) {
      out << policy::escape_untrusted(each) << '\n';
    }
    if (!plans.ok()) return std::move(plans).error();
    if (plans->empty()) break;
    planner.look_up(*plans);
    for (Plan& plan : *plans) {
      Status decided = planner.decide(plan);
      if (!decided.ok()) return decided;
      show_plan(plan, now, ignore_spread, refusals, due, out);
      plan.made = MadeReport{};
    }
  }
  Status shown = show_pending(store, now, filter, ignore_spread, refusals, due, out);
  if (shown.ok() && settings.max_deliveries > 0 && due > settings.max_deliveries) {
    out << "max_deliveries: " << settings.max_deliveries << " of these " << due
        << " due deliveries would be tried now, the rest in later runs\n";
  }
  return shown;
}

}  // namespace tlsrpt::reporter
