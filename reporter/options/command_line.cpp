#include "reporter/options/command_line.h"

#include <getopt.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>
#include <vector>

#include "policy/domain_name.h"
#include "policy/text.h"
#include "reporter/dkim/dkim_key.h"
#include "reporter/options/option_value.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Result;
using policy::Status;
using policy::Unit;

constexpr unsigned milter = static_cast<unsigned>(Program::milter);
constexpr unsigned reporter = static_cast<unsigned>(Program::reporter);
constexpr unsigned both = milter | reporter;
constexpr auto action = SwitchKind::action;
constexpr auto modifier = SwitchKind::modifier;

// The action of tlsrpt-milter without a switch, as Switch::actions names it.
constexpr std::string_view daemon_action = "daemon";
// getopt_long() returns the row of a long switch above every letter.
constexpr int first_long = 256;

Error usage(std::string message) { return {Errc::syntax, std::move(message)}; }

std::string quoted(std::string_view text) { return "\"" + policy::escape_untrusted(text) + "\""; }

Status nothing(CommandLine& /*line*/, std::string_view /*argument*/) { return Unit{}; }

template <bool CommandLine::*flag>
Status set_flag(CommandLine& line, std::string_view /*argument*/) {
  line.*flag = true;
  return Unit{};
}

Status set_config_file(CommandLine& line, std::string_view argument) {
  if (argument.empty()) return usage("-c needs a file");
  line.config_file = std::string(argument);
  line.config_given = true;
  return Unit{};
}

Status set_day(CommandLine& line, std::string_view argument) {
  line.day = policy::parse_day(argument);
  if (!line.day) return usage("--day needs a date as YYYY-MM-DD, not " + quoted(argument));
  return Unit{};
}

Status set_domain(CommandLine& line, std::string_view argument) {
  const auto domain = policy::DomainName::parse(argument);
  if (!domain.ok()) return usage("--domain needs a domain name, not " + quoted(argument));
  line.domain = domain->text();
  return Unit{};
}

Status set_output_dir(CommandLine& line, std::string_view argument) {
  if (argument.empty()) return usage("--output-dir needs a directory");
  line.output_dir = std::string(argument);
  return Unit{};
}

Status set_selector(CommandLine& line, std::string_view argument) {
  const auto name = parse_selector(argument);
  if (!name.ok()) return usage("--selector needs labels of a domain name, not " + quoted(argument));
  line.selector = *name;
  return Unit{};
}

Status set_key_type(CommandLine& line, std::string_view argument) {
  if (argument != "rsa" && argument != "ed25519") {
    return usage("--key-type needs rsa or ed25519, not " + quoted(argument));
  }
  line.key_type = std::string(argument);
  return Unit{};
}

Status set_key_bits(CommandLine& line, std::string_view argument) {
  line.key_bits = policy::parse_number<unsigned>(argument);
  if (!line.key_bits || *line.key_bits < least_rsa_bits || *line.key_bits > most_rsa_bits) {
    return usage("--bits needs a number from 2048 to 4096, not " + quoted(argument));
  }
  return Unit{};
}

Status set_lift(CommandLine& line, std::string_view argument) {
  if (argument.find('@') == std::string_view::npos) {
    return usage("--lift needs an address, not " + quoted(argument));
  }
  line.lift = std::string(argument);
  return Unit{};
}

Status set_format(CommandLine& line, std::string_view argument) {
  if (argument != "table" && argument != "json") {
    return usage("--format needs table or json, not " + quoted(argument));
  }
  line.format = argument == "json" ? Format::json : Format::table;
  return Unit{};
}

