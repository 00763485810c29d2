// Option table: every option of tlsrpt.conf(5), declared once for both programs.
//
// Readers of the table: the file parser (config_file.h), --print-options, --print-default-config,
// --check-config, the fuzz target and the test that compares it with the manual page. A new option
// is one row in option_table.cpp, a member of Settings and an entry in man/tlsrpt.conf.5.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/result.h"
#include "reporter/options/settings.h"

namespace tlsrpt::reporter {

// When a changed value takes effect.
enum class Takes : bool {
  reload,   // At the next run of tlsrpt-reporter, and when tlsrpt-milter gets SIGHUP.
  restart,  // When tlsrpt-milter is restarted, too.
};

enum class Presence : bool { optional, required };

struct Option {
  std::string_view name;
  std::string_view type_word;     // Of one element, where it is a list.
  std::string_view default_text;  // Empty: no value, which `name =` sets, too.
  std::string_view summary;       // One line, at most 72 bytes, no final stop.
  Takes takes = Takes::restart;
  Presence presence = Presence::optional;
  bool is_list = false;
  // Parses a text without blanks at its ends into the option's member. An empty text stands for
  // no value. REQUIRES: the text is not empty, or default_text is empty and the option optional.
  policy::Status (*assign)(Settings& settings, std::string_view text) = nullptr;
  bool (*is_same)(const Settings& one, const Settings& other) = nullptr;
  void (*copy)(const Settings& from, Settings& to) = nullptr;
};

// All options, sorted by name.
std::span<const Option> option_table();
// The option of that name, null where there is none.
const Option* find_option(std::string_view name);
// The option whose name NAME was probably meant to be, null where none is near.
const Option* guess_option(std::string_view name);

// The type as manual and --print-options write it: "duration", "address-list".
std::string type_text(const Option& option);
// The default as manual and --print-options write it: the value, "-" for none, "(required)".
std::string default_text(const Option& option);

// Every option at its default; required ones are empty. A default that its own parser refuses is a
// bug of ours: std::logic_error.
Settings default_settings();

// Fills in what follows from other options: mail_from, report_senders, submitter.
void derive(Settings& settings);

// Gives FRESH the value of RUNNING for each option that takes a restart. The names of those whose
// value was another.
std::vector<std::string_view> keep_restart_options(const Settings& running, Settings& fresh);

// A rule between two options, or between the elements of one, that does not hold.
struct OptionFault {
  std::string_view option;  // The option to blame.
  std::string_view other;   // The option that it was compared with, or the same.
  std::string reason;
};

// All cross-option rules, on derived settings; empty: all hold. Required options are the parser's.
std::vector<OptionFault> validate(const Settings& settings);

}  // namespace tlsrpt::reporter
