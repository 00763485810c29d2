#include "reporter/check/gather_facts.h"

#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "policy/text.h"
#include "policy/unique_fd.h"
#include "reporter/check/check_rules.h"
#include "reporter/check/dkim_probe.h"
#include "reporter/check/dns_probe.h"
#include "reporter/check/postfix_mend.h"
#include "reporter/check/postfix_user.h"
#include "reporter/check/reach.h"
#include "reporter/datagram_queue.h"
#include "reporter/deliver/curl_handle.h"
#include "reporter/deliver/mail_sender.h"
#include "reporter/deliver/smtp_sender.h"
#include "reporter/options/journal_place.h"
#include "reporter/options/log_source.h"
#include "reporter/postfix/tls_policy_maps.h"
#include "reporter/run_as.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;

constexpr std::array<std::string_view, 30> parameters{"compatibility_level",
                                                      "config_directory",
                                                      "content_filter",
                                                      "default_transport",
                                                      "mail_owner",
                                                      "mail_version",
                                                      "maillog_file",
                                                      "milter_default_action",
                                                      "multi_instance_directories",
                                                      "mydestination",
                                                      "non_smtpd_milters",
                                                      "queue_directory",
                                                      "receive_override_options",
                                                      "recipient_delimiter",
                                                      "sender_dependent_default_transport_maps",
                                                      "smtp_dns_support_level",
                                                      "smtp_enforce_tls",
                                                      "smtp_tls_loglevel",
                                                      "smtp_tls_policy_maps",
                                                      "smtp_tls_security_level",
                                                      "smtp_tlsrpt_enable",
                                                      "smtp_tlsrpt_socket_name",
                                                      "smtp_use_tls",
                                                      "smtpd_milters",
                                                      "smtputf8_enable",
                                                      "syslog_name",
                                                      "tls_required_enable",
                                                      "transport_maps",
                                                      "virtual_alias_domains",
                                                      "virtual_mailbox_domains"};

bool is_word(const std::vector<std::string>& values, std::string_view word) {
  return values.size() == 1 && values.front() == word;
}

void gather_all_postfix(const Settings& settings, CheckFacts* facts) {
  if (is_word(settings.postfix_config, "none")) return;
  const bool is_auto = is_word(settings.postfix_config, "auto");
  std::vector<std::string> directories =
      is_auto ? std::vector<std::string>{""} : settings.postfix_config;
  for (std::size_t i = 0; i < directories.size(); ++i) {
    PostfixFacts postfix = gather_postfix(directories[i], usual_postconf());
    if (is_auto && i == 0) {
      std::string others = value_of(postfix.values, "multi_instance_directories");
      std::replace(others.begin(), others.end(), ',', ' ');
      for (const std::string_view other : policy::split_words(others))
        directories.emplace_back(other);
    }
    facts->postfix.push_back(std::move(postfix));
  }
  if (is_auto && run_postconf("", {"mail_version"}, usual_postconf()).ok()) return;
  if (is_auto) {
    facts->postfix_problem = facts->postfix.front().problem;
    facts->postfix.clear();
  }
}

LogFacts log_facts(const LogSource& source) {
  LogFacts log;
  log.source = source.text();
  if (source.kind == LogSource::Kind::journal) {
    const auto status = check_journal(source.place);
    if (status.ok()) return log;
    log.problem = status.error().message();
    log.is_absent = status.error().code() == Errc::not_found;
    return log;
  }
  log.problem = reading_problem(source.place);
  log.closed_folder = closed_folder(source.place);
  std::error_code ignored;
  const auto kind = std::filesystem::status(source.place, ignored).type();
  log.is_absent = kind != std::filesystem::file_type::regular;
  return log;
}

void gather_logs(const Settings& settings, CheckFacts* facts) {
  std::vector<PostfixConfig> instances;
  for (const PostfixFacts& postfix : facts->postfix) {
    PostfixConfig config;
    config.directory = postfix.directory;
    config.maillog_file = value_of(postfix.values, "maillog_file");
    instances.push_back(std::move(config));
  }
  const auto sources = resolve_log_source(settings.log_source, instances);
  if (!sources.ok()) {
    facts->log_problem = sources.error().message();
    return;
  }
  for (const LogSource& source : *sources) {
    if (source.kind == LogSource::Kind::none) continue;
    facts->logs.push_back(log_facts(source));
  }
}

