// What a command line asked for, and what every command is given to do it.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "policy/utc_day.h"
#include "reporter/clock.h"
#include "reporter/options/settings.h"

namespace tlsrpt::reporter {

// Exit statuses (sysexits.h; design: 0, 64, 65, 66, 70, 75, 78).
enum ExitStatus : int {
  exit_ok = 0,
  exit_usage = 64,
  exit_data = 65,
  exit_no_input = 66,
  exit_software = 70,
  exit_temporary = 75,
  exit_config = 78,
};

enum class Format : std::uint8_t { table, json };

// Both programs' switches, parsed. Which of them a program knows is declared in command_line.h.
struct CommandLine {
  std::string action;  // Without dashes: "flush", "summary", "catch-up"; empty: the daemon.
  std::string config_file = "/etc/tlsrpt/tlsrpt.conf";
  bool config_given = false;  // Whether -c named it.
  bool verbose = false;
  bool foreground = false;  // tlsrpt-milter -f
  bool now = false;
  bool dry_run = false;
  bool wait = false;
  bool all = false;
  Format format = Format::table;
  std::optional<policy::UtcDay> day;
  std::optional<std::string> domain;  // Lower-case A-labels.
  std::optional<std::string> output_dir;
  std::optional<std::string> lift;  // Address of --suppress.
  // --make-dkim-key
  std::optional<std::string> selector;  // A domain name of one label or more.
  std::optional<std::string> key_type;  // "rsa", "ed25519"
  std::optional<unsigned> key_bits;
  std::vector<std::string> arguments;  // Domains of --check-domain, file of --show, --explain,
                                       // --make-dkim-key.
};

struct CommandContext {
  const CommandLine& line;
  const Settings& settings;
  const Clock& clock;
  std::ostream& out;
  std::ostream& err;
};

}  // namespace tlsrpt::reporter