constexpr auto table = std::to_array<Switch>({
    {"flush", 0, "", action, reporter, "", "Close finished days, make and deliver reports",
     nothing},
    {"summary", 0, "", action, reporter, "", "Show what was counted on a day", nothing},
    {"status", 0, "", action, reporter, "", "Show collectors, reports and deliveries", nothing},
    {"check", 0, "", action, reporter, "", "Check this machine, say what mends each fault",
     nothing},
    {"check-domain", 0, "DOMAIN...", action, reporter, "",
     "Look up TLSRPT records and name their faults", nothing},
    {"show", 0, "FILE", action, reporter, "", "Show a report (.json, .json.gz, .eml) as a table",
     nothing},
    {"make-dkim-key", 0, "FILE", action, reporter, "",
     "Make a key that signs reports, print its record", nothing},
    {"bounce", 0, "", action, reporter, "", "Take in one bounce from standard input", nothing},
    {"suppress", 0, "", action, reporter, "", "Show addresses that get nothing as they bounced",
     nothing},
    {"catch-up", 0, "", action, milter, "", "Read all that is new in the log, then exit", nothing},
    {"explain", 0, "[FILE]", action, milter, "",
     "Show each log line with what was understood of it", nothing},
    {"check-config", 0, "", action, both, "", "Check the configuration, name every fault", nothing},
    {"print-options", 0, "", action, both, "", "List name, type, default and reload of options",
     nothing},
    {"print-default-config", 0, "", action, both, "", "Write a configuration file to start from",
     nothing},
    {"version", 0, "", action, both, "", "Print the version", nothing},
    {"help", 0, "", action, both, "", "Print this help", nothing},
    {"", 'c', "FILE", modifier, both, "", "Configuration file (/etc/tlsrpt/tlsrpt.conf)",
     set_config_file},
    {"", 'v', "", modifier, both, "", "Say more", set_flag<&CommandLine::verbose>},
    {"", 'f', "", modifier, milter, daemon_action, "Stay in the foreground",
     set_flag<&CommandLine::foreground>},
    {"now", 0, "", modifier, reporter, "flush", "Do not wait for delivery_spread",
     set_flag<&CommandLine::now>},
    {"day", 0, "DAY", modifier, reporter, "flush summary", "This UTC day only, as YYYY-MM-DD",
     set_day},
    {"domain", 0, "DOMAIN", modifier, reporter, "flush summary make-dkim-key",
     "This recipient domain only, or the one that signs", set_domain},
    {"selector", 0, "NAME", modifier, reporter, "make-dkim-key",
     "Where in the domain the record is published", set_selector},
    {"key-type", 0, "rsa|ed25519", modifier, reporter, "make-dkim-key", "Kind of key (rsa)",
     set_key_type},
    {"bits", 0, "NUMBER", modifier, reporter, "make-dkim-key", "Size of an RSA key (2048)",
     set_key_bits},
    {"dry-run", 0, "", modifier, reporter, "flush", "Show what would be done, do nothing",
     set_flag<&CommandLine::dry_run>},
    {"output-dir", 0, "DIR", modifier, reporter, "flush",
     "Write reports and messages there, deliver nothing", set_output_dir},
    {"wait", 0, "", modifier, reporter, "flush", "Stay until no delivery is due soon",
     set_flag<&CommandLine::wait>},
    {"lift", 0, "ADDRESS", modifier, reporter, "suppress", "Send to this address again", set_lift},
    {"all", 0, "", modifier, reporter, "summary", "Also what is counted but not reported",
     set_flag<&CommandLine::all>},
    {"format", 0, "table|json", modifier, reporter, "summary status check check-domain suppress",
     "Output for people or programs", set_format},
});

bool belongs_to(const Switch& each, Program program) {
  return (each.programs & static_cast<unsigned>(program)) != 0;
}

// "--flush" or "-c".
std::string spelled(const Switch& each) {
  return each.name.empty() ? std::string("-") + each.letter : "--" + std::string(each.name);
}

bool has_word(std::string_view words, std::string_view wanted) {
  const auto all = policy::split_words(words);
  return std::find(all.begin(), all.end(), wanted) != all.end();
}

// "--flush or --summary", for messages.
std::string spelled_actions(std::string_view actions) {
  std::string text;
  for (const std::string_view each : policy::split_words(actions)) {
    if (!text.empty()) text += " or ";
    text += each == daemon_action ? "the daemon" : "--" + std::string(each);
  }
  return text;
}

