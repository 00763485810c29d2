#include "reporter/check/check_milter.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "policy/text.h"
#include "reporter/check/postfix_mend.h"

namespace tlsrpt::reporter {
namespace {

using Level = CheckFinding::Level;
using Obstacle = MilterReach::Obstacle;

constexpr std::string_view unix_prefix = "unix:";
constexpr std::string_view local_prefix = "local:";
constexpr std::string_view inet_prefix = "inet:";
constexpr std::string_view accepting = "default_action=accept";

struct HostPort {
  std::string host;
  std::string port;
};

// Of "inet:PORT@HOST", as ours.
HostPort our_place(std::string_view socket) {
  const std::string_view rest = socket.substr(inet_prefix.size());
  const std::size_t at = std::min(rest.find('@'), rest.size());
  return {std::string(rest.substr(std::min(at + 1, rest.size()))), std::string(rest.substr(0, at))};
}

// Of "inet:HOST:PORT" or "inet:[HOST]:PORT", as Postfix's.
HostPort postfix_place(std::string_view milter) {
  const std::string_view rest = milter.substr(inet_prefix.size());
  const std::size_t colon = std::min(rest.rfind(':'), rest.size());
  std::string_view host = rest.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return {std::string(host), std::string(rest.substr(std::min(colon + 1, rest.size())))};
}

bool is_any_address(std::string_view host) { return host == "0.0.0.0" || host == "::"; }

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "127.0.0.1" || host == "::1";
}

// Where the socket is to be so that every service of POSTFIX can see it: where it is, if it can.
std::string wanted_socket(const CheckFacts& facts, const PostfixFacts& postfix) {
  if (postfix.milter_reach.obstacle != Obstacle::chroot) return facts.milter_socket;
  return "unix:" + value(postfix, "queue_directory") + "/tlsrpt/milter.sock";
}

// Where the path of a milter, as SERVICE means it, lies.
std::string seen_path(const PostfixFacts& postfix, const PostfixService& service,
                      std::string_view path) {
  const std::string queue = value(postfix, "queue_directory");
  if (!path.starts_with('/')) return queue + "/" + std::string(path);
  return service.is_chrooted ? queue + std::string(path) : std::string(path);
}

struct ListedMilter {
  std::string name;
  bool is_braced = false;  // It may have settings of its own.
  bool accepts = false;    // Among them: where it fails, mail passes.
};

// The texts between blanks and commas; "{ ... }" is one.
std::vector<ListedMilter> parse_milters(std::string_view list) {
  std::vector<ListedMilter> milters;
  bool is_inside = false;
  std::string text;
  for (const char c : list) {
    if (c == '{' || c == '}') text.append({' ', c, ' '});
    if (c != '{' && c != '}') text += c == ',' ? ' ' : c;
  }
  bool is_first = true;
  for (const std::string_view word : policy::split_words(text)) {
    if (word == "{" || word == "}") {
      is_inside = word == "{";
      is_first = true;
    } else if (!is_inside || std::exchange(is_first, false)) {
      milters.push_back({std::string(word), is_inside, false});
    } else if (word == accepting) {
      milters.back().accepts = true;
    }
  }
  return milters;
}

// The services of PROGRAM; where there is none, one without overrides, for main.cf.
std::vector<PostfixService> services_of(const PostfixFacts& postfix, std::string_view program) {
  std::vector<PostfixService> services;
  std::copy_if(postfix.services.begin(), postfix.services.end(), std::back_inserter(services),
               [program](const PostfixService& service) { return service.program == program; });
  if (services.empty()) services.emplace_back();
  return services;
}

// LIST with the entry of OURS replaced, or with one more, so that it is called NAME and lets mail
// pass where it fails, which MUST be said.
std::string with_milter(std::string list, const ListedMilter* ours, const std::string& name,
                        bool must) {
  constexpr std::string_view separators = " ,{}";
  const bool is_braced = ours != nullptr && ours->is_braced;
  std::string entry = name;
  if (must && (ours == nullptr || !ours->accepts)) entry += ", " + std::string(accepting);
  if (entry != name && !is_braced) entry = "{ " + entry + " }";
  if (ours == nullptr) return list + (list.empty() ? "" : ", ") + entry;
  std::size_t at = list.find(ours->name);
  const auto ends = [&] { return std::min(at + ours->name.size(), list.size()); };
  while (at != std::string::npos && ends() < list.size() &&
         separators.find(list[ends()]) == std::string_view::npos)
    at = list.find(ours->name, at + 1);
  return at == std::string::npos ? list : list.replace(at, ours->name.size(), entry);
}

constexpr std::string_view known_by_log =
    "what comes in there is known by the log alone, which suffices behind a content filter";

// Whether SERVICE has a PARAMETER of its own that does not name our milter, while another of
// SERVICES names it.
bool is_passed_elsewhere(const CheckFacts& facts, const PostfixFacts& postfix,
                         const PostfixService& service, std::string_view parameter,
                         const std::vector<PostfixService>& services) {
  const auto names_ours = [&](const PostfixService& each) {
    const auto milters = parse_milters(effective(postfix, each, parameter));
    return std::any_of(milters.begin(), milters.end(), [&](const ListedMilter& milter) {
      return is_our_milter(facts, postfix, each, milter.name);
    });
  };
  return service.overrides.contains(std::string(parameter)) && !names_ours(service) &&
         std::any_of(services.begin(), services.end(), names_ours);
}

// PARAMETER of SERVICE must name our milter, and let mail pass where it fails.
void check_milter_named(const CheckFacts& facts, const PostfixFacts& postfix,
                        const PostfixService& service, std::string_view parameter,
                        const std::vector<PostfixService>& services, CheckFindings* findings) {
  const std::string now = effective(postfix, service, parameter);
  const auto milters = parse_milters(now);
  const auto find = [&milters](const auto& is_wanted) {
    const auto found = std::find_if(milters.begin(), milters.end(), is_wanted);
    return found == milters.end() ? nullptr : &*found;
  };
  const ListedMilter* ours = find(
      [&](const ListedMilter& each) { return is_our_milter(facts, postfix, service, each.name); });
  const bool must_accept = effective(postfix, service, "milter_default_action") != "accept";
  if (ours != nullptr && (ours->accepts || !must_accept)) return;
  std::string why = "mail waits whenever our milter is down (milter_default_action)";
  std::string name = ours == nullptr ? milter_name(facts, postfix) : ours->name;
  if (ours == nullptr) {
    why = "it does not name our milter, and reports are told by their log lines alone";
    // As a service calls it that cannot see it.
    ours = find([&](const ListedMilter& each) { return each.name == facts.milter_socket; });
  }
  Level level = Level::fault;
  if (is_passed_elsewhere(facts, postfix, service, parameter, services)) {
    level = Level::hint;
    why = known_by_log;
  }
  add_setting(postfix, service,
              {level, "milter", parameter, with_milter(now, ours, name, must_accept), why},
              findings);
}

// Mail that comes in by SERVICE must not pass the milters by.
void check_milter_met(const PostfixFacts& postfix, const PostfixService& service,
                      CheckFindings* findings) {
  constexpr std::string_view parameter = "receive_override_options";
  std::string options = effective(postfix, service, parameter);
  std::replace(options.begin(), options.end(), ',', ' ');
  const auto words = policy::split_words(options);
  if (std::find(words.begin(), words.end(), "no_milters") == words.end()) return;
  std::string others;
  for (const std::string_view word : words) {
    if (word != "no_milters") others += (others.empty() ? "" : ",") + std::string(word);
  }
  add_setting(postfix, service,
              {Level::hint, "milter", parameter, others, std::string(known_by_log)}, findings);
}

// What makes the milter reachable for POSTFIX's user.
std::vector<std::string> opening(const CheckFacts& facts, const PostfixFacts& postfix) {
  const MilterReach& reach = postfix.milter_reach;
  const std::string socket = wanted_socket(facts, postfix);
  const std::string folder =
      socket.substr(unix_prefix.size(), socket.rfind('/') - unix_prefix.size());
  const std::string group = postfix.group.empty() ? "postfix" : postfix.group;
  const std::string make_folder =
      "install -d -o " + facts.user + " -g " + group + " -m 2750 " + folder;
  std::vector<std::string> commands;
  if (reach.obstacle == Obstacle::chroot) {
    commands = {make_folder, set_option(facts, "milter_socket", socket)};
  } else if (reach.obstacle == Obstacle::folder && reach.place != folder) {
    commands = {"chmod o+x " + reach.place};
  } else if (reach.obstacle == Obstacle::folder) {
    commands = {make_folder};
  } else {
    commands = {make_folder, set_option(facts, "milter_socket_group", group),
                set_option(facts, "milter_socket_mode", "0660")};
  }
  commands.emplace_back("systemctl restart tlsrpt-milter");
  return commands;
}

void check_milter_reached(const CheckFacts& facts, const PostfixFacts& postfix,
                          CheckFindings* findings) {
  const MilterReach& reach = postfix.milter_reach;
  if (reach.obstacle == Obstacle::none) return;
  findings->push_back({Level::fault, "milter",
                       "the user " + value(postfix, "mail_owner") + " of Postfix" +
                           (reach.obstacle == Obstacle::chroot ? ", chrooted," : "") +
                           " cannot reach the milter: " + reach.place + ": " + reach.reason,
                       opening(facts, postfix)});
}

}  // namespace

