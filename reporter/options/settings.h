// Settings: the value of every option in tlsrpt.conf(5), for both programs.
//
// option_table.h declares name, type word, default and summary of each; this is only the place
// where parsed values live. Defaults are given there as text, never here.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "policy/domain_name.h"
#include "policy/ip_address.h"
#include "policy/ip_network.h"
#include "policy/resolver.h"

namespace tlsrpt::reporter {

// Towards the server of mail_transport; named as in Postfix.
enum class SmtpTlsLevel : std::uint8_t {
  may,      // STARTTLS where offered, in clear where that fails.
  encrypt,  // Never in clear; any certificate.
  verify,   // And the certificate must be the host's.
};

enum class HttpsVerify : std::uint8_t { yes, fallback, no };

// A network in CIDR notation, such as 127.0.0.0/8.
using Network = policy::IpNetwork;

struct Settings {
  std::string organization_name;
  std::string contact_info;
  std::string mail_from;                // Filled from contact_info where not set.
  std::string store;                    // "sqlite:PATH".
  std::string run_as;                   // Empty: "tlsrpt" where that user exists.
  std::string relay_name;               // Empty: the log's host.
  std::vector<std::string> log_source;  // "auto", "none", "file:PATH", "journal:PLACE".
  std::string log_timezone;             // IANA name; empty: the system's.
  std::vector<std::string> syslog_name;
  std::vector<std::string> postfix_config;  // "auto", "none" or directories.
  std::string milter_socket;                // "unix:/PATH", "inet:PORT@HOST", "none".
  std::string milter_socket_group;
  unsigned milter_socket_mode = 0;  // Permission bits.
  std::string tlsrpt_socket;        // "/PATH", "none".
  std::string tlsrpt_socket_group;
  unsigned tlsrpt_socket_mode = 0;                // Permission bits.
  std::vector<std::string> report_senders;        // Filled from mail_from where not set.
  std::vector<policy::IpAddress> sending_mta_ip;  // Empty: auto.
  std::vector<std::string> ignore_relays;         // Host names or addresses, lower case.
  std::vector<policy::DomainName> ignore_domains;
  bool count_private_relays = false;
  bool report_plaintext = true;
  std::vector<policy::DomainName> exclude_domains;
  unsigned min_sessions = 0;                   // 0, 1: any number.
  std::vector<policy::DnsServer> dns_servers;  // Empty: resolv.conf.
  std::chrono::seconds dns_timeout{};
  std::string record_map;      // Path; empty: none.
  std::string mail_transport;  // "sendmail:PATH", "smtp://HOST[:PORT]", "directory:PATH".
  SmtpTlsLevel smtp_tls_level = SmtpTlsLevel::may;
  std::string smtp_tls_ca_file;    // Empty: the system's.
  std::string smtp_tls_cert_file;  // Of ours, in PEM; empty: none.
  std::string smtp_tls_key_file;   // Empty: in smtp_tls_cert_file.
  std::string smtp_user;           // Empty: no AUTH.
  std::string smtp_password_file;
  std::string bcc;
  std::string bounce_maildir;  // Path; empty: none is read.
  std::chrono::seconds suppress_time{};
  HttpsVerify https_verify = HttpsVerify::yes;
  std::string https_ca_file;  // Empty: the system's.
  std::vector<std::uint16_t> https_ports;
  std::vector<Network> https_allow_addresses;
  std::chrono::seconds https_timeout{};
  std::chrono::seconds delivery_spread{};
  std::chrono::seconds delivery_lifetime{};
  unsigned delivery_concurrency = 0;
  unsigned delivery_host_concurrency = 0;  // To one https host or mail domain.
  unsigned delivery_host_rate = 0;         // A minute, to one of them; 0: any number.
  unsigned max_deliveries = 0;             // A run; 0: any number.
  std::chrono::seconds retry_min{};
  std::chrono::seconds retry_max{};
  std::chrono::seconds day_grace{};
  std::chrono::seconds close_latest{};
  std::chrono::seconds report_max_age{};
  unsigned max_facts = 0;
  unsigned max_domains = 0;
  unsigned max_failure_details = 0;
  std::uint64_t max_report_size = 0;  // Octets of JSON.
  std::chrono::seconds retention{};
  char verp_delimiter = '\0';  // '\0': the envelope sender is mail_from.

  // Reports are signed for dkim_domain (lower-case A-labels; empty: not by us), with one selector
  // for each key file, in the same order.
  std::string dkim_domain;
  std::vector<std::string> dkim_selector;
  std::vector<std::string> dkim_key_file;

  // Not set in the file: the domain of contact_info, the submitter (RFC 8460, 5.3).
  std::string submitter;

  // Not set in the file: its path, and the line of each option that stands in it, for fault_text().
  std::string config_file;
  std::map<std::string, std::size_t, std::less<>> option_lines;
};

}  // namespace tlsrpt::reporter
