#include "reporter/command/summary_command.h"

#include <algorithm>
#include <map>
#include <memory>
#include <ostream>
#include <tuple>
#include <utility>
#include <vector>

#include "policy/text.h"
#include "reporter/command/command_error.h"
#include "reporter/command/command_json.h"
#include "reporter/command/table.h"
#include "reporter/flush/flush_schedule.h"
#include "reporter/report/evaluation.h"
#include "reporter/report/report_json.h"
#include "reporter/report/report_text.h"
#include "reporter/report/told_policies.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {
namespace {

using policy::Fact;
using policy::Ignored;

struct DomainSummary {
  std::string domain;
  std::vector<Fact> facts;
  Evaluation evaluation;
};

struct DaySummary {
  policy::UtcDay day{};
  std::vector<DomainSummary> domains;  // Sorted.
  std::map<Ignored, std::uint64_t> ignored;
  std::vector<NotUnderstood> not_understood;  // With --all only.
};

policy::Result<DomainSummary> summarize_domain(Store& store, const Settings& settings,
                                               policy::UtcDay day, const std::string& domain) {
  auto facts = store.facts(day, domain, std::nullopt);
  if (!facts) return std::move(facts).error();
  EvaluationContext with;
  with.report_plaintext = settings.report_plaintext;
  with.max_failure_details = settings.max_failure_details;
  with.tls_logged = [&store](std::string_view relay, std::string_view service,
                             policy::UtcSeconds instant) {
    return store.tls_logged(relay, service, instant);
  };
  auto evaluation = evaluate(domain, *facts, with);
  if (!evaluation) return std::move(evaluation).error();
  return DomainSummary{domain, *std::move(facts), *std::move(evaluation)};
}

// Sessions that came too late for every report (report_max_age), as the flush has noted.
policy::Result<std::uint64_t> late_sessions(Store& store, const CommandContext& context,
                                            policy::UtcDay day, const DomainSummary& summary) {
  if (!is_late(day, context.clock.now(), context.settings)) return std::uint64_t{0};
  const auto note = store.lookup_note(day, summary.domain);
  if (!note) return note.error();
  if (!*note || !(*note)->text.starts_with(late_note)) return std::uint64_t{0};
  std::uint64_t sessions = 0;
  for (std::size_t i = 0; i < summary.facts.size(); ++i) {
    const bool would_be_reported = summary.evaluation.uses[i] == FactUse::reported;
    if (summary.facts[i].revision == 0 && would_be_reported) sessions += summary.facts[i].sessions;
  }
  return sessions;
}

// A domain without anything to report is left out, unless all is wanted.
bool is_shown(const DomainSummary& summary, bool all) {
  return !summary.evaluation.policies.empty() || (all && !summary.facts.empty());
}

policy::Result<DaySummary> summarize(const CommandContext& context, Store& store) {
  DaySummary summary;
  summary.day = context.line.day.value_or(policy::day_of(context.clock.now()));
  std::vector<std::string> domains;
  if (context.line.domain) {
    domains.push_back(*context.line.domain);
  } else {
    auto all = store.domains(summary.day);
    if (!all) return std::move(all).error();
    domains = *std::move(all);
    std::sort(domains.begin(), domains.end());
  }
  auto ignored = store.ignored(summary.day);
  if (!ignored) return std::move(ignored).error();
  summary.ignored = *std::move(ignored);
  for (const std::string& domain : domains) {
    auto one = summarize_domain(store, context.settings, summary.day, domain);
    if (!one) return std::move(one).error();
    // Stored are those that were unknown for good; these may still be proven.
    if (one->evaluation.tls_unknown > 0) {
      summary.ignored[Ignored::tls_unknown] += one->evaluation.tls_unknown;
    }
    const auto late = late_sessions(store, context, summary.day, *one);
    if (!late) return late.error();
    if (*late > 0) summary.ignored[Ignored::late] += *late;
    if (is_shown(*one, context.line.all)) summary.domains.push_back(*std::move(one));
  }
  if (!context.line.all) return summary;
  auto samples = store.not_understood(summary.day);
  if (!samples) return std::move(samples).error();
  summary.not_understood = *std::move(samples);
  return summary;
}

std::uint64_t ignored_count(const DaySummary& summary, Ignored kind) {
  const auto found = summary.ignored.find(kind);
  return found == summary.ignored.end() ? 0 : found->second;
}

// --- JSON ----------------------------------------------------------------------------------------

void write_unreported(JsonWriter& writer, const DomainSummary& summary) {
  writer.key("unreported");
  writer.begin_array();
  for (std::size_t i = 0; i < summary.facts.size(); ++i) {
    const Fact& fact = summary.facts[i];
    const FactUse use = summary.evaluation.uses[i];
    if (use == FactUse::reported) continue;
    writer.begin_object();
    writer.text_field("why", use == FactUse::plaintext ? "plaintext" : "tls-unknown");
    const auto known = [&writer](std::string_view key, const std::string& text) {
      if (!text.empty()) writer.text_field(key, text);
    };
    known("sending-mta-ip", clean_text(fact.sending_ip, max_host));
    known("receiving-mx-hostname", clean_host(fact.mx_host));
    known("receiving-ip", clean_text(fact.mx_ip, max_host));
    writer.number_field("sessions", fact.sessions);
    writer.number_field("messages", fact.messages);
    known("failure-reason-code", reason_of(fact));
    writer.end_object();
  }
  writer.end_array();
}

std::string to_json(const DaySummary& summary, bool all) {
  JsonWriter writer;
  writer.begin_object();
  writer.text_field("day", policy::to_text(summary.day));
  writer.key("domains");
  writer.begin_array();
  for (const DomainSummary& each : summary.domains) {
    writer.begin_object();
    writer.text_field("domain", each.domain);
    writer.number_field("messages", each.evaluation.messages);
    writer.key("policies");
    write_policies(writer, each.evaluation.policies);
    if (all) write_unreported(writer, each);
    writer.end_object();
  }
  writer.end_array();
  writer.key("ignored");
  writer.begin_object();
  for (const Ignored kind : policy::all_ignored()) {
    writer.number_field(policy::to_text(kind), ignored_count(summary, kind));
  }
  writer.end_object();
  if (all) {
    writer.key("not-understood");
    writer.begin_array();
    for (const NotUnderstood& sample : summary.not_understood) {
      writer.text(policy::escape_untrusted(sample.text));
    }
    writer.end_array();
  }
  writer.end_object();
  return writer.take();
}

// --- table ---------------------------------------------------------------------------------------

// What is one line of a table, and its counts.
using RowKey = std::tuple<std::string, std::string, std::string, std::string, std::string>;
struct RowCounts {
  std::uint64_t sessions = 0;
  std::uint64_t messages = 0;
};

RowKey row_key(const Fact& fact, FactUse use) {
  const std::string sending_ip = clean_text(fact.sending_ip, max_host);
  const std::string mx_host = clean_host(fact.mx_host);
  switch (use) {
    case FactUse::plaintext:
      return {sending_ip, mx_host, "no", "plaintext, not reported", reason_of(fact)};
    case FactUse::tls_unknown:
      return {sending_ip, mx_host, "unknown", "tls-unknown, not reported", ""};
    case FactUse::reported:
      break;
  }
  if (fact.outcome == policy::Outcome::success) return {sending_ip, mx_host, "ok", "", ""};
  return {sending_ip, mx_host, "failed", std::string(policy::to_text(result_type_of(fact))),
          reason_of(fact)};
}

Table make_table(const std::map<RowKey, RowCounts>& rows) {
  using Kind = Table::Kind;
  // The columns of the guide that agencies follow.
  constexpr auto always = Table::Presence::always;
  Table table({{"Sending IP", Kind::text, always},
               {"MX host", Kind::text, always},
               {"Sessions", Kind::number, always},
               {"Messages", Kind::number, always},
               {"TLS", Kind::text, always},
               {"Failure type", Kind::text, always},
               {"Reason", Kind::text, always}});
  std::vector<std::pair<RowKey, RowCounts>> sorted(rows.begin(), rows.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return a.second.sessions > b.second.sessions;
  });
  for (const auto& [key, counts] : sorted) {
    const auto& [sending_ip, mx_host, tls, failure, reason] = key;
    table.add_row({sending_ip, mx_host, std::to_string(counts.sessions),
                   std::to_string(counts.messages), tls, failure, reason});
  }
  return table;
}

