// CheckFacts: what `--check` has learned about this machine, and what it has to say about it.
//
// Gathered by gather_facts.h; judged by check_rules.h, which asks nobody anything.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "policy/utc_day.h"
#include "reporter/dkim/dkim_record.h"
#include "reporter/postfix/postconf.h"
#include "reporter/socket_obstacle.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {

// One line of master.cf.
struct PostfixService {
  std::string name;  // "smtp/inet", as `postconf -P` names it.
  std::string program;
  bool is_chrooted = false;
  PostfixValues overrides;  // Its `-o name=value`.
};

// What keeps Postfix's own user from connecting to the milter's socket.
struct MilterReach {
  enum class Obstacle : std::uint8_t {
    none,
    chroot,  // Chrooted services do not see it where it is.
    folder,  // A folder may not be passed through.
    socket,  // It may not be written, or there is something else with it.
  };
  Obstacle obstacle = Obstacle::none;
  std::string place;   // The folder, or the socket.
  std::string reason;  // "Permission denied"
};

enum class Validation : std::uint8_t { not_asked, secure, insecure, failed };

// The resolver that smtp(8) asks.
struct ResolverFacts {
  std::string file = "/etc/resolv.conf";          // In its chroot where it has one.
  std::vector<std::string> servers;               // Their addresses, as that file has them.
  std::vector<std::string> outside;               // The same in /etc/resolv.conf.
  Validation validation = Validation::not_asked;  // By the first one.
};

struct PostfixFacts {
  std::string directory;
  std::string problem;  // Why it could not be asked; empty: it could.
  PostfixValues values;
  std::vector<PostfixService> services;
  std::string group;  // The primary one of mail_owner; empty: not known.
  MilterReach milter_reach;
  bool has_dane_policy = false;              // Some smtp_tls_policy_maps names DANE.
  std::vector<std::string> unread_policies;  // Tables there that tell nothing.
  ResolverFacts resolver;
};

struct LogFacts {
  std::string source;              // "file:/var/log/mail.log"
  std::string problem;             // Why we cannot read it; empty: we can.
  bool is_absent = false;          // There is nothing, or no log.
  std::string closed_folder = {};  // The first one that we may not pass through; empty: none.
};

// One key that signs reports.
struct DkimKeyFacts {
  std::string key_file;
  std::string key_problem;                  // Why it cannot sign; empty: it can.
  std::string record;                       // "tlsrpt._domainkey.example.com"
  std::vector<DkimRecordFinding> findings;  // About that record; none where there is no key.
};

// What a collector says of tlsrpt_socket.
struct SocketTrouble {
  SocketObstacle obstacle = SocketObstacle::other;
  std::string text;
};

struct CheckFacts {
  std::string user;  // Who we are.
  std::string config_file;
  policy::UtcSeconds now{};

  std::string postfix_problem;  // Why no Postfix was asked, and should have been.
  std::vector<PostfixFacts> postfix;

  std::string log_problem;  // No log could be named.
  std::vector<LogFacts> logs;

  std::string store;  // Path of the file.
  std::string store_problem;
  std::optional<policy::UtcSeconds> newest_commit;  // By a collector.

  std::string mail_transport;
  std::string transport_problem;
  std::string mail_from;
  char verp_delimiter = '\0';  // None: reports have no senders of their own.
  std::string contact_info;
  std::string dkim_domain;  // Empty: we do not sign.
  std::vector<DkimKeyFacts> dkim_keys;

  std::string milter_socket = "none";    // "unix:/PATH", "inet:PORT@HOST", "none".
  std::string milter_silence;            // Why nobody answers there as a milter; empty: it does.
  std::string tlsrpt_socket = "none";    // "/PATH", "none".
  std::string tlsrpt_socket_group;       // Empty: any.
  bool is_socket_folder_shared = false;  // Other things lie beside tlsrpt_socket, not of ours.
  std::string closed_to_socket;  // The first folder on its way that we may not pass; empty: none.
  unsigned max_queued_datagrams = 0;           // net.unix.max_dgram_qlen; 0: not known.
  std::vector<std::string> missing_datagrams;  // What a collector says of those that do not come.
  std::vector<SocketTrouble> socket_troubles;
  bool has_datagram_listener = false;  // Somebody has that socket, be it ours.
  // What a collector says of datagrams that do not find their lines.
  std::vector<std::string> datagrams_apart;
  LostDatagrams overruns;  // Of that queue.

  bool is_clock_unsynchronised = false;
};

struct CheckFinding {
  enum class Level : std::uint8_t {
    hint,   // Worth a look.
    fault,  // To be mended.
  };
  Level level = Level::fault;
  std::string check;  // Name of the check that found it.
  std::string text;
  std::vector<std::string> commands;  // What mends it, for a shell of root.
};
using CheckFindings = std::vector<CheckFinding>;

}  // namespace tlsrpt::reporter
