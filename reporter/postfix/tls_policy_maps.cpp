#include "reporter/postfix/tls_policy_maps.h"

#include <algorithm>
#include <string>

#include "policy/text.h"
#include "reporter/postfix/relay_hosts.h"

namespace tlsrpt::reporter {
namespace {

bool is_dane(std::string_view word) { return word == "dane" || word == "dane-only"; }

// Whether a word of TEXT is such a level; no attribute of a policy is the same word.
bool has_dane_word(std::string text) {
  for (char& c : text) {
    if (c == '{' || c == '}' || c == '=' || c == ',') c = ' ';
  }
  const auto words = policy::split_words(text);
  return std::any_of(words.begin(), words.end(), is_dane);
}

bool is_pattern_text(std::string_view type) {
  return type == "regexp" || type == "pcre" || type == "cidr";
}

bool table_names_dane(const LookupTable& table) {
  if (table.type == "inline" || table.type == "static") return has_dane_word(table.name);
  if (!has_source_text(table.type) && !is_pattern_text(table.type)) return false;
  const auto text = read_table_source(table.name);
  if (!text.ok()) return false;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    auto words = policy::split_words(line);
    // What is looked up comes first, but in a line that goes on with the one before.
    const bool goes_on = line.starts_with(' ') || line.starts_with('\t');
    if (!goes_on && !words.empty()) words.erase(words.begin());
    if (std::any_of(words.begin(), words.end(), is_dane)) return true;
  }
  return false;
}

}  // namespace

bool names_dane(std::string_view value) {
  const auto tables = lookup_tables(value);
  return std::any_of(tables.begin(), tables.end(), table_names_dane);
}

}  // namespace tlsrpt::reporter
