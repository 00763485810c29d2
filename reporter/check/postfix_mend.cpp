#include "reporter/check/postfix_mend.h"

#include <algorithm>
#include <utility>

namespace tlsrpt::reporter {
namespace {

bool is_usual(const PostfixFacts& postfix) {
  return postfix.directory.empty() || postfix.directory == "/etc/postfix";
}

bool has_own(const PostfixService& service, std::string_view name) {
  return service.overrides.find(name) != service.overrides.end();
}

// LIST without a blank, of which `postconf -P` accepts none.
std::string compact(std::string_view list) {
  std::string out;
  bool is_between = false;
  for (const char c : list) {
    if (c == ' ' || c == '\t' || c == ',') {
      is_between = true;
      continue;
    }
    if (std::exchange(is_between, false) && !out.empty() && out.back() != '{' && c != '}')
      out += ',';
    out += c;
  }
  return out;
}

// A setting of main.cf, or the override of one service.
std::string mend(const PostfixFacts& postfix, const PostfixService& service, std::string_view name,
                 std::string_view wanted) {
  const std::string setting = std::string(name) + "=";
  if (!has_own(service, name))
    return postconf_of(postfix) + " -e '" + setting + std::string(wanted) + "'";
  return postconf_of(postfix) + " -P '" + service.name + "/" + setting + compact(wanted) + "'";
}

}  // namespace

std::string postconf_of(const PostfixFacts& postfix) {
  return is_usual(postfix) ? "postconf" : "postconf -c " + postfix.directory;
}

std::string reload_of(const PostfixFacts& postfix) {
  return is_usual(postfix) ? "postfix reload" : "postfix -c " + postfix.directory + " reload";
}

std::string value(const PostfixFacts& postfix, std::string_view name) {
  return value_of(postfix.values, name);
}

std::string effective(const PostfixFacts& postfix, const PostfixService& service,
                      std::string_view name) {
  const auto own = service.overrides.find(name);
  return own != service.overrides.end() ? own->second : value(postfix, name);
}

void add_setting(const PostfixFacts& postfix, const PostfixService& service,
                 const BadSetting& setting, CheckFindings* findings) {
  const std::string command = mend(postfix, service, setting.name, setting.wanted);
  const bool is_known =
      std::any_of(findings->begin(), findings->end(), [&command](const CheckFinding& finding) {
        return !finding.commands.empty() && finding.commands.front() == command;
      });
  if (is_known) return;
  const std::string place =
      has_own(service, setting.name) ? " for the service " + service.name : std::string();
  findings->push_back({setting.level,
                       std::string(setting.check),
                       std::string(setting.name) + " is \"" +
                           effective(postfix, service, setting.name) + "\"" + place + ": " +
                           setting.why,
                       {command, reload_of(postfix)}});
}

std::string set_option(const CheckFacts& facts, std::string_view name, std::string_view value) {
  const std::string option(name);
  // Appended without sed(1), which adds nothing to an empty file.
  return "sed -i '/^ *" + option + " *=/d' " + facts.config_file + " && echo '" + option + " = " +
         std::string(value) + "' >>" + facts.config_file;
}

}  // namespace tlsrpt::reporter
