// The actions that both programs share: --help, --version, --print-options,
// --print-default-config, --check-config.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "reporter/command/command.h"
#include "reporter/options/command_line.h"

namespace tlsrpt::reporter {

// Does the action of LINE where it is one of those above; the exit status then, none otherwise.
std::optional<int> run_common(Program program, const CommandLine& line, std::ostream& out,
                              std::ostream& err);

// One line for each option: name, type, default ("-": no value; "(required)"), and `reload` or
// `restart`, separated by tabs.
std::string options_text();

// A configuration file that holds every option with summary and default, all of them commented out
// but the required ones, which stand there without a value.
std::string default_config_text();

// What good settings name but this machine does not have: time zone, user, record map and its
// faults, keys for DKIM, CA file; and folders where a log or a program should be. One sentence
// each.
std::vector<std::string> missing_on_machine(const Settings& settings);

// What may come later, a warning each: the logs of a Postfix that was just installed, the program
// or folder of mail_transport, and the group that sockets have where none is set, as a mail system
// is often installed after us.
std::vector<std::string> awaited_on_machine(const Settings& settings);

}  // namespace tlsrpt::reporter