// Turns getopt_long()'s findings into a CommandLine.
class Reader {
 public:
  explicit Reader(Program program) : program_(program) {}
  Result<CommandLine> read(int argc, char* const* argv);

 private:
  void fill_getopt_tables();
  // What is wrong with the switch that getopt_long() refused with CODE (`?` or `:`).
  Error refused(int code, const char* word) const;
  Status take(const Switch& each, const char* argument);
  Status check_belonging() const;
  Status check_arguments() const;
  Status check_together() const;
  const Switch* find(int code) const;

  Program program_;
  CommandLine line_;
  const Switch* action_ = nullptr;
  std::set<const Switch*> given_;
  std::string letters_ = ":";
  std::vector<std::string> names_;
  std::vector<option> long_options_;
};

void Reader::fill_getopt_tables() {
  names_.reserve(table.size());
  for (std::size_t row = 0; row < table.size(); ++row) {
    const Switch& each = table.at(row);
    if (!belongs_to(each, program_)) continue;
    const bool takes_argument = each.kind == modifier && !each.argument.empty();
    if (each.letter != '\0') {
      letters_ += each.letter;
      if (takes_argument) letters_ += ':';
    }
    if (each.name.empty()) continue;
    names_.emplace_back(each.name);
    int has_argument = takes_argument ? required_argument : no_argument;
    // `--show=FILE` is as good as `--show FILE`.
    if (each.kind == action && !each.argument.empty()) has_argument = optional_argument;
    long_options_.push_back(
        {names_.back().c_str(), has_argument, nullptr, first_long + static_cast<int>(row)});
  }
  long_options_.push_back({nullptr, 0, nullptr, 0});
}

const Switch* Reader::find(int code) const {
  if (code >= first_long) return &table.at(static_cast<std::size_t>(code - first_long));
  const auto at = std::find_if(table.begin(), table.end(), [&](const Switch& each) {
    return each.letter != '\0' && each.letter == code && belongs_to(each, program_);
  });
  return at != table.end() ? &*at : nullptr;
}

Error Reader::refused(int code, const char* word) const {
  const Switch* known = optopt != 0 ? find(optopt) : nullptr;
  if (code == ':' && known != nullptr) {
    return usage(spelled(*known) + " needs an argument: " + std::string(known->argument));
  }
  if (known != nullptr) return usage(spelled(*known) + " takes no argument");
  if (optopt > 0 && optopt < first_long) {
    return usage("unknown switch " + quoted(std::string("-") + static_cast<char>(optopt)));
  }
  return usage("unknown or ambiguous switch " + quoted(word));
}

Status Reader::take(const Switch& each, const char* argument) {
  if (!given_.insert(&each).second) return usage(spelled(each) + " is given twice");
  if (each.kind == action) {
    if (action_ != nullptr) {
      return usage(spelled(*action_) + " and " + spelled(each) + " are two actions: give one");
    }
    action_ = &each;
    line_.action = std::string(each.name);
    if (argument != nullptr) line_.arguments.emplace_back(argument);
  }
  return each.apply(line_, argument != nullptr ? argument : "");
}

Status Reader::check_belonging() const {
  if (action_ == nullptr && program_ == Program::reporter) return usage("no action is given");
  const std::string_view name = action_ != nullptr ? action_->name : daemon_action;
  for (const Switch& each : table) {
    if (!given_.contains(&each) || each.actions.empty() || has_word(each.actions, name)) continue;
    return usage(spelled(each) + " belongs to " + spelled_actions(each.actions));
  }
  return Unit{};
}

Status Reader::check_arguments() const {
  const std::string_view wanted = action_ != nullptr ? action_->argument : "";
  const auto& given = line_.arguments;
  const bool optional = wanted.starts_with('[');
  const bool several = wanted.ends_with("...");
  if (given.empty() && !wanted.empty() && !optional) {
    return usage(spelled(*action_) + " needs an argument: " + std::string(wanted));
  }
  const std::size_t most = wanted.empty() ? 0 : 1;
  if (given.size() > most && !several) {
    return usage("surplus argument " + quoted(given.at(most)));
  }
  const auto empty = std::find(given.begin(), given.end(), "");
  if (empty != given.end()) return usage("an argument is empty");
  return Unit{};
}

