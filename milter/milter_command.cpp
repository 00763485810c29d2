#include "milter/milter_command.h"

#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>

#include "milter/catch_up.h"
#include "milter/collector_setup.h"
#include "milter/datagram/tlsrpt_input.h"
#include "milter/explain.h"
#include "milter/mail/milter_input.h"
#include "milter/run_daemon.h"
#include "reporter/command/command.h"
#include "reporter/command/common_command.h"
#include "reporter/options/command_line.h"
#include "reporter/options/config_file.h"
#include "reporter/options/option_table.h"
#include "reporter/run_as.h"

namespace tlsrpt::milter {
namespace {

using policy::Errc;
using reporter::CommandContext;
using reporter::CommandLine;
using reporter::Settings;

constexpr std::string_view prefix = "tlsrpt-milter: ";

// --explain helps before anything is configured: the defaults do where no file exists.
policy::Result<Settings> settings_for(const CommandLine& line) {
  auto settings = reporter::load_settings(line.config_file);
  if (!settings && line.action == "explain" && !line.config_given &&
      (settings.error().code() == Errc::not_found || settings.error().code() == Errc::io))
    return reporter::default_settings();
  return settings;
}

int explain(const CommandContext& context) {
  const auto stamps = StampParser::make(context.settings.log_timezone);
  if (!stamps) {
    context.err << prefix
                << reporter::fault_text(context.settings, "log_timezone", stamps.error().message())
                << '\n';
    return reporter::exit_config;
  }
  const ExplainOptions options{correlator_options(context.settings, {}),
                               context.settings.syslog_name};
  if (context.line.arguments.empty() || context.line.arguments.front() == "-") {
    explain_log(std::cin, context.out, *stamps, context.clock.now(), options);
    return reporter::exit_ok;
  }
  const std::string& path = context.line.arguments.front();
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    context.err << prefix << path << ": cannot be read\n";
    return reporter::exit_no_input;
  }
  explain_log(file, context.out, *stamps, context.clock.now(), options);
  return reporter::exit_ok;
}

int run_action(const CommandContext& context) {
  if (context.line.action == "explain") return explain(context);
  if (context.line.action.empty()) {
    if (const auto made = prepare_milter_folder(context.settings); !made)
      context.err << prefix << "warning: milter_socket: " << made.error().message() << '\n';
    if (const auto made = prepare_tlsrpt_folder(context.settings); !made)
      context.err << prefix << "warning: tlsrpt_socket: " << made.error().message() << '\n';
  }
  if (const auto dropped = reporter::give_up_root(context.settings); !dropped) {
    context.err << prefix << dropped.error().message() << '\n';
    return reporter::exit_config;
  }
  return context.line.action == "catch-up" ? catch_up(context) : run_daemon(context);
}

}  // namespace

int run_milter(int argc, char* const* argv, std::ostream& out, std::ostream& err) {
  using reporter::Program;
  const auto line = reporter::parse_command_line(Program::milter, argc, argv);
  if (!line) {
    err << prefix << line.error().message() << "; see tlsrpt-milter --help\n";
    return reporter::exit_usage;
  }
  if (const auto done = reporter::run_common(Program::milter, *line, out, err)) return *done;
  const auto settings = settings_for(*line);
  if (!settings) {
    err << settings.error().message() << '\n';
    return reporter::exit_config;
  }
  std::string warning;
  const auto clock = reporter::make_clock(&warning);
  if (!warning.empty()) err << prefix << warning << '\n';
  if (!clock) {
    err << prefix << clock.error().message() << '\n';
    return reporter::exit_config;
  }
  return run_action({*line, *settings, **clock, out, err});
}

}  // namespace tlsrpt::milter