std::string milter_name(const CheckFacts& facts, const PostfixFacts& postfix) {
  const std::string socket = wanted_socket(facts, postfix);
  if (socket.starts_with(inet_prefix)) {
    HostPort place = our_place(socket);
    if (is_any_address(place.host)) place.host = "127.0.0.1";
    if (place.host.find(':') != std::string::npos) place.host = "[" + place.host + "]";
    return "inet:" + place.host + ":" + place.port;
  }
  const std::string path = socket.substr(unix_prefix.size());
  const std::string queue = value(postfix, "queue_directory") + "/";
  return "unix:" + (path.starts_with(queue) ? path.substr(queue.size()) : path);
}

std::vector<std::string> listed_milters(std::string_view list) {
  std::vector<std::string> names;
  for (ListedMilter& each : parse_milters(list)) names.push_back(std::move(each.name));
  return names;
}

bool is_our_milter(const CheckFacts& facts, const PostfixFacts& postfix,
                   const PostfixService& service, std::string_view milter) {
  const std::string ours = wanted_socket(facts, postfix);
  if (milter.starts_with(inet_prefix) && ours.starts_with(inet_prefix)) {
    const HostPort named = postfix_place(milter);
    const HostPort place = our_place(ours);
    return named.port == place.port && (named.host == place.host || is_any_address(place.host) ||
                                        (is_loopback(named.host) && is_loopback(place.host)));
  }
  for (const std::string_view prefix : {unix_prefix, local_prefix}) {
    if (milter.starts_with(prefix))
      return "unix:" + seen_path(postfix, service, milter.substr(prefix.size())) == ours;
  }
  return false;
}

void check_milter(const CheckFacts& facts, CheckFindings* findings) {
  if (!facts.milter_silence.empty()) {
    findings->push_back(
        {Level::fault,
         "milter",
         "the milter at " + facts.milter_socket + " does not answer: " + facts.milter_silence,
         {"systemctl enable --now tlsrpt-milter"}});
  }
  for (const PostfixFacts& postfix : facts.postfix) {
    if (!postfix.problem.empty()) continue;
    check_milter_reached(facts, postfix, findings);
    const auto smtpd = services_of(postfix, "smtpd");
    for (const PostfixService& service : smtpd) {
      check_milter_named(facts, postfix, service, "smtpd_milters", smtpd, findings);
      check_milter_met(postfix, service, findings);
    }
    const auto cleanup = services_of(postfix, "cleanup");
    for (const PostfixService& service : cleanup)
      check_milter_named(facts, postfix, service, "non_smtpd_milters", cleanup, findings);
  }
}

}  // namespace tlsrpt::reporter
