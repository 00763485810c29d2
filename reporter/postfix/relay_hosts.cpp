#include "reporter/postfix/relay_hosts.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>

#include "policy/ip_address.h"
#include "policy/text.h"
#include "reporter/options/config_file.h"

namespace tlsrpt::reporter {
namespace {

// A transport table of a large provider has some hundred thousand lines.
constexpr std::size_t table_bytes_max = 16UL << 20;
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

policy::Result<std::string> read_table_source(const std::string& path) {
  std::error_code problem;
  if (std::filesystem::exists(path, problem) && !std::filesystem::is_regular_file(path, problem))
    return policy::Error(policy::Errc::io, path + ": is no file");
  const policy::Result<std::string> text = read_small_file(path, table_bytes_max);
  if (!text.ok()) return text.error();
  std::string result;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (!policy::trim(line).starts_with('#')) result.append(line).append("\n");
  }
  return result;
}

}  // namespace tlsrpt::reporter
