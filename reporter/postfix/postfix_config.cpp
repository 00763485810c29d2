#include "reporter/postfix/postfix_config.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "policy/text.h"
#include "reporter/postfix/postconf.h"
#include "reporter/postfix/relay_hosts.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Result;

// Instances on one host; more are somebody's mistake.
constexpr std::size_t instances_max = 64;

constexpr std::array<std::string_view, 6> plain_names{
    "maillog_file",       "syslog_name",          "smtp_bind_address",
    "smtp_bind_address6", "double_bounce_sender", "multi_instance_directories"};
// Values that name next hops.
constexpr std::array<std::string_view, 6> next_hop_names{"relayhost",         "smtp_fallback_relay",
                                                         "default_transport", "relay_transport",
                                                         "virtual_transport", "local_transport"};
// Tables whose results name next hops.
constexpr std::array<std::string_view, 3> table_names{
    "transport_maps", "sender_dependent_relayhost_maps", "sender_dependent_default_transport_maps"};

void add_hosts(const std::vector<std::string>& more, std::vector<std::string>* hosts) {
  for (const std::string& host : more) {
    if (std::find(hosts->begin(), hosts->end(), host) == hosts->end()) hosts->push_back(host);
  }
}

void take_relay_hosts(const PostfixValues& values, PostfixConfig* config) {
  for (const std::string_view name : next_hop_names) {
    add_hosts(bracketed_hosts(value_of(values, name)), &config->relay_hosts);
  }
  for (const std::string_view name : table_names) {
    for (const LookupTable& table : lookup_tables(value_of(values, name))) {
      if (table.type == "inline" || table.type == "static") {
        add_hosts(bracketed_hosts(table.name), &config->relay_hosts);
        continue;
      }
      const std::string place = std::string(name) + " " + table.type + ":" + table.name;
      const Result<std::string> text =
          has_source_text(table.type)
              ? read_table_source(table.name)
              : Result<std::string>(Error(Errc::syntax, "tables of this type are not read"));
      if (text.ok()) {
        add_hosts(bracketed_hosts(*text), &config->relay_hosts);
      } else {
        config->notices.push_back(place + ": " + text.error().message() +
                                  "; relays in it must be named in ignore_relays");
      }
    }
  }
}

std::vector<std::string> names_to_ask() {
  std::vector<std::string> arguments{"-x"};
  arguments.insert(arguments.end(), plain_names.begin(), plain_names.end());
  arguments.insert(arguments.end(), next_hop_names.begin(), next_hop_names.end());
  arguments.insert(arguments.end(), table_names.begin(), table_names.end());
  arguments.emplace_back("config_directory");
  return arguments;
}

}  // namespace

Result<PostfixConfig> read_postfix_config(const std::string& directory,
                                          const std::vector<std::string>& postconf) {
  const auto output = run_postconf(directory, names_to_ask(), postconf);
  if (!output.ok()) return output.error();
  const PostfixValues values = parse_postfix_values(*output);
  if (values.empty()) return Error(Errc::io, "postconf -c " + directory + ": says nothing of use");
  PostfixConfig config;
  config.directory = directory.empty() ? value_of(values, "config_directory") : directory;
  config.maillog_file = value_of(values, "maillog_file");
  config.syslog_name = value_of(values, "syslog_name");
  config.smtp_bind_address = value_of(values, "smtp_bind_address");
  config.smtp_bind_address6 = value_of(values, "smtp_bind_address6");
  config.double_bounce_sender = value_of(values, "double_bounce_sender");
  std::string directories = value_of(values, "multi_instance_directories");
  std::replace(directories.begin(), directories.end(), ',', ' ');
  for (const std::string_view other : policy::split_words(directories)) {
    config.other_directories.emplace_back(other);
  }
  take_relay_hosts(values, &config);
  return config;
}

Result<std::vector<PostfixConfig>> read_postfix_configs(
    const std::vector<std::string>& postfix_config, const std::vector<std::string>& log_source,
    const std::vector<std::string>& postconf) {
  const auto is = [](const std::vector<std::string>& values, std::string_view word) {
    return values.size() == 1 && values.front() == word;
  };
  std::vector<PostfixConfig> configs;
  if (is(postfix_config, "none")) return configs;
  const bool is_auto = is(postfix_config, "auto");
  if (is_auto && !is(log_source, "auto")) return configs;
  std::vector<std::string> directories = is_auto ? std::vector<std::string>{""} : postfix_config;
  for (std::size_t i = 0; i < directories.size() && i < instances_max; ++i) {
    auto config = read_postfix_config(directories[i], postconf);
    if (!config.ok()) {
      if (!is_auto) return std::move(config).error();
      if (config.error().code() == Errc::not_found) return configs;
      // Installed and not set up, or an instance not finished: worth saying, no reason to stop.
      PostfixConfig unknown;
      unknown.directory = directories[i];
      unknown.notices.push_back(config.error().message());
      configs.push_back(std::move(unknown));
      continue;
    }
    // Only the default instance knows the others.
    if (is_auto && i == 0) add_hosts(config->other_directories, &directories);
    configs.push_back(std::move(*config));
  }
  return configs;
}

}  // namespace tlsrpt::reporter