void gather_store(const Settings& settings, CheckFacts* facts) {
  constexpr std::string_view scheme = "sqlite:";
  facts->store = settings.store.substr(std::min(scheme.size(), settings.store.size()));
  facts->store_problem = writing_problem(facts->store);
  const auto store = open_store(settings.store, StoreAccess::read_only, {});
  if (!store.ok()) {
    const bool is_absent = store.error().code() == Errc::not_found;
    if (facts->store_problem.empty() && !is_absent) facts->store_problem = store.error().message();
    return;
  }
  if (const auto overruns = datagram_overruns(**store); overruns.ok()) facts->overruns = *overruns;
  if (const auto troubles = (*store)->collector_troubles(); troubles.ok()) {
    for (const CollectorTrouble& each : *troubles) {
      if (each.until) continue;
      if (each.name.starts_with(missing_datagrams)) facts->missing_datagrams.push_back(each.text);
      if (each.name.starts_with(datagrams_apart)) facts->datagrams_apart.push_back(each.text);
      if (const auto obstacle = socket_obstacle(each.name))
        facts->socket_troubles.push_back({*obstacle, each.text});
    }
  }
  const auto collectors = (*store)->collectors();
  if (!collectors.ok()) return;
  for (const CollectorInfo& each : *collectors)
    facts->newest_commit =
        std::max(facts->newest_commit.value_or(each.committed_at), each.committed_at);
}

std::string user_name(const Settings& settings) {
  const auto user = find_run_as_user(settings);
  if (user.ok() && user->has_value()) return (*user)->name;
  return ::geteuid() == 0 ? "root" : default_user;
}

// For the services that speak to milters, chrooted or not: the first obstacle.
void gather_milter_reach(const Settings& settings, PostfixFacts* postfix) {
  constexpr std::string_view scheme = "unix:";
  if (!postfix->problem.empty()) return;
  PostfixView view{value_of(postfix->values, "mail_owner"),
                   value_of(postfix->values, "queue_directory"), false};
  postfix->group = primary_group(view.user);
  if (!settings.milter_socket.starts_with(scheme)) return;
  const std::string path = settings.milter_socket.substr(scheme.size());
  for (const bool is_chrooted : {true, false}) {
    const bool is_used = std::any_of(
        postfix->services.begin(), postfix->services.end(), [&](const PostfixService& service) {
          return service.is_chrooted == is_chrooted &&
                 (service.program == "smtpd" || service.program == "cleanup");
        });
    view.is_chrooted = is_chrooted;
    if (is_used && postfix->milter_reach.obstacle == MilterReach::Obstacle::none)
      postfix->milter_reach = reach_socket(path, view);
  }
}

// Whether somebody else keeps files in the folder of tlsrpt_socket, which is not to be changed
// then.
bool is_folder_shared(const Settings& settings) {
  const std::string& socket = settings.tlsrpt_socket;
  std::error_code problem;
  std::filesystem::directory_iterator each(std::filesystem::path(socket).parent_path(), problem);
  for (; !problem && each != std::filesystem::directory_iterator(); each.increment(problem)) {
    const std::string path = each->path().string();
    // Behind our names stands what is on its way to them, or was moved out of it.
    if (!path.starts_with(socket) && !("unix:" + path).starts_with(settings.milter_socket))
      return true;
  }
  return false;
}

constexpr const char* system_resolver = "/etc/resolv.conf";
constexpr unsigned short dns_port = 53;

void gather_resolver(PostfixFacts* postfix) {
  for (const PostfixService& service : postfix->services) {
    if (service.program != "smtp") continue;
    auto policies = dane_policies(effective(*postfix, service, "smtp_tls_policy_maps"));
    postfix->has_dane_policy |= policies.are_named;
    for (std::string& table : policies.unread) {
      auto& known = postfix->unread_policies;
      if (std::find(known.begin(), known.end(), table) == known.end())
        known.push_back(std::move(table));
    }
  }
  if (!uses_dane(*postfix)) return;
  const bool is_chrooted = std::any_of(postfix->services.begin(), postfix->services.end(),
                                       [](const PostfixService& service) {
                                         return service.program == "smtp" && service.is_chrooted;
                                       });
  postfix->resolver.file =
      (is_chrooted ? value_of(postfix->values, "queue_directory") : "") + system_resolver;
  postfix->resolver.servers = name_servers(postfix->resolver.file);
  postfix->resolver.outside = name_servers(system_resolver);
}

}  // namespace

