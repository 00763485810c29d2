#include "reporter/postfix/relay_hosts.h"

#include <algorithm>
#include <array>

#include "policy/ip_address.h"
#include "policy/text.h"

namespace tlsrpt::reporter {
namespace {

constexpr std::string_view separators = " \t\r\n,";

bool is_separator(char c) { return separators.find(c) != std::string_view::npos; }

bool is_table_type(std::string_view text) {
  return !text.empty() &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") == std::string_view::npos;
}

// The end of the table that begins at PLACE: at a separator outside of braces.
std::size_t table_end(std::string_view value, std::size_t place) {
  std::size_t depth = 0;
  for (; place < value.size(); ++place) {
    const char c = value[place];
    if (c == '{') ++depth;
    if (c == '}' && depth > 0) --depth;
    if (depth == 0 && is_separator(c)) break;
  }
  return place;
}

}  // namespace

std::vector<std::string> bracketed_hosts(std::string_view value) {
  std::vector<std::string> hosts;
  while (true) {
    const std::size_t open = value.find('[');
    if (open == std::string_view::npos) return hosts;
    value.remove_prefix(open + 1);
    const std::size_t close = value.find_first_of("[]");
    if (close == std::string_view::npos || value[close] == '[') continue;
    const std::string_view inside = policy::trim(value.substr(0, close));
    value.remove_prefix(close + 1);
    if (inside.empty() || std::any_of(inside.begin(), inside.end(), is_separator)) continue;
    std::string host = policy::to_lower(inside);
    const auto address = policy::IpAddress::parse(inside);
    if (address) host = address->text();
    if (host.ends_with('.')) host.pop_back();
    if (std::find(hosts.begin(), hosts.end(), host) == hosts.end()) hosts.push_back(host);
  }
}

std::vector<LookupTable> lookup_tables(std::string_view value) {
  std::vector<LookupTable> tables;
  std::size_t place = 0;
  while (place < value.size()) {
    if (is_separator(value[place])) {
      ++place;
      continue;
    }
    const std::size_t end = table_end(value, place);
    std::string_view table = value.substr(place, end - place);
    place = end;
    // The table behind the proxymap(8) server is the table.
    constexpr std::string_view proxy = "proxy:";
    if (table.starts_with(proxy)) table.remove_prefix(proxy.size());
    const std::size_t colon = table.find(':');
    if (colon == std::string_view::npos || !is_table_type(table.substr(0, colon))) continue;
    tables.push_back({std::string(table.substr(0, colon)), std::string(table.substr(colon + 1))});
  }
  return tables;
}

bool has_source_text(std::string_view type) {
  constexpr std::array<std::string_view, 7> types{"texthash", "hash", "btree", "lmdb",
                                                  "cdb",      "dbm",  "sdbm"};
  return std::find(types.begin(), types.end(), type) != types.end();
}

}  // namespace tlsrpt::reporter
