#include "reporter/check/socket_rules.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "reporter/check/postfix_mend.h"

namespace tlsrpt::reporter {
namespace {

using Level = CheckFinding::Level;
using Commands = std::vector<std::string>;

constexpr std::string_view place_in_queue = "run/tlsrpt/tlsrpt.sock";
constexpr std::string_view usual_queue = "/var/spool/postfix";
constexpr std::string_view usual_group = "postfix";

// A collector that is at work commits once a minute, be there nothing to count.
bool is_collecting(const CheckFacts& facts) {
  constexpr std::chrono::minutes longest_silence{5};
  return facts.newest_commit && facts.now - *facts.newest_commit < longest_silence;
}

std::string folder_of(std::string_view path) {
  return std::string(path.substr(0, path.rfind('/')));
}

// A folder that exists gets its owner, group and mode.
std::string make_folder(const CheckFacts& facts, const std::string& folder) {
  const std::string group =
      facts.tlsrpt_socket_group.empty() ? "" : " -g " + facts.tlsrpt_socket_group;
  return "install -d -o " + facts.user + group + " -m 2750 " + folder;
}

// Where the unit of our service lets it make the socket, and chrooted clients see it.
std::string usual_place(const CheckFacts& facts) {
  std::string queue;
  if (!facts.postfix.empty()) queue = value(facts.postfix.front(), "queue_directory");
  if (queue.empty()) queue = usual_queue;
  return queue + "/" + std::string(place_in_queue);
}

// What gives the socket a folder of ours in which we may make it: its own, unless that is not to be
// changed.
Commands with_own_folder(const CheckFacts& facts, bool may_stay) {
  const std::string usual = usual_place(facts);
  if (may_stay || facts.tlsrpt_socket == usual)
    return {make_folder(facts, folder_of(facts.tlsrpt_socket))};
  Commands commands{make_folder(facts, folder_of(usual)),
                    set_option(facts, "tlsrpt_socket", usual)};
  for (const PostfixFacts& postfix : facts.postfix) {
    if (value(postfix, "smtp_tlsrpt_enable") != "yes") continue;
    commands.push_back(postconf_of(postfix) +
                       " -e smtp_tlsrpt_socket_name=" + std::string(place_in_queue));
    commands.push_back(reload_of(postfix));
  }
  return commands;
}

// What gives the socket a group that exists: Postfix's.
Commands with_group(const CheckFacts& facts) {
  const auto known = std::find_if(facts.postfix.begin(), facts.postfix.end(),
                                  [](const PostfixFacts& each) { return !each.group.empty(); });
  if (known != facts.postfix.end()) return {set_option(facts, "tlsrpt_socket_group", known->group)};
  if (facts.tlsrpt_socket_group == usual_group)
    return {"apt-get install postfix  # or, where it runs elsewhere: groupadd --system postfix"};
  return {set_option(facts, "tlsrpt_socket_group", usual_group)};
}

std::string show_holder(const CheckFacts& facts) {
  return "ss -xap | grep -F " + facts.tlsrpt_socket;
}

Commands what_mends(const CheckFacts& facts, SocketObstacle obstacle) {
  const std::string& socket = facts.tlsrpt_socket;
  const std::string folder = folder_of(socket);
  const std::string name = socket.substr(folder.size() + 1);
  switch (obstacle) {
    case SocketObstacle::listener:
      return {show_holder(facts) + "  # which program has it: stop that"};
    case SocketObstacle::hidden:
      return {show_holder(facts) + " || rm -f " + socket + " " + socket +
              ".new  # a program that is shown has it: stop that"};
    case SocketObstacle::no_socket:
      return {"find " + folder + " -maxdepth 1 '(' -name " + name + " -o -name " + name +
              ".new ')' ! -type s -exec mv -T {} {}.moved ';'"};
    case SocketObstacle::no_group:
      return with_group(facts);
    case SocketObstacle::no_folder:
      return with_own_folder(facts, true);
    case SocketObstacle::closed_folder:
      if (!facts.closed_to_socket.empty() && facts.closed_to_socket != folder)
        return {"chmod o+x " + facts.closed_to_socket};
      return with_own_folder(facts, !facts.is_socket_folder_shared);
    case SocketObstacle::group:
      return with_own_folder(facts, !facts.is_socket_folder_shared);
    case SocketObstacle::read_only:
      return with_own_folder(facts, false);
    case SocketObstacle::handed_over:
    case SocketObstacle::other:
      break;
  }
  return {"ls -la " + folder};
}

}  // namespace

void check_socket_had(const CheckFacts& facts, CheckFindings* findings) {
  for (const SocketTrouble& trouble : facts.socket_troubles) {
    Commands commands;
    if (trouble.obstacle == SocketObstacle::handed_over) {
      commands = {"systemctl restart tlsrpt-milter.socket tlsrpt-milter.service"};
    } else {
      commands = what_mends(facts, trouble.obstacle);
      commands.emplace_back("systemctl restart tlsrpt-milter.service");
    }
    findings->push_back({Level::fault, "tlsrpt-arrival", trouble.text, std::move(commands)});
  }
  // Whoever has the socket gets the datagrams.
  if (facts.socket_troubles.empty() && facts.has_datagram_listener && !is_collecting(facts)) {
    findings->push_back({Level::fault,
                         "tlsrpt-arrival",
                         "somebody has the socket " + facts.tlsrpt_socket +
                             ", and no tlsrpt-milter has written into the store lately: another "
                             "program gets the datagrams, or systemd keeps them until ours runs",
                         {show_holder(facts) + "  # which program has it: stop that",
                          "systemctl restart tlsrpt-milter.service"}});
  }
}

}  // namespace tlsrpt::reporter