// "1 session", "2 sessions".
std::string counted(std::uint64_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

void print_domain(std::ostream& out, const DomainSummary& summary, bool all) {
  // Rows under the policy that they are reported under; a table for those that are not.
  std::map<policy::AppliedPolicy, std::map<RowKey, RowCounts>> by_policy;
  std::map<RowKey, RowCounts> unreported;
  ToldPolicies told;
  for (const PolicyResult& each : summary.evaluation.policies) told.add(each.policy);
  for (std::size_t i = 0; i < summary.facts.size(); ++i) {
    const Fact& fact = summary.facts[i];
    const FactUse use = summary.evaluation.uses[i];
    auto& rows = use == FactUse::reported
                     ? by_policy[told.entry_of(reported_policy(fact, summary.domain), fact.outcome)]
                     : unreported;
    RowCounts& counts = rows[row_key(fact, use)];
    counts.sessions += fact.sessions;
    counts.messages += fact.messages;
  }
  const auto shown = [](std::string_view text) { return policy::escape_untrusted(text); };
  out << '\n'
      << shown(summary.domain) << ": " << counted(summary.evaluation.sessions, "session") << ", "
      << counted(summary.evaluation.messages, "message") << '\n';
  for (const PolicyResult& each : summary.evaluation.policies) {
    out << "  " << policy::to_text(each.policy.type) << ' ' << shown(each.policy.policy_domain)
        << ": " << each.successful_sessions << " successful, " << each.failed_sessions
        << " failed\n"
        << make_table(by_policy[each.policy]).text(4);
  }
  if (all && !unreported.empty()) out << "  not reported\n" << make_table(unreported).text(4);
}

void print_ignored(std::ostream& out, const DaySummary& summary, bool all) {
  using Kind = Table::Kind;
  Table table({{"Not counted"}, {"Sessions", Kind::number}});
  for (const Ignored kind : policy::all_ignored()) {
    const std::uint64_t count = ignored_count(summary, kind);
    if (count > 0 || all) {
      table.add_row({std::string(policy::to_text(kind)), std::to_string(count)});
    }
  }
  if (!table.empty()) out << '\n' << table.text();
  if (summary.not_understood.empty()) return;
  out << "\nNot understood (the first of the day):\n";
  for (const NotUnderstood& sample : summary.not_understood) {
    out << "  " << policy::escape_untrusted(sample.text) << '\n';
  }
}

void print_tables(std::ostream& out, const DaySummary& summary, bool all) {
  std::uint64_t sessions = 0;
  for (const DomainSummary& each : summary.domains) sessions += each.evaluation.sessions;
  out << policy::to_text(summary.day) << " (UTC): " << counted(sessions, "session") << ", "
      << counted(summary.domains.size(), "domain") << '\n';
  for (const DomainSummary& each : summary.domains) print_domain(out, each, all);
  print_ignored(out, summary, all);
}

}  // namespace

int run_summary(const CommandContext& context) {
  const StoreLimits limits{context.settings.max_facts, context.settings.max_domains};
  const auto store = open_store(context.settings.store, StoreAccess::read_only, limits);
  if (!store) return fail_command(context, store.error());
  const auto summary = summarize(context, **store);
  if (!summary) return fail_command(context, summary.error());
  if (context.line.format == Format::json) {
    context.out << to_json(*summary, context.line.all) << '\n';
  } else {
    print_tables(context.out, *summary, context.line.all);
  }
  return exit_ok;
}

}  // namespace tlsrpt::reporter
