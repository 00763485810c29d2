// Command lines of both programs: one table of switches, from which they are parsed and --help is
// written.
//
// Not thread-safe (getopt_long(3)): call from main() before any thread exists.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "policy/result.h"
#include "reporter/command/command.h"

namespace tlsrpt::reporter {

enum class Program : std::uint8_t { milter = 1, reporter = 2 };

std::string_view program_name(Program program);  // "tlsrpt-reporter"

enum class SwitchKind : std::uint8_t {
  action,    // At most one is given.
  modifier,  // Changes what an action does.
};

// What a switch changes in the command line. The argument is empty where it takes none.
using ApplySwitch = policy::Status (*)(CommandLine& line, std::string_view argument);

struct Switch {
  std::string_view name;      // Without dashes; empty: letter only.
  char letter = '\0';         // '\0': name only.
  std::string_view argument;  // "DAY", "[FILE]", "DOMAIN..."; empty: none.
  SwitchKind kind = SwitchKind::modifier;
  unsigned programs = 0;     // Program values, or-ed.
  std::string_view actions;  // Modifiers: actions that it belongs to, by blanks; empty: all.
  std::string_view summary;  // One line without final stop.
  ApplySwitch apply = nullptr;
};

// All switches of both programs, in the order of --help.
std::span<const Switch> switch_table();

// The command line of PROGRAM. Errc::syntax: a usage error (exit_usage); the message is a sentence
// without the program's name, escaped for terminals. The domain of --domain is checked and becomes
// A-labels; everything else stays as typed.
policy::Result<CommandLine> parse_command_line(Program program, int argc, char* const* argv);

// What --help prints; fits 80 columns.
std::string help_text(Program program);

}  // namespace tlsrpt::reporter
