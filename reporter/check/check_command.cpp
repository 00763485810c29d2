#include "reporter/check/check_command.h"

#include <algorithm>
#include <ostream>
#include <string>

#include "policy/text.h"
#include "reporter/check/gather_facts.h"
#include "reporter/command/command_json.h"
#include "reporter/command/table.h"

namespace tlsrpt::reporter {
namespace {

constexpr std::size_t label_width = 9;
// Lines of one finding.
constexpr std::size_t lines_max = 20;

std::string_view to_text(CheckFinding::Level level) {
  return level == CheckFinding::Level::fault ? "fault" : "hint";
}

// Of a check: skipped, ok, or the worst of its findings.
std::string_view state_of(const Check& check, const CheckFacts& facts,
                          const CheckFindings& findings) {
  if (!check.applies(facts)) return "skipped";
  std::string_view state = "ok";
  for (const CheckFinding& finding : findings) {
    if (finding.check == check.name && state != "fault") state = to_text(finding.level);
  }
  return state;
}

std::string json_text(const CheckFacts& facts, const CheckFindings& findings) {
  JsonWriter writer;
  writer.begin_object();
  writer.key("checks");
  writer.begin_array();
  for (const Check& check : check_table()) {
    writer.begin_object();
    writer.text_field("check", check.name);
    writer.text_field("state", state_of(check, facts, findings));
    writer.text_field("title", check.title);
    writer.key("findings");
    writer.begin_array();
    for (const CheckFinding& finding : findings) {
      if (finding.check != check.name) continue;
      writer.begin_object();
      writer.text_field("level", to_text(finding.level));
      writer.text_field("text", finding.text);
      writer.key("commands");
      writer.begin_array();
      for (const std::string& command : finding.commands) writer.text(command);
      writer.end_array();
      writer.end_object();
    }
    writer.end_array();
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return writer.take() + "\n";
}

std::string labelled(std::string_view label, std::string_view text) {
  std::string first(label);
  first.resize(label_width, ' ');
  std::string out;
  for (const std::string& line :
       wrap_text(policy::escape_untrusted(text), table_width - label_width, lines_max)) {
    out += (out.empty() ? first : std::string(label_width, ' ')) + line + "\n";
  }
  return out;
}

}  // namespace

std::string check_text(const CheckFacts& facts, const CheckFindings& findings, Format format) {
  if (format == Format::json) return json_text(facts, findings);
  std::string out;
  for (const Check& check : check_table()) {
    const std::string_view state = state_of(check, facts, findings);
    if (state == "ok" || state == "skipped")
      out += labelled(state, std::string(check.name) + ": " + std::string(check.title));
    for (const CheckFinding& finding : findings) {
      if (finding.check != check.name) continue;
      out += labelled(to_text(finding.level), finding.check + ": " + finding.text);
      // Not wrapped: commands are copied.
      for (const std::string& command : finding.commands)
        out += std::string(label_width, ' ') + "# " + policy::escape_untrusted(command) + "\n";
    }
  }
  return out;
}

int run_check(const CommandContext& context) {
  const auto facts = gather_facts(context);
  if (!facts.ok()) {
    context.err << "tlsrpt-reporter: " << facts.error().message() << '\n';
    return exit_config;
  }
  const CheckFindings findings = run_checks(*facts);
  context.out << check_text(*facts, findings, context.line.format);
  const bool is_faulty = std::any_of(
      findings.begin(), findings.end(),
      [](const CheckFinding& finding) { return finding.level == CheckFinding::Level::fault; });
  return is_faulty ? exit_config : exit_ok;
}

}  // namespace tlsrpt::reporter
