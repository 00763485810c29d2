#include "reporter/command/status_command.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/text.h"
#include "reporter/command/command_error.h"
#include "reporter/command/command_json.h"
#include "reporter/command/suppress_command.h"
#include "reporter/command/table.h"
#include "reporter/datagram_queue.h"
#include "reporter/flush/flush_schedule.h"
#include "reporter/flush/mail_trouble.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {
namespace {

using policy::Result;
using policy::Status;
using policy::Unit;

// Rows of a table. Enough to see what is wrong; whoever has more troubles than that has one.
constexpr std::size_t max_rows = 50;
// A collector's trouble that is over is of interest for so long.
constexpr std::chrono::days past_trouble{7};

// The states of deliveries as they are told: pending ones that this version cannot handle apart.
constexpr std::string_view set_aside_state = "set-aside";
constexpr std::array<std::string_view, 5> states{"pending", set_aside_state, "sent", "failed",
                                                 "expired"};

struct DayStatus {
  ReportCount reports;
  std::map<std::string_view, std::uint64_t> deliveries;
  std::uint64_t open_domains = 0;    // Not closed yet, or again not.
  std::uint64_t set_aside = 0;       // Of these, those that this version cannot handle.
  std::string why_open;              // Why they cannot be closed; empty: the next flush does it.
  std::vector<std::string> missing;  // The collectors that it waits for.
  std::map<policy::Ignored, std::uint64_t> ignored;
  std::vector<NotUnderstood> not_understood;
  std::map<policy::DatagramLoss, LostDatagrams> lost_datagrams;
  ForgottenQueueIds forgotten_queue_ids;
};

struct StatusReport {
  std::map<policy::UtcDay, DayStatus> days;
  std::optional<policy::UtcSeconds> oldest_waiting;
  std::optional<policy::UtcSeconds> next_due;
  std::string mail_trouble;  // The latest error, where no mail leaves at all.
  std::vector<DestinationTrouble> destinations;
  std::vector<Suppression> suppressed;
  std::vector<LookupNoteInfo> notes;
  std::vector<UnreportedCount> unreported;
  std::vector<CollectorInfo> collectors;
  LostDatagrams overruns;
  std::vector<std::string> damaged;        // Rows of the store, of which each hides what it holds.
  std::vector<CollectorTrouble> troubles;  // Of the collectors.
};

bool is_set_aside(const LookupNote& note) { return note.text.starts_with(set_aside_prefix()); }

// Puts what was READ into PLACE. Damage is a matter of what is damaged, and told with the rest.
template <class T>
Status take(Result<T> read, T& place, StatusReport& status) {
  if (read.ok()) {
    place = *std::move(read);
  } else if (read.error().code() == policy::Errc::syntax) {
    status.damaged.push_back(read.error().message());
  } else {
    return std::move(read).error();
  }
  return Unit{};
}

Status read_open_days(Store& store, const CommandContext& context, StatusReport& status) {
  const policy::UtcSeconds now = context.clock.now();
  const auto open = all_open_days(store, policy::day_of(now) + std::chrono::days(1));
  if (!open.ok()) return open.error();
  for (const DamagedDay& each : open->damaged) {
    status.damaged.push_back(each.what);
    if (!each.day) continue;
    // It waits for somebody who mends the row.
    ++status.days[*each.day].open_domains;
    ++status.days[*each.day].set_aside;
  }
  for (const OpenDay& each : open->days) {
    DayStatus& place = status.days[each.day];
    if (each.note && is_set_aside(*each.note)) ++place.set_aside;
    if (place.open_domains++ > 0) continue;
    place.why_open = why_open(each.day, now, context.settings, status.collectors);
    if (place.why_open.starts_with("waits for ")) {
      place.missing = missing_collectors(each.day, now, context.settings, status.collectors);
    }
  }
  return Unit{};
}

Status read_days(Store& store, const CommandContext& context, StatusReport& status) {
  std::vector<policy::UtcDay> days;
  Status read = take(store.days(), days, status);
  for (const policy::UtcDay day : days) {
    if (!read.ok()) return read;
    DayStatus& place = status.days[day];
    read = take(store.ignored(day), place.ignored, status);
    if (read.ok()) read = take(store.not_understood(day), place.not_understood, status);
    if (read.ok()) read = take(store.lost_datagrams(day), place.lost_datagrams, status);
    if (read.ok()) read = take(store.forgotten_queue_ids(day), place.forgotten_queue_ids, status);
  }
  if (read.ok()) read = read_open_days(store, context, status);
  if (read.ok()) read = take(store.unreported(), status.unreported, status);
  if (!read.ok()) return read;
  for (const UnreportedCount& each : status.unreported) {
    if (!each.reason.starts_with(late_note)) continue;
    status.days[each.day].ignored[policy::Ignored::late] += each.sessions;
  }
  return Unit{};
}

Status read_deliveries(Store& store, policy::UtcSeconds now, StatusReport& status) {
  std::map<policy::UtcDay, ReportCount> reports;
  std::vector<DeliveryCount> counts;
  Status read = take(store.report_counts(), reports, status);
  if (read.ok()) read = take(store.delivery_counts(), counts, status);
  if (!read.ok()) return read;
  for (const auto& [day, count] : reports) status.days[day].reports = count;
  for (const DeliveryCount& each : counts) {
    const std::string_view state = each.set_aside ? set_aside_state : to_text(each.state);
    status.days[each.day].deliveries[state] = each.deliveries;
    if (state != to_text(DeliveryState::pending)) continue;
    status.oldest_waiting = std::min(status.oldest_waiting.value_or(each.oldest), each.oldest);
  }
  read = take(store.next_due({}), status.next_due, status);
  if (read.ok()) read = take(mail_trouble(store, now), status.mail_trouble, status);
  if (read.ok()) {
    read = take(store.troubled_destinations(), status.destinations, status);
  }
  if (read.ok()) read = take(store.suppressions(now), status.suppressed, status);
  if (read.ok()) read = take(store.lookup_notes(), status.notes, status);
  // What waits for somebody to look stands before what goes on by itself.
  std::stable_partition(status.notes.begin(), status.notes.end(),
                        [](const LookupNoteInfo& each) { return is_set_aside(each.note); });
  const auto rank = [](const DestinationTrouble& each) {
    return each.set_aside > 0 ? 0 : each.given_up > 0 ? 1 : 2;
  };
  std::stable_sort(status.destinations.begin(), status.destinations.end(),
                   [rank](const DestinationTrouble& a, const DestinationTrouble& b) {
                     return rank(a) < rank(b);
                   });
  return read;
}

Result<StatusReport> read_status(Store& store, const CommandContext& context) {
  StatusReport status;
  Status read = take(store.collectors(), status.collectors, status);
  if (read.ok()) read = take(datagram_overruns(store), status.overruns, status);
  for (const CollectorInfo& each : status.collectors) {
    if (!each.damage.empty()) status.damaged.push_back(each.damage);
  }
  if (read.ok()) read = take(store.collector_troubles(), status.troubles, status);
  std::erase_if(status.troubles, [&context](const CollectorTrouble& trouble) {
    return trouble.until && *trouble.until + past_trouble < context.clock.now();
  });
  if (read.ok()) read = read_days(store, context, status);
  if (read.ok()) read = read_deliveries(store, context.clock.now(), status);
  if (!read.ok()) return std::move(read).error();
  return status;
}

std::uint64_t count_of(const DayStatus& day, std::string_view state) {
  const auto found = day.deliveries.find(state);
  return found == day.deliveries.end() ? 0 : found->second;
}

// --- JSON ----------------------------------------------------------------------------------------

void write_instant(JsonWriter& writer, std::string_view key,
                   const std::optional<policy::UtcSeconds>& instant) {
  if (instant) writer.text_field(key, policy::to_text(*instant));
}

void write_day(JsonWriter& writer, policy::UtcDay day, const DayStatus& status) {
  writer.begin_object();
  writer.text_field("day", policy::to_text(day));
  writer.number_field("reports", status.reports.reports);
  writer.key("deliveries");
  writer.begin_object();
  for (const std::string_view state : states) writer.number_field(state, count_of(status, state));
  writer.end_object();
  writer.number_field("open-domains", status.open_domains);
  writer.number_field("set-aside-domains", status.set_aside);
  if (!status.why_open.empty()) writer.text_field("why-open", status.why_open);
  if (!status.missing.empty()) {
    writer.key("waits-for");
    writer.begin_array();
    for (const std::string& each : status.missing) writer.text(each);
    writer.end_array();
  }
  writer.key("ignored");
  writer.begin_object();
  for (const auto& [kind, count] : status.ignored) {
    writer.number_field(policy::to_text(kind), count);
  }
  writer.end_object();
  writer.number_field("reports-by-seen-record", status.reports.by_seen_record);
  writer.key("lost-datagrams");
  writer.begin_object();
  for (const auto& [why, lost] : status.lost_datagrams) {
    writer.number_field(policy::to_text(why), lost.count);
  }
  writer.end_object();
  if (status.forgotten_queue_ids.last) {
    writer.key("forgotten-queue-ids");
    writer.begin_object();
    writer.number_field("of-reports", status.forgotten_queue_ids.ours);
    writer.number_field("of-lookalikes", status.forgotten_queue_ids.doubtful);
    writer.text_field("last", policy::to_text(*status.forgotten_queue_ids.last));
    writer.end_object();
  }
  writer.key("not-understood");
  writer.begin_array();
  for (const NotUnderstood& each : status.not_understood) {
    writer.text(policy::escape_untrusted(each.text));
  }
  writer.end_array();
  writer.end_object();
}

void write_troubles(JsonWriter& writer, const StatusReport& status) {
  writer.key("destinations");
  writer.begin_array();
  for (const DestinationTrouble& each : status.destinations) {
    writer.begin_object();
    writer.text_field("destination", each.destination);
    writer.text_field("last-error", each.last_error);
    write_instant(writer, "last-attempt", each.last_attempt);
    writer.number_field("pending", each.pending);
    writer.number_field(set_aside_state, each.set_aside);
    writer.number_field("given-up", each.given_up);
    writer.end_object();
  }
  writer.end_array();
  write_suppressions(writer, status.suppressed);
  writer.key("look-ups");
  writer.begin_array();
  for (const LookupNoteInfo& each : status.notes) {
    writer.begin_object();
    writer.text_field("day", policy::to_text(each.day));
    writer.text_field("domain", each.domain);
    writer.text_field("note", each.note.text);
    write_instant(writer, "since", each.note.first_failure);
    writer.end_object();
  }
  writer.end_array();
}

void write_unreported(JsonWriter& writer, const StatusReport& status) {
  writer.key("unreported");
  writer.begin_array();
  for (const UnreportedCount& each : status.unreported) {
    writer.begin_object();
    writer.text_field("day", policy::to_text(each.day));
    writer.text_field("reason", each.reason);
    writer.number_field("domains", each.domains);
    writer.number_field("sessions", each.sessions);
    writer.end_object();
  }
  writer.end_array();
  writer.key("damaged");
  writer.begin_array();
  for (const std::string& each : status.damaged) writer.text(policy::escape_untrusted(each));
  writer.end_array();
}

std::string to_json(const StatusReport& status) {
  JsonWriter writer;
  writer.begin_object();
  writer.key("days");
  writer.begin_array();
  for (const auto& [day, each] : status.days) write_day(writer, day, each);
  writer.end_array();
  write_instant(writer, "oldest-waiting", status.oldest_waiting);
  write_instant(writer, "next-due", status.next_due);
  if (!status.mail_trouble.empty()) writer.text_field("mail-trouble", status.mail_trouble);
  write_troubles(writer, status);
  write_unreported(writer, status);
  if (status.overruns.count > 0) {
    writer.key("datagram-queue-full");
    writer.begin_object();
    writer.number_field("times", status.overruns.count);
    writer.text_field("last", policy::to_text(status.overruns.last));
    writer.end_object();
  }
  writer.key("collectors");
  writer.begin_array();
  for (const CollectorInfo& each : status.collectors) {
    writer.begin_object();
    writer.text_field("relay", each.relay);
    writer.text_field("source", each.source);
    write_instant(writer, "read-until", each.read_until);
    if (each.damage.empty()) writer.text_field("committed-at", policy::to_text(each.committed_at));
    writer.end_object();
  }
  writer.end_array();
  writer.key("collector-troubles");
  writer.begin_array();
  for (const CollectorTrouble& each : status.troubles) {
    writer.begin_object();
    writer.text_field("relay", each.relay);
    writer.text_field("name", each.name);
    writer.text_field("trouble", each.text);
    writer.text_field("since", policy::to_text(each.since));
    write_instant(writer, "until", each.until);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return writer.take();
}

// --- table ---------------------------------------------------------------------------------------

std::string instant_text(const std::optional<policy::UtcSeconds>& instant) {
  return instant ? policy::to_text(*instant) : std::string();
}

// A count in a column of its own only where there is one.
std::string rare(std::uint64_t count) { return count == 0 ? "" : std::to_string(count); }

std::string why_open_text(const DayStatus& day) {
  if (day.set_aside == 0) return day.why_open;
  const std::string aside = std::to_string(day.set_aside) + " set aside, see below";
  return day.why_open.empty() ? aside : day.why_open + "; " + aside;
}

void print_days(std::ostream& out, const StatusReport& status) {
  using Kind = Table::Kind;
  Table table({{"Day"},
               {"Open domains", Kind::number},
               {"Reports", Kind::number},
               {"Pending", Kind::number},
               {"Set aside", Kind::number},
               {"Sent", Kind::number},
               {"Failed", Kind::number},
               {"Expired", Kind::number},
               {"Open because"}});
  for (const auto& [day, each] : status.days) {
    std::vector<std::string> cells{policy::to_text(day), std::to_string(each.open_domains),
                                   std::to_string(each.reports.reports)};
    for (const std::string_view state : states) {
      const std::uint64_t count = count_of(each, state);
      cells.push_back(state == set_aside_state ? rare(count) : std::to_string(count));
    }
    cells.push_back(why_open_text(each));
    table.add_row(cells);
  }
  if (table.empty()) {
    out << "Nothing was counted yet.\n";
    return;
  }
  out << table.text();
  if (status.oldest_waiting) {
    out << "Oldest report that waits: " << policy::to_text(*status.oldest_waiting) << '\n';
  }
  for (const auto& [day, each] : status.days) {
    if (each.reports.by_seen_record == 0) continue;
    out << "By the record that Postfix saw, as DNS failed for 24 h: " << each.reports.by_seen_record
        << " of the reports of " << policy::to_text(day) << '\n';
  }
  if (status.next_due) out << "Next delivery due: " << policy::to_text(*status.next_due) << '\n';
  if (status.mail_trouble.empty()) return;
  const std::string trouble = "No report by mail was accepted in the last day: " +
                              policy::escape_untrusted(status.mail_trouble);
  for (const std::string& line : wrap_text(trouble, table_width, max_cell_lines)) {
    out << line << '\n';
  }
}

// At most max_rows of ROWS as a table of COLUMNS, and how many more there are. CELLS makes those of
// a row.
template <class Row, class Cells>
void print_rows(std::ostream& out, std::vector<Table::Column> columns, const std::vector<Row>& rows,
                Cells cells) {
  Table table(std::move(columns));
  for (std::size_t i = 0; i < std::min(rows.size(), max_rows); ++i) table.add_row(cells(rows[i]));
  if (table.empty()) return;
  out << '\n' << table.text();
  if (rows.size() > max_rows) {
    out << "... and " << rows.size() - max_rows << " more; --format json has all of them\n";
  }
}

void print_troubles(std::ostream& out, const StatusReport& status) {
  using Kind = Table::Kind;
  print_rows(out,
             {{"Destination"},
              {"Pending", Kind::number},
              {"Set aside", Kind::number},
              {"Given up", Kind::number},
              {"Last attempt"},
              {"Last error"}},
             status.destinations, [](const DestinationTrouble& each) {
               return std::vector<std::string>{each.destination,
                                               std::to_string(each.pending),
                                               rare(each.set_aside),
                                               std::to_string(each.given_up),
                                               instant_text(each.last_attempt),
                                               each.last_error};
             });
  const Table suppressed = suppression_table(status.suppressed);
  if (!suppressed.empty()) out << '\n' << suppressed.text();
  print_rows(out, {{"Day"}, {"Domain without report yet"}, {"Why"}, {"Since"}}, status.notes,
             [](const LookupNoteInfo& each) {
               return std::vector<std::string>{policy::to_text(each.day), each.domain,
                                               each.note.text,
                                               instant_text(each.note.first_failure)};
             });
}

void print_collectors(std::ostream& out, const StatusReport& status) {
  Table collectors({{"Relay"}, {"Source"}, {"Read until"}, {"Written at"}});
  for (const CollectorInfo& each : status.collectors) {
    collectors.add_row({each.relay, each.source, instant_text(each.read_until),
                        each.damage.empty() ? policy::to_text(each.committed_at) : each.damage});
  }
  if (!collectors.empty()) out << '\n' << collectors.text();
  Table troubles({{"Relay"}, {"Collector trouble"}, {"Since"}, {"Until"}});
  for (const CollectorTrouble& each : status.troubles) {
    troubles.add_row({each.relay, each.text, policy::to_text(each.since),
                      each.until ? policy::to_text(*each.until) : "it lasts"});
  }
  if (!troubles.empty()) out << '\n' << troubles.text();
}

void print_forgotten(std::ostream& out, const StatusReport& status) {
  Table table({{"Day"}, {"Queue ids forgotten"}, {"Count", Table::Kind::number}, {"Last"}});
  for (const auto& [day, each] : status.days) {
    const ForgottenQueueIds& forgotten = each.forgotten_queue_ids;
    const auto add = [&](std::uint64_t count, const char* what) {
      if (count == 0) return;
      table.add_row(
          {policy::to_text(day), what, std::to_string(count), policy::to_text(*forgotten.last)});
    };
    add(forgotten.ours, "of our reports, whose later sessions count like any");
    add(forgotten.doubtful, "of mail that imitates our reports");
  }
  if (table.empty()) return;
  out << '\n'
      << table.text() << "There was no room for them; see report-mail in tlsrpt-milter(8).\n";
}

void print_dropped(std::ostream& out, const StatusReport& status) {
  Table ignored({{"Day"}, {"Not counted"}, {"Sessions", Table::Kind::number}});
  for (const auto& [day, each] : status.days) {
    for (const auto& [kind, count] : each.ignored) {
      ignored.add_row(
          {policy::to_text(day), std::string(policy::to_text(kind)), std::to_string(count)});
    }
  }
  if (!ignored.empty()) out << '\n' << ignored.text();
  Table lost({{"Day"}, {"TLSRPT datagrams lost"}, {"Count", Table::Kind::number}, {"Last"}});
  for (const auto& [day, each] : status.days) {
    for (const auto& [why, how] : each.lost_datagrams) {
      lost.add_row({policy::to_text(day), std::string(policy::to_text(why)),
                    std::to_string(how.count), policy::to_text(how.last)});
    }
  }
  if (!lost.empty()) out << '\n' << lost.text();
  if (status.overruns.count > 0)
    out << "\nThe kernel's queue of TLSRPT datagrams was " << found_full(status.overruns.count)
        << ", last at " << policy::to_text(status.overruns.last)
        << ".\nWhat came then is lost; see net.unix.max_dgram_qlen in tlsrpt-milter(8).\n";
  print_forgotten(out, status);
  print_rows(out,
             {{"Day"},
              {"Not reported"},
              {"Domains", Table::Kind::number},
              {"Sessions", Table::Kind::number}},
             status.unreported, [](const UnreportedCount& each) {
               return std::vector<std::string>{policy::to_text(each.day), each.reason,
                                               std::to_string(each.domains),
                                               std::to_string(each.sessions)};
             });
  for (const auto& [day, each] : status.days) {
    if (each.not_understood.empty()) continue;
    out << "\nNot understood on " << policy::to_text(day) << " (the first of the day):\n";
    for (const NotUnderstood& sample : each.not_understood) {
      out << "  " << policy::escape_untrusted(sample.text) << '\n';
    }
  }
}

}  // namespace

int run_status(const CommandContext& context) {
  const StoreLimits limits{context.settings.max_facts, context.settings.max_domains};
  const auto store = open_store(context.settings.store, StoreAccess::read_only, limits);
  if (!store.ok()) return fail_command(context, store.error());
  const auto status = read_status(**store, context);
  if (!status.ok()) return fail_command(context, status.error());
  if (context.line.format == Format::json) {
    context.out << to_json(*status) << '\n';
    return exit_ok;
  }
  print_days(context.out, *status);
  print_troubles(context.out, *status);
  print_collectors(context.out, *status);
  print_dropped(context.out, *status);
  if (!status->damaged.empty()) context.out << "\nDamaged in the store, and left out:\n";
  for (const std::string& each : status->damaged) {
    context.out << "  " << policy::escape_untrusted(each) << '\n';
  }
  return exit_ok;
}

}  // namespace tlsrpt::reporter