std::vector<PostfixService> parse_services(std::string_view master, std::string_view overrides,
                                           bool is_chrooted_by_default) {
  std::vector<PostfixService> services;
  while (!master.empty()) {
    const std::string_view line = master.substr(0, master.find('\n'));
    master.remove_prefix(std::min(line.size() + 1, master.size()));
    const auto words = policy::split_words(line);
    // name, type, private, unprivileged, chroot, wakeup, limit, command (master(5)).
    constexpr std::size_t chroot = 4;
    constexpr std::size_t command = 7;
    if (words.size() <= command) continue;
    PostfixService service;
    service.name = std::string(words[0]) + "/" + std::string(words[1]);
    service.is_chrooted = words[chroot] == "y" || (words[chroot] == "-" && is_chrooted_by_default);
    service.program = words[command];
    services.push_back(std::move(service));
  }
  for (const auto& [name, value] : parse_postfix_values(overrides)) {
    const std::size_t slash = name.rfind('/');
    if (slash == std::string::npos) continue;
    for (PostfixService& service : services) {
      if (service.name == name.substr(0, slash)) service.overrides[name.substr(slash + 1)] = value;
    }
  }
  return services;
}

PostfixFacts gather_postfix(const std::string& directory,
                            const std::vector<std::string>& postconf) {
  PostfixFacts facts;
  facts.directory = directory;
  std::vector<std::string> arguments{"-x"};
  arguments.insert(arguments.end(), parameters.begin(), parameters.end());
  const auto values = run_postconf(directory, arguments, postconf);
  const auto master = run_postconf(directory, {"-M"}, postconf);
  const auto overrides = run_postconf(directory, {"-Px"}, postconf);
  for (const auto* each : {&values, &master, &overrides}) {
    if (!each->ok()) {
      facts.problem = each->error().message();
      return facts;
    }
  }
  facts.values = parse_postfix_values(*values);
  // Compatible with Postfix before 3.0.
  const bool is_chrooted_by_default = value_of(facts.values, "compatibility_level") == "0";
  facts.services = parse_services(*master, *overrides, is_chrooted_by_default);
  if (directory.empty()) facts.directory = value_of(facts.values, "config_directory");
  return facts;
}

namespace {

// Why the server of mail_transport does not let us in, with TLS and AUTH as for a message.
std::string submission_problem(const Settings& settings) {
  using std::chrono::seconds;
  constexpr SmtpTimeouts patience{seconds(10), seconds(10), seconds(30)};
  const auto transport = load_mail_transport(settings);
  if (!transport.ok()) return transport.error().message();
  const CurlGlobal curl;
  SmtpSender server(transport->place, transport->mail_from, transport->smtp, patience);
  const DeliveryOutcome outcome = server.greet();
  return outcome.delivered() ? "" : outcome.text;
}

}  // namespace

policy::Result<CheckFacts> gather_facts(const CommandContext& context) {
  const Settings& settings = context.settings;
  CheckFacts facts;
  // As root, where we are: it may send to any socket, and can become Postfix's user.
  facts.has_datagram_listener = has_datagram_listener(settings.tlsrpt_socket);
  facts.is_socket_folder_shared = is_folder_shared(settings);
  gather_all_postfix(settings, &facts);
  for (PostfixFacts& postfix : facts.postfix) {
    gather_milter_reach(settings, &postfix);
    gather_resolver(&postfix);
  }
  if (auto dropped = give_up_root(settings); !dropped.ok()) return std::move(dropped).error();
  facts.user = user_name(settings);
  facts.config_file = context.line.config_file;
  facts.now = context.clock.now();
  facts.mail_from = settings.mail_from;
  facts.verp_delimiter = settings.verp_delimiter;
  facts.mail_transport = settings.mail_transport;
  facts.transport_problem = transport_problem(settings.mail_transport);
  if (facts.transport_problem.empty() && settings.mail_transport.starts_with("smtp://")) {
    facts.transport_problem = submission_problem(settings);
  }
  facts.milter_socket = settings.milter_socket;
  facts.tlsrpt_socket = settings.tlsrpt_socket;
  facts.tlsrpt_socket_group = settings.tlsrpt_socket_group;
  facts.closed_to_socket = closed_folder(settings.tlsrpt_socket);
  facts.max_queued_datagrams = max_queued_datagrams();
  facts.contact_info = settings.contact_info;
  facts.dkim_domain = settings.dkim_domain;
  facts.dkim_keys = gather_dkim_keys(settings);
  gather_logs(settings, &facts);
  gather_store(settings, &facts);
  facts.milter_silence = milter_silence(settings.milter_socket);
  timex clock{};
  facts.is_clock_unsynchronised = ::adjtimex(&clock) == TIME_ERROR;
  for (PostfixFacts& postfix : facts.postfix) {
    if (ResolverFacts& resolver = postfix.resolver; !resolver.servers.empty())
      resolver.validation = ask_for_root(resolver.servers.front(), dns_port);
  }
  return facts;
}

}  // namespace tlsrpt::reporter
