#include "reporter/postfix/tls_policy_maps.h"

#include <algorithm>
#include <array>

#include "policy/text.h"
#include "reporter/postfix/relay_hosts.h"

namespace tlsrpt::reporter {
namespace {

// Tables of tables of tables: nobody has more.
constexpr int depth_max = 4;

bool is_dane(std::string_view word) { return word == "dane" || word == "dane-only"; }

template <std::size_t size>
bool is_one_of(const std::array<std::string_view, size>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Whether WORD is what a pattern has matched, "$1", "${1}" or "$(1)", which no pattern begins with.
bool is_substitution(std::string_view word) { return word.starts_with('$'); }

// Whether a word of TEXT IS_WANTED; no attribute of a policy is the same word.
bool has_word(std::string text, bool (*is_wanted)(std::string_view)) {
  for (char& c : text) {
    if (c == '{' || c == '}' || c == '=' || c == ',') c = ' ';
  }
  const auto words = policy::split_words(text);
  return std::any_of(words.begin(), words.end(), is_wanted);
}

bool is_pattern_text(std::string_view type) {
  constexpr std::array<std::string_view, 3> types{"regexp", "pcre", "cidr"};
  return is_one_of(types, type);
}

// Whether all of TABLE stands in the value of the parameter.
bool is_in_value(const LookupTable& table) {
  constexpr std::array<std::string_view, 3> types{"inline", "static", "randmap"};
  return is_one_of(types, table.type) ||
         (is_pattern_text(table.type) && table.name.starts_with('{'));
}

bool is_of_tables(const LookupTable& table) {
  constexpr std::array<std::string_view, 2> types{"unionmap", "pipemap"};
  return is_one_of(types, table.type) && table.name.starts_with('{');
}

bool can_substitute(std::string_view type) { return type == "regexp" || type == "pcre"; }

// Whether a result in TEXT has a word that IS_WANTED.
bool source_has_word(std::string_view text, bool (*is_wanted)(std::string_view)) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    auto words = policy::split_words(line);
    // What is looked up comes first, but in a line that goes on with the one before.
    const bool goes_on = line.starts_with(' ') || line.starts_with('\t');
    if (!goes_on && !words.empty()) words.erase(words.begin());
    if (std::any_of(words.begin(), words.end(), is_wanted)) return true;
  }
  return false;
}

void look(std::string_view value, int depth, DanePolicies* found) {
  for (const LookupTable& table : lookup_tables(value)) {
    if (is_in_value(table)) {
      found->are_named |= has_word(table.name, is_dane);
      if (can_substitute(table.type) && has_word(table.name, is_substitution))
        found->unread.push_back(table.type + ":" + table.name);
    } else if (is_of_tables(table) && depth < depth_max) {
      std::string_view tables(table.name);
      tables.remove_prefix(1);
      look(tables.substr(0, tables.rfind('}')), depth + 1, found);
    } else {
      const bool has_text = has_source_text(table.type) || is_pattern_text(table.type);
      const auto text =
          has_text ? read_table_source(table.name)
                   : policy::Result<std::string>(policy::Error(policy::Errc::syntax, "no text"));
      if (text.ok()) {
        found->are_named |= source_has_word(*text, is_dane);
      }
      if (!text.ok() || (can_substitute(table.type) && source_has_word(*text, is_substitution))) {
        found->unread.push_back(table.type + ":" + table.name);
      }
    }
  }
}

// What stands within the braces around TEXT, where there are any.
std::string_view without_braces(std::string_view text) {
  text = policy::trim(text);
  if (!text.starts_with('{') || !text.ends_with('}') || text.size() < 2) return text;
  return policy::trim(text.substr(1, text.size() - 2));
}

// Whether POLICY, "may" or "secure match=nexthop", enforces TLS.
bool enforces(std::string_view policy) {
  const std::string level = policy::to_lower(policy.substr(0, policy.find_first_of(" \t,")));
  return level != "may" && level != "none";
}

// Whether one of ENTRIES of an inline table, "a=may, { b = may }", enforces TLS.
bool an_entry_enforces(std::string_view entries) {
  while (!(entries = policy::trim(entries)).empty()) {
    std::size_t end = entries.front() == '{' ? entries.find('}') : entries.find_first_of(" \t,");
    end = std::min(end, entries.size() - 1) + 1;
    const bool is_braced = entries.front() == '{';
    std::string_view entry = entries.substr(0, end);
    entries.remove_prefix(end);
    if (!is_braced && (entry.ends_with(',') || entry.ends_with(' ') || entry.ends_with('\t')))
      entry.remove_suffix(1);
    if (entry.empty() || entry == ",") continue;
    entry = without_braces(entry);
    const std::size_t equals = entry.find('=');
    if (equals == std::string_view::npos || enforces(policy::trim(entry.substr(equals + 1))))
      return true;
  }
  return false;
}

}  // namespace

bool may_enforce_tls(std::string_view value) {
  const auto tables = lookup_tables(value);
  if (tables.empty()) return !policy::trim(value).empty();
  return std::any_of(tables.begin(), tables.end(), [](const LookupTable& table) {
    const std::string_view text = without_braces(table.name);
    if (table.type == "static") return enforces(text);
    return table.type != "inline" || an_entry_enforces(text);
  });
}

DanePolicies dane_policies(std::string_view value) {
  DanePolicies found;
  look(value, 0, &found);
  return found;
}

}  // namespace tlsrpt::reporter
