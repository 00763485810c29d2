#include "reporter/command/reporter_command.h"

#include <algorithm>
#include <array>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "policy/text.h"
#include "reporter/bounce/bounce_command.h"
#include "reporter/check/check_command.h"
#include "reporter/command/check_domain_command.h"
#include "reporter/command/command.h"
#include "reporter/command/common_command.h"
#include "reporter/command/make_dkim_key_command.h"
#include "reporter/command/show_command.h"
#include "reporter/command/status_command.h"
#include "reporter/command/summary_command.h"
#include "reporter/command/suppress_command.h"
#include "reporter/flush/flush_command.h"
#include "reporter/options/command_line.h"
#include "reporter/options/config_file.h"
#include "reporter/options/option_table.h"
#include "reporter/run_as.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Result;

constexpr std::string_view prefix = "tlsrpt-reporter: ";

enum class NeedsConfig : std::uint8_t {
  yes,
  where_it_is,  // The defaults do where no file exists or it may not be read.
  no,
};

struct Action {
  std::string_view name;
  NeedsConfig needs_config = NeedsConfig::yes;
  // Whether root is given up first. Reading a file that was named on the command line is left to
  // the one who named it: it may well be readable to root only; --check gives it up by itself.
  bool gives_up_root = true;
  int (*run)(const CommandContext&) = nullptr;
  // What a fault of the configuration ends with. A mail system takes 78 for final (pipe(8)).
  ExitStatus if_misconfigured = exit_config;
};

constexpr auto actions = std::to_array<Action>({
    {"bounce", NeedsConfig::yes, true, run_bounce, exit_temporary},
    {"check", NeedsConfig::yes, false, run_check},
    {"check-domain", NeedsConfig::where_it_is, true, run_check_domain},
    {"flush", NeedsConfig::yes, true, run_flush},
    {"status", NeedsConfig::yes, true, run_status},
    {"summary", NeedsConfig::yes, true, run_summary},
    {"suppress", NeedsConfig::yes, true, run_suppress},
    {"show", NeedsConfig::no, false, run_show},
    // The key belongs to root, and the reporter can read it.
    {"make-dkim-key", NeedsConfig::where_it_is, false, run_make_dkim_key},
});

// The settings that ACTION works with.
Result<Settings> settings_for(const Action& action, const CommandLine& line, std::ostream& err) {
  if (action.needs_config == NeedsConfig::no) return default_settings();
  auto settings = load_settings(line.config_file);
  if (settings.ok() || line.config_given || action.needs_config == NeedsConfig::yes) {
    return settings;
  }
  if (settings.error().code() == Errc::not_found) return default_settings();
  if (settings.error().code() == Errc::io) {
    err << prefix << settings.error().message() << "; using the defaults\n";
    return default_settings();
  }
  return settings;
}

}  // namespace

int run_reporter(int argc, char* const* argv, std::ostream& out, std::ostream& err) {
  const auto line = parse_command_line(Program::reporter, argc, argv);
  if (!line.ok()) {
    err << prefix << line.error().message() << "; see tlsrpt-reporter --help\n";
    return exit_usage;
  }
  if (const auto done = run_common(Program::reporter, *line, out, err)) return *done;
  const auto action = std::find_if(actions.begin(), actions.end(),
                                   [&](const Action& each) { return each.name == line->action; });
  if (action == actions.end()) throw std::logic_error("no function for --" + line->action);
  const auto settings = settings_for(*action, *line, err);
  if (!settings.ok()) {
    err << settings.error().message() << '\n';
    return action->if_misconfigured;
  }
  std::string warning;
  const auto clock = make_clock(&warning);
  if (!warning.empty()) err << prefix << warning << '\n';
  if (!clock.ok()) {
    err << prefix << clock.error().message() << '\n';
    return action->if_misconfigured;
  }
  if (action->gives_up_root) {
    if (const auto dropped = give_up_root(*settings); !dropped.ok()) {
      err << prefix << dropped.error().message() << '\n';
      return action->if_misconfigured;
    }
  }
  return action->run({*line, *settings, **clock, out, err});
}

}  // namespace tlsrpt::reporter
