#include "reporter/command/check_domain_command.h"

#include <algorithm>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/cares_resolver.h"
#include "policy/domain_name.h"
#include "policy/record_check.h"
#include "policy/text.h"
#include "reporter/command/command_error.h"
#include "reporter/command/command_json.h"
#include "reporter/command/table.h"

namespace tlsrpt::reporter {
namespace {

using policy::RecordCheck;
using policy::RecordState;

std::string to_json(const std::vector<RecordCheck>& checks) {
  JsonWriter writer;
  writer.begin_object();
  writer.key("domains");
  writer.begin_array();
  for (const RecordCheck& check : checks) {
    writer.begin_object();
    writer.text_field("domain", check.domain);
    writer.text_field("name", check.name);
    writer.text_field("state", policy::to_text(check.state));
    if (!check.record.empty()) writer.text_field("record", check.record);
    writer.key("rua");
    writer.begin_array();
    for (const std::string& uri : check.rua) writer.text(uri);
    writer.end_array();
    writer.key("findings");
    writer.begin_array();
    for (const policy::Finding& finding : check.findings) {
      writer.begin_object();
      writer.text_field("severity", policy::to_text(finding.severity));
      writer.text_field("code", finding.code);
      writer.text_field("text", finding.text);
      writer.end_object();
    }
    writer.end_array();
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return writer.take();
}

// What is told about one domain below its first line, wrapped.
void print_lines(std::ostream& out, const std::string& label, const std::string& text) {
  constexpr std::size_t longest = 100;  // Lines; a record has at most 64 KiB.
  const std::string indent(label.size(), ' ');
  bool first = true;
  for (const std::string& line :
       wrap_text(policy::escape_untrusted(text), table_width - label.size(), longest)) {
    out << (first ? label : indent) << line << '\n';
    first = false;
  }
}

void print(std::ostream& out, const RecordCheck& check) {
  out << policy::escape_untrusted(check.domain) << ": " << policy::to_text(check.state) << '\n';
  if (!check.record.empty()) print_lines(out, "  record   ", check.record);
  for (const std::string& uri : check.rua) print_lines(out, "  rua      ", uri);
  for (const policy::Finding& finding : check.findings) {
    std::string label = "  " + std::string(policy::to_text(finding.severity));
    label.resize(11, ' ');
    print_lines(out, label, finding.text);
  }
}

int exit_status(const std::vector<RecordCheck>& checks) {
  const auto any = [&checks](RecordState state) {
    return std::any_of(checks.begin(), checks.end(),
                       [state](const RecordCheck& each) { return each.state == state; });
  };
  // What is known to be wrong can be mended now; what DNS did not tell can only be asked again.
  if (any(RecordState::absent) || any(RecordState::faulty)) return exit_data;
  return any(RecordState::dns_failed) ? exit_temporary : exit_ok;
}

}  // namespace

int run_check_domain(const CommandContext& context, policy::Resolver& resolver) {
  std::vector<policy::DomainName> domains;
  for (const std::string& argument : context.line.arguments) {
    // Whoever has the name of the record at hand means its domain.
    constexpr std::string_view record_prefix = "_smtp._tls.";
    std::string_view domain = argument;
    if (policy::to_lower(domain).starts_with(record_prefix))
      domain.remove_prefix(record_prefix.size());
    auto name = policy::DomainName::parse(domain);
    if (!name.ok()) {
      context.err << "tlsrpt-reporter: " << policy::escape_untrusted(argument) << ": "
                  << policy::escape_untrusted(name.error().message()) << '\n';
      return exit_usage;
    }
    domains.push_back(*std::move(name));
  }
  const std::vector<RecordCheck> checks = policy::check_records(resolver, domains);
  if (context.line.format == Format::json) {
    context.out << to_json(checks) << '\n';
  } else {
    for (const RecordCheck& check : checks) print(context.out, check);
  }
  return exit_status(checks);
}

int run_check_domain(const CommandContext& context) {
  policy::CaresOptions options;
  options.servers = context.settings.dns_servers;
  options.timeout = context.settings.dns_timeout;
  const auto resolver = policy::make_cares_resolver(options);
  if (!resolver.ok()) return fail_command(context, resolver.error());
  return run_check_domain(context, **resolver);
}

}  // namespace tlsrpt::reporter
