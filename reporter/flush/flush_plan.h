// FlushPlanner: what is to be done about every (day, domain) that is not closed, and why not.
//
// Reads the store and DNS, writes nothing; closing applies a plan, --dry-run shows it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/resolver.h"
#include "policy/result.h"
#include "reporter/flush/discovery.h"
#include "reporter/flush/flush_clock.h"
#include "reporter/options/record_map.h"
#include "reporter/options/settings.h"
#include "reporter/report/report_maker.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {

enum class PlanAction : std::uint8_t {
  wait,       // Nothing now.
  look_up,    // Its record is to be looked up; then one of the others.
  close,      // A report is made.
  note,       // No report: the note says why, and whether that is final.
  set_aside,  // Something about it cannot be handled by this version; all others go on.
};

struct Plan {
  OpenDay open;
  PlanAction action = PlanAction::wait;
  std::string reason;    // Why not close.
  bool settled = false;  // It was settled; closing it opens it first.
  bool by_name = false;  // Asked for with --domain: what was set aside or settled is tried again.
  Discovery discovery;   // After look_up().
  MadeReport made;       // close
  LookupNote note;       // note, set_aside
};

// Makes PLAN one that is set aside because of WHY.
void set_aside(Plan& plan, std::string_view why);

class FlushPlanner {
 public:
  // DAYS_AT_ONCE is what select() reads, or a little more. A name server that is slow for a few
  // costs its time once per so many; each takes about a kilobyte.
  FlushPlanner(Store& store, const Settings& settings, const RecordMap& records,
               policy::Resolver& resolver, const FlushClock& clock, unsigned days_at_once = 10'000)
      : store_(store),
        settings_(settings),
        records_(records),
        resolver_(resolver),
        clock_(clock),
        days_at_once_(days_at_once),
        maker_(store, settings) {}

  // The next of all (day, domain)s that are open now and that FILTER means, ordered by domain and
  // day, with action wait, look_up, note (too old) or set_aside (again): all of some thousand
  // domains, as a hundred thousand plans would fill the memory. Empty: there are no more. Errors
  // are the store's. Always to be called with the same FILTER.
  policy::Result<std::vector<Plan>> select(const DeliveryFilter& filter);

  // What select() had to leave out as its rows are damaged, since this was asked last.
  std::vector<std::string> take_damaged() { return std::exchange(damaged_, {}); }

  // Looks up the records of all of PLANS that want it, in parallel, each domain once. Returns how
  // many domains were asked for in DNS and got no answer, and how many were asked for. ON_ANSWER is
  // called for each domain as it is done.
  struct LookUps {
    std::size_t asked = 0;
    std::size_t unanswered = 0;
  };
  LookUps look_up(std::span<Plan> plans, const std::function<void()>& on_answer = {});

  // Turns look_up, after look_up(), into one of the other actions; makes the report. An error is
  // the store's (locked), everything else sets the plan aside.
  policy::Status decide(Plan& plan);

 private:
  policy::Result<std::vector<Plan>> select_days(const DeliveryFilter& filter);
  policy::Result<bool> has_something_new(const Plan& plan);
  void judge(Plan& plan, const std::vector<CollectorInfo>& collectors);
  // WHY can change as long as there are sessions that may still be proven.
  void without_report(Plan& plan, std::string why);
  policy::Status unanswered(Plan& plan);

  Store& store_;
  const Settings& settings_;
  const RecordMap& records_;
  policy::Resolver& resolver_;
  const FlushClock& clock_;
  unsigned days_at_once_;
  ReportMaker maker_;
  std::optional<std::vector<CollectorInfo>> collectors_;  // Read by the first select().
  std::int64_t after_ = 0;                                // The page of days that was read last.
  bool is_last_ = false;
  std::vector<std::string> damaged_;
};

}  // namespace tlsrpt::reporter