// Switches of one action that cannot both be followed.
Status Reader::check_together() const {
  const bool only_looks = line_.dry_run || line_.output_dir;
  if (line_.dry_run && line_.output_dir) {
    return usage("--dry-run writes nothing, --output-dir does: give one of them");
  }
  if (line_.wait && only_looks) {
    return usage(std::string("--wait is for a flush that delivers, not for ") +
                 (line_.dry_run ? "--dry-run" : "--output-dir"));
  }
  return Unit{};
}

Result<CommandLine> Reader::read(int argc, char* const* argv) {
  fill_getopt_tables();
  optind = 0;  // glibc: start anew, also after an earlier call.
  opterr = 0;
  while (true) {
    const int code = ::getopt_long(argc, argv, letters_.c_str(), long_options_.data(), nullptr);
    if (code == -1) break;
    const Switch* each = code == '?' || code == ':' ? nullptr : find(code);
    if (each == nullptr) return refused(code, argv[std::max(optind - 1, 0)]);
    if (Status taken = take(*each, optarg); !taken.ok()) return std::move(taken).error();
  }
  for (int i = optind; i < argc; ++i) line_.arguments.emplace_back(argv[i]);
  // Who asks for help gets it, whatever else is wrong.
  if (line_.action == "help" || line_.action == "version") return std::move(line_);
  if (Status fits = check_belonging(); !fits.ok()) return std::move(fits).error();
  if (Status fits = check_arguments(); !fits.ok()) return std::move(fits).error();
  if (Status fits = check_together(); !fits.ok()) return std::move(fits).error();
  return std::move(line_);
}

// "  --day DAY         Text", the text in a column of its own.
std::string help_line(const Switch& each) {
  constexpr std::size_t text_column = 27;
  std::string line = "  " + spelled(each);
  if (!each.argument.empty()) line += " " + std::string(each.argument);
  line.resize(std::max(line.size() + 1, text_column), ' ');
  return line + std::string(each.summary) + "\n";
}

}  // namespace

std::string_view program_name(Program program) {
  return program == Program::milter ? "tlsrpt-milter" : "tlsrpt-reporter";
}

std::span<const Switch> switch_table() { return table; }

Result<CommandLine> parse_command_line(Program program, int argc, char* const* argv) {
  return Reader(program).read(argc, argv);
}

std::string help_text(Program program) {
  const std::string name(program_name(program));
  std::string text = "Usage: " + name + " [-c FILE] [-v] ";
  text += program == Program::milter ? "[-f]\n       " + name + " [-c FILE] [-v] ACTION\n"
                                     : "ACTION [SWITCH...]\n";
  text += program == Program::milter
              ? "Follows Postfix's delivery log and counts how TLS went, for RFC 8460 reports.\n"
                "Without an action it does so until it is stopped.\n"
              : "Makes TLS reports (RFC 8460) of what tlsrpt-milter counted, and delivers them.\n";
  text += "\nActions:\n";
  for (const Switch& each : table) {
    if (each.kind == action && belongs_to(each, program)) text += help_line(each);
  }
  text += "\nSwitches:\n";
  for (const Switch& each : table) {
    if (each.kind == modifier && belongs_to(each, program) &&
        (each.actions.empty() || each.actions == daemon_action)) {
      text += help_line(each);
    }
  }
  for (const Switch& owner : table) {
    if (owner.kind != action || !belongs_to(owner, program)) continue;
    std::string own;
    for (const Switch& each : table) {
      if (belongs_to(each, program) && has_word(each.actions, owner.name)) own += help_line(each);
    }
    if (!own.empty()) text += "\nWith " + spelled(owner) + ":\n" + own;
  }
  text += "\nMore: " + name + "(8), tlsrpt.conf(5), tlsrpt(7)\n";
  return text;
}

}  // namespace tlsrpt::reporter
