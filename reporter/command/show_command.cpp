#include "reporter/command/show_command.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <string>

#include "policy/text.h"
#include "reporter/command/command_error.h"
#include "reporter/command/table.h"
#include "reporter/report/report_file.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;

// Policy lines that are shown of one entry; an honest MTA-STS policy has fewer.
constexpr std::size_t max_shown_lines = 50;

std::string shown(std::string_view text) { return policy::escape_untrusted(text); }

// The octets of the file at PATH, at most one more than max_report_file.
policy::Result<std::string> read_file(const std::string& path) {
  std::error_code problem;
  if (std::filesystem::is_directory(path, problem)) {
    return Error(Errc::io, path + ": is a folder");
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error(Errc::not_found, path + ": cannot be opened");
  std::string bytes;
  std::array<char, 65536> buffer{};
  while (bytes.size() <= max_report_file) {
    file.read(buffer.data(), buffer.size());
    if (file.gcount() <= 0) break;
    bytes.append(buffer.data(), static_cast<std::size_t>(file.gcount()));
  }
  if (file.bad()) return Error(Errc::io, path + ": cannot be read");
  return bytes;
}

std::string range_text(const ReadReport& read) {
  const auto text = [](const std::optional<policy::UtcSeconds>& instant) {
    return instant ? policy::to_text(*instant) : std::string("unknown");
  };
  return text(read.begin) + " to " + text(read.end);
}

// "NAME  VALUE" lines, long values wrapped.
void print_fields(std::ostream& out, const ReadReport& read) {
  constexpr std::size_t name_width = 14;
  constexpr std::size_t max_value_lines = 8;
  const auto field = [&out](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    std::string label(name);
    label.resize(name_width, ' ');
    for (const std::string& line :
         wrap_text(shown(value), table_width - name_width, max_value_lines)) {
      out << label << line << '\n';
      label.assign(name_width, ' ');
    }
  };
  const Report& report = read.report;
  field("Domain", report.domain);
  field("Period (UTC)", range_text(read));
  field("Organization", report.organization_name);
  field("Contact", report.contact_info);
  field("Report-ID", read.report_id);
}

void print_lines(std::ostream& out, std::string_view name, const std::vector<std::string>& lines) {
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i == max_shown_lines) {
      out << "    and " << lines.size() - i << " more\n";
      return;
    }
    constexpr std::size_t indent = 4;
    for (const std::string& line :
         wrap_text(std::string(name) + shown(lines[i]), table_width - indent, max_cell_lines)) {
      out << std::string(indent, ' ') << line << '\n';
    }
  }
}

// What the report says, also where RFC 8460 has no such type.
std::string type_of(const ReadReport& read, std::size_t policy, std::size_t detail) {
  const auto unknown = read.unknown_result_types.find({policy, detail});
  if (unknown != read.unknown_result_types.end()) return unknown->second;
  return std::string(
      policy::to_text(read.report.policies[policy].failure_details[detail].result_type));
}

void print_details(std::ostream& out, const ReadReport& read, std::size_t policy) {
  const std::vector<FailureDetail>& details = read.report.policies[policy].failure_details;
  if (details.empty()) return;
  using Kind = Table::Kind;
  Table table({{"Sending IP"},
               {"MX host"},
               {"MX address"},
               {"HELO"},
               {"Sessions", Kind::number},
               {"Failure type"},
               {"Reason"},
               {"More"}});
  for (std::size_t i = 0; i < details.size(); ++i) {
    const FailureDetail& each = details[i];
    table.add_row({each.sending_mta_ip, each.receiving_mx_hostname, each.receiving_ip,
                   each.receiving_mx_helo, std::to_string(each.failed_session_count),
                   type_of(read, policy, i), each.failure_reason_code,
                   each.additional_information});
  }
  out << table.text(4);
}

void print_policy(std::ostream& out, const ReadReport& read, std::size_t policy) {
  const PolicyResult& result = read.report.policies[policy];
  const auto unknown = read.unknown_policy_types.find(policy);
  const std::string type = unknown == read.unknown_policy_types.end()
                               ? std::string(policy::to_text(result.policy.type))
                           : unknown->second.empty() ? "(no policy-type)"
                                                     : shown(unknown->second);
  const std::string head = type + " " + shown(result.policy.policy_domain) + ": " +
                           std::to_string(result.successful_sessions) + " successful, " +
                           std::to_string(result.failed_sessions) + " failed";
  out << '\n';
  constexpr std::size_t max_head_lines = 20;
  for (const std::string& line : wrap_text(head, table_width, max_head_lines)) out << line << '\n';
  print_lines(out, "", result.policy.policy_string);
  print_lines(out, "MX pattern: ", result.policy.mx_host);
  print_details(out, read, policy);
}

}  // namespace

int run_show(const CommandContext& context) {
  if (context.line.arguments.size() != 1) {
    context.err << "tlsrpt-reporter: --show takes one file\n";
    return exit_usage;
  }
  const std::string& path = context.line.arguments.front();
  const auto bytes = read_file(path);
  if (!bytes) return fail_command(context, bytes.error());
  auto read = read_report_file(*bytes, std::filesystem::path(path).filename().string());
  if (!read) return fail_command(context, std::move(read).error().context(path));
  print_fields(context.out, *read);
  for (std::size_t i = 0; i < read->report.policies.size(); ++i)
    print_policy(context.out, *read, i);
  const auto complaints = read->complaints.list();
  if (complaints.empty()) return exit_ok;
  context.out << "\nNot as RFC 8460 wants it:\n";
  constexpr std::size_t indent = 2;
  for (const std::string& complaint : complaints) {
    for (const std::string& line :
         wrap_text(shown(complaint), table_width - indent, max_cell_lines))
      context.out << std::string(indent, ' ') << line << '\n';
  }
  return exit_ok;
}

}  // namespace tlsrpt::reporter
