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

// Whether a word of TEXT is such a level; no attribute of a policy is the same word.
bool has_dane_word(std::string text) {
  for (char& c : text) {
    if (c == '{' || c == '}' || c == '=' || c == ',') c = ' ';
  }
  const auto words = policy::split_words(text);
  return std::any_of(words.begin(), words.end(), is_dane);
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

bool source_names_dane(std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    auto words = policy::split_words(line);
    // What is looked up comes first, but in a line that goes on with the one before.
    const bool goes_on = line.starts_with(' ') || line.starts_with('\t');
    if (!goes_on && !words.empty()) words.erase(words.begin());
    if (std::any_of(words.begin(), words.end(), is_dane)) return true;
  }
  return false;
}

void look(std::string_view value, int depth, DanePolicies* found) {
  for (const LookupTable& table : lookup_tables(value)) {
    if (is_in_value(table)) {
      found->are_named |= has_dane_word(table.name);
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
        found->are_named |= source_names_dane(*text);
      } else {
        found->unread.push_back(table.type + ":" + table.name);
      }
    }
  }
}

}  // namespace

DanePolicies dane_policies(std::string_view value) {
  DanePolicies found;
  look(value, 0, &found);
  return found;
}

}  // namespace tlsrpt::reporter
