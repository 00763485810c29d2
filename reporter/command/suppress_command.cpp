#include "reporter/command/suppress_command.h"

#include <ostream>
#include <string>

#include "policy/rua_uri.h"
#include "policy/text.h"
#include "reporter/command/command_error.h"

namespace tlsrpt::reporter {
namespace {

// The address of a destination, or the destination itself where it is none of ours.
std::string address_of(const std::string& destination) {
  const auto uri = policy::parse_destination(destination);
  return uri.ok() ? uri->target : destination;
}

int lift(const CommandContext& context, Store& store, const std::string& address) {
  const auto suppressions = store.suppressions(context.clock.now());
  if (!suppressions.ok()) return fail_command(context, suppressions.error());
  const std::string wanted = policy::to_lower(address);
  bool is_lifted = false;
  for (const Suppression& each : *suppressions) {
    if (policy::to_lower(address_of(each.destination)) != wanted) continue;
    const auto done = store.lift_suppression(each.destination);
    if (!done.ok()) return fail_command(context, done.error());
    is_lifted = is_lifted || *done;
  }
  if (is_lifted) return exit_ok;
  context.err << "tlsrpt-reporter: " << policy::escape_untrusted(address)
              << " is not suppressed; see --suppress\n";
  return exit_data;
}

}  // namespace

void write_suppressions(JsonWriter& writer, const std::vector<Suppression>& suppressions) {
  writer.key("suppressed");
  writer.begin_array();
  for (const Suppression& each : suppressions) {
    writer.begin_object();
    writer.text_field("address", address_of(each.destination));
    writer.text_field("since", policy::to_text(each.since));
    writer.text_field("until", policy::to_text(each.until));
    writer.text_field("reason", each.reason);
    writer.end_object();
  }
  writer.end_array();
}

Table suppression_table(const std::vector<Suppression>& suppressions) {
  Table table({{"Suppressed address"}, {"Since"}, {"Until"}, {"Reason"}});
  for (const Suppression& each : suppressions) {
    table.add_row({address_of(each.destination), policy::to_text(each.since),
                   policy::to_text(each.until), each.reason});
  }
  return table;
}

int run_suppress(const CommandContext& context) {
  const auto store = open_store(context.settings.store,
                                context.line.lift ? StoreAccess::reporter : StoreAccess::read_only,
                                {context.settings.max_facts, context.settings.max_domains});
  if (!store.ok()) return fail_command(context, store.error());
  if (context.line.lift) return lift(context, **store, *context.line.lift);
  const auto suppressions = (*store)->suppressions(context.clock.now());
  if (!suppressions.ok()) return fail_command(context, suppressions.error());
  if (context.line.format == Format::json) {
    JsonWriter writer;
    writer.begin_object();
    write_suppressions(writer, *suppressions);
    writer.end_object();
    context.out << writer.take() << '\n';
  } else if (suppressions->empty()) {
    context.out << "No address is suppressed.\n";
  } else {
    context.out << suppression_table(*suppressions).text();
  }
  return exit_ok;
}

}  // namespace tlsrpt::reporter
