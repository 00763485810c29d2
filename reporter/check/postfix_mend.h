// Commands that mend settings of a Postfix, and of ours, for a shell of root.
#pragma once

#include <string>
#include <string_view>

#include "reporter/check/check_facts.h"

namespace tlsrpt::reporter {

// "postconf -c DIRECTORY", the usual directory left out.
std::string postconf_of(const PostfixFacts& postfix);
// "postfix -c DIRECTORY reload".
std::string reload_of(const PostfixFacts& postfix);

// The value of the parameter NAME in main.cf.
std::string value(const PostfixFacts& postfix, std::string_view name);
// The value of the parameter NAME in force for SERVICE of POSTFIX.
std::string effective(const PostfixFacts& postfix, const PostfixService& service,
                      std::string_view name);

// Reports SERVICE's value of NAME, and the command that makes it WANTED: in main.cf, once for all
// services, or where SERVICE has a value of its own, there.
struct BadSetting {
  CheckFinding::Level level = CheckFinding::Level::fault;
  std::string_view check;
  std::string_view name;
  std::string_view wanted;
  std::string why;
};
void add_setting(const PostfixFacts& postfix, const PostfixService& service,
                 const BadSetting& setting, CheckFindings* findings);

// Gives the option NAME of our configuration file this VALUE, wherever it stands there.
std::string set_option(const CheckFacts& facts, std::string_view name, std::string_view value);

}  // namespace tlsrpt::reporter
