#include "reporter/options/option_table.h"

#include <algorithm>
#include <array>
#include <set>
#include <stdexcept>
#include <type_traits>

#include "policy/text.h"
#include "reporter/options/option_value.h"
#include "reporter/report/verp.h"

namespace tlsrpt::reporter {
namespace {

constexpr std::size_t max_summary = 72;

// What the resolver takes (policy/cares_resolver.h).
constexpr std::size_t max_dns_servers = 32;

// One of each kind, and the same again while keys are changed.
constexpr std::size_t max_dkim_keys = 4;

constexpr std::int64_t second = 1;
constexpr std::int64_t minute = 60;
constexpr std::int64_t hour = 60 * minute;
constexpr std::int64_t day = 24 * hour;
constexpr std::uint64_t kibibyte = 1024;
constexpr std::uint64_t mebibyte = 1024 * kibibyte;

template <class Member>
struct MemberType;
template <class Value>
struct MemberType<Value Settings::*> {
  using type = Value;
};

// Whether an empty value of the type can stand for "none".
template <class Value>
constexpr bool has_empty_value = requires(const Value& value) {
  value.empty();
};

template <auto member, class Kind>
policy::Status assign_member(Settings& settings, std::string_view text) {
  using Value = typename MemberType<decltype(member)>::type;
  if constexpr (has_empty_value<Value>) {
    if (text.empty()) {
      settings.*member = Value{};
      return policy::Unit{};
    }
  }
  auto value = Kind::parse(text);
  if (!value.ok()) return std::move(value).error();
  static_assert(std::is_same_v<std::decay_t<decltype(*value)>, Value>,
                "option table: the kind's type is not the member's");
  settings.*member = std::move(*value);
  return policy::Unit{};
}

template <class Value>
bool is_same_value(const Value& one, const Value& other) {
  return one == other;
}

bool is_same_value(const std::vector<policy::DnsServer>& one,
                   const std::vector<policy::DnsServer>& other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [](const policy::DnsServer& left, const policy::DnsServer& right) {
                      return left.address == right.address && left.port == right.port;
                    });
}

template <auto member>
bool is_same_member(const Settings& one, const Settings& other) {
  return is_same_value(one.*member, other.*member);
}

template <auto member>
void copy_member(const Settings& from, Settings& to) {
  to.*member = from.*member;
}

template <auto member, class Kind>
constexpr Option option(std::string_view name, std::string_view default_text,
                        std::string_view summary, Takes takes,
                        Presence presence = Presence::optional) {
  // Where there is no empty value, the default must be one.
  if (!has_empty_value<typename MemberType<decltype(member)>::type> && default_text.empty()) {
    throw std::logic_error("option table: default missing");  // Not a constant: does not compile.
  }
  return {name, Kind::type_word, default_text, summary, takes, presence, requires {Kind::is_list;
}
, assign_member<member, Kind>, is_same_member<member>, copy_member<member>
};  // namespace
}  // namespace tlsrpt::reporter

using S = Settings;
constexpr auto reload = Takes::reload;
constexpr auto restart = Takes::restart;

constexpr auto table = std::to_array<Option>({
    option<&S::bcc, kind::AddrSpec>("bcc", "", "Archive address that gets a copy of every report",
                                    reload),
    option<&S::bounce_maildir, kind::Path>("bounce_maildir", "",
                                           "Maildir with bounces that each run takes in", reload),
    option<&S::close_latest, kind::Duration<0, 2 * day>>(
        "close_latest", "6h", "Close a day this long after midnight, whatever collectors say",
        reload),
    option<&S::contact_info, kind::AddrSpec>(
        "contact_info", "", "Address for questions about reports; its domain is the submitter",
        reload, Presence::required),
    option<&S::count_private_relays, kind::YesNo>(
        "count_private_relays", "no", "Whether sessions with private addresses are counted",
        reload),
    option<&S::day_grace, kind::Duration<0, 12 * hour>>(
        "day_grace", "10m", "Wait this long after midnight for late log lines", reload),
    option<&S::delivery_concurrency, kind::Number<unsigned, 1, 256>>(
        "delivery_concurrency", "8", "Deliveries under way at the same time", reload),
    option<&S::delivery_host_concurrency, kind::Number<unsigned, 1, 256>>(
        "delivery_host_concurrency", "4", "Of these, to one https host or one mail domain", reload),
    option<&S::delivery_host_rate, kind::Number<unsigned, 0, 1'000'000>>(
        "delivery_host_rate", "0", "Deliveries a minute to one host or mail domain; 0: any number",
        reload),
    option<&S::delivery_lifetime, kind::Duration<second, 7 * day>>(
        "delivery_lifetime", "24h", "Give a delivery up this long after its first attempt", reload),
    option<&S::delivery_spread, kind::Duration<0, day>>(
        "delivery_spread", "4h", "Spread a day's reports over this long after closing", reload),
    option<&S::dkim_domain, kind::DomainText>(
        "dkim_domain", "", "Domain for which reports are signed; empty: not signed by us", reload),
    option<&S::dkim_key_file, kind::List<kind::Path>>(
        "dkim_key_file", "", "Private keys in PEM that sign reports (RSA, Ed25519)", reload),
    option<&S::dkim_selector, kind::List<kind::Selector>>(
        "dkim_selector", "", "Selector of each key file, in the same order", reload),
    option<&S::dns_servers, kind::ListOr<kind::Server, "resolv.conf">>(
        "dns_servers", "resolv.conf", "DNS servers to ask", reload),
    option<&S::dns_timeout, kind::Duration<second, 5 * minute>>(
        "dns_timeout", "10s", "Give a DNS look-up up after this long, retries included", reload),
    option<&S::exclude_domains, kind::List<kind::Domain>>(
        "exclude_domains", "", "Recipient domains that are counted and never reported", reload),
    option<&S::https_allow_addresses, kind::ListOr<kind::NetworkBlock, "none">>(
        "https_allow_addresses", "none", "Own networks to which reports may be posted", reload),
    option<&S::https_ca_file, kind::Path>(
        "https_ca_file", "", "Trusted CA certificates in PEM; empty: the system's", reload),
    option<&S::https_ports, kind::List<kind::Number<std::uint16_t, 1, 65535>>>(
        "https_ports", "443", "Ports to which reports may be posted", reload),
    option<&S::https_timeout, kind::Duration<second, 10 * minute>>(
        "https_timeout", "60s", "Give a post up after this long", reload),
    option<&S::https_verify, kind::HttpsVerifyMode>(
        "https_verify", "yes", "Whether the certificate of an https destination must verify",
        reload),
    option<&S::ignore_domains, kind::List<kind::Domain>>(
        "ignore_domains", "", "Recipient domains that are not counted", reload),
    option<&S::ignore_relays, kind::List<kind::Host>>(
        "ignore_relays", "", "Next hops that are relays of ours, not the recipient's MX", reload),
    option<&S::log_source, kind::List<kind::LogSource>>(
        "log_source", "auto", "Where Postfix's delivery log is read", reload),
    option<&S::log_timezone, kind::TimeZone>(
        "log_timezone", "", "Time zone of stamps without offset; empty: the system's", reload),
    option<&S::mail_from, kind::AddrSpec>(
        "mail_from", "", "From and envelope sender of reports; empty: contact_info", reload),
    option<&S::mail_transport, kind::Transport>("mail_transport", "sendmail:/usr/sbin/sendmail",
                                                "How reports by mail leave", reload),
    option<&S::max_deliveries, kind::Number<unsigned, 0, 10'000'000>>(
        "max_deliveries", "0", "Deliveries that one run tries at most; 0: any number", reload),
    option<&S::max_domains, kind::Number<unsigned, 1, 10'000'000>>(
        "max_domains", "200000", "Recipient domains per day; more are only counted", reload),
    option<&S::max_facts, kind::Number<unsigned, 1, 1'000'000>>(
        "max_facts", "2000", "Rows per domain and day; beyond it rows lose detail", reload),
    option<&S::max_failure_details, kind::Number<unsigned, 1, 100'000>>(
        "max_failure_details", "500", "Failure details in a report; the rest is folded", reload),
    option<&S::max_report_size, kind::Size<4 * kibibyte, 20 * mebibyte>>(
        "max_report_size", "5M", "Size of a report's JSON, beyond which details are folded",
        reload),
    option<&S::milter_socket, kind::StreamSocket>("milter_socket",
                                                  "unix:/var/spool/postfix/tlsrpt/milter.sock",
                                                  "Where Postfix finds the milter", restart),
    option<&S::milter_socket_group, kind::Group>(
        "milter_socket_group", "postfix", "Group that the milter's socket belongs to", restart),
    option<&S::milter_socket_mode, kind::FileMode>("milter_socket_mode", "0660",
                                                   "Permissions of the milter's socket", restart),
    option<&S::min_sessions, kind::Number<unsigned, 0, 1'000'000>>(
        "min_sessions", "0", "Sessions of a day below which a domain gets no report", reload),
    option<&S::organization_name, kind::FreeText>("organization_name", "",
                                                  "Name of the organization that sends reports",
                                                  reload, Presence::required),
    option<&S::postfix_config, kind::List<kind::PostfixConfig>>(
        "postfix_config", "auto", "Postfix configuration directories to ask with postconf", reload),
    option<&S::record_map, kind::Path>("record_map", "",
                                       "File with TLSRPT records that override DNS", reload),
    option<&S::relay_name, kind::Word>(
        "relay_name", "", "Name of this relay in the store; empty: the log's host", reload),
    option<&S::report_max_age, kind::Duration<day, 30 * day>>(
        "report_max_age", "7d", "Days older than this are not reported any more", reload),
    option<&S::report_plaintext, kind::YesNo>("report_plaintext", "yes",
                                              "Whether plaintext sessions are reported", reload),
    option<&S::report_senders, kind::List<kind::AddrSpec>>(
        "report_senders", "", "Envelope senders of our reports; empty: mail_from", reload),
    option<&S::retention, kind::Duration<day, 3660 * day>>(
        "retention", "30d", "How long facts and delivery records are kept", reload),
    option<&S::retry_max, kind::Duration<second, day>>(
        "retry_max", "4h", "Longest wait between two attempts of a delivery", reload),
    option<&S::retry_min, kind::Duration<second, day>>(
        "retry_min", "5m", "Wait between the first and the second attempt", reload),
    option<&S::run_as, kind::User>(
        "run_as", "", "User to run as when started by root; empty: tlsrpt, if it exists", restart),
    option<&S::sending_mta_ip, kind::ListOr<kind::Address, "auto">>(
        "sending_mta_ip", "auto", "Addresses to report as those of the sending MTA", reload),
    option<&S::smtp_password_file, kind::Path>("smtp_password_file", "",
                                               "File with the password of smtp_user", reload),
    option<&S::smtp_tls_ca_file, kind::Path>(
        "smtp_tls_ca_file", "", "CA certificates for the server of mail_transport, in PEM", reload),
    option<&S::smtp_tls_cert_file, kind::Path>(
        "smtp_tls_cert_file", "", "Certificate that we show to that server, in PEM", reload),
    option<&S::smtp_tls_key_file, kind::Path>(
        "smtp_tls_key_file", "", "Its private key; empty: in smtp_tls_cert_file", reload),
    option<&S::smtp_tls_level, kind::SmtpTls>("smtp_tls_level", "may",
                                              "TLS with the server of mail_transport", reload),
    option<&S::smtp_user, kind::FreeText>("smtp_user", "",
                                          "User name for the server of mail_transport", reload),
    option<&S::store, kind::StoreLocation>("store", "sqlite:/var/lib/tlsrpt/tlsrpt.sqlite",
                                           "Where facts, reports and deliveries are kept", restart),
    option<&S::suppress_time, kind::Duration<0, 365 * day>>(
        "suppress_time", "7d", "Nothing is sent for so long to an address that bounced", reload),
    option<&S::syslog_name, kind::List<kind::Word>>(
        "syslog_name", "postfix", "First parts of program names that are Postfix's", reload),
    option<&S::tlsrpt_socket, kind::DatagramSocket>(
        "tlsrpt_socket", "none", "Where Postfix 3.10 and later send TLSRPT datagrams", restart),
    option<&S::tlsrpt_socket_group, kind::Group>(
        "tlsrpt_socket_group", "postfix", "Group that the TLSRPT socket belongs to", restart),
    option<&S::tlsrpt_socket_mode, kind::FileMode>("tlsrpt_socket_mode", "0660",
                                                   "Permissions of the TLSRPT socket", restart),
    option<&S::verp_delimiter, kind::Delimiter>(
        "verp_delimiter", "none", "Between mail_from's local part and what names the delivery",
        reload),
});

consteval bool well_formed(std::span<const Option> options) {
  for (std::size_t i = 0; i < options.size(); ++i) {
    const Option& each = options[i];
    if (i > 0 && options[i - 1].name >= each.name) return false;
    if (each.name.empty()) return false;
    if (each.summary.empty() || each.summary.size() > max_summary) return false;
    if (each.summary.back() == '.') return false;
    if (each.presence == Presence::required && !each.default_text.empty()) return false;
  }
  return true;
}
static_assert(well_formed(table), "option table: sort by name, fill in summaries of 72 bytes");

// Levenshtein's distance, for short names.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row.back();
}

// A word that stands for a whole list, beside other elements.
void check_alone(const std::vector<std::string>& values, std::string_view name,
                 std::vector<OptionFault>& faults) {
  if (values.size() < 2) return;
  for (const std::string_view word : {"auto", "none"}) {
    if (std::find(values.begin(), values.end(), word) != values.end()) {
      faults.push_back({name, name, "\"" + std::string(word) + "\" must stand alone"});
      return;
    }
  }
  std::set<std::string_view> seen;
  for (const std::string& value : values) {
    if (!seen.insert(value).second) {
      faults.push_back({name, name, "\"" + policy::escape_untrusted(value) + "\" is listed twice"});
      return;
    }
  }
}

// What is only ever used with another option. Credentials go to a server that was verified.
void check_smtp(const Settings& settings, std::vector<OptionFault>& faults) {
  const auto needs = [&faults](bool is_set, std::string_view option, bool has,
                               std::string_view other, std::string_view why) {
    if (is_set && !has) faults.push_back({option, other, std::string(why)});
  };
  const bool is_smtp = settings.mail_transport.starts_with("smtp://");
  const bool has_level = settings.smtp_tls_level != SmtpTlsLevel::may;
  const bool is_verified = settings.smtp_tls_level == SmtpTlsLevel::verify;
  const bool has_user = !settings.smtp_user.empty();
  const bool has_password = !settings.smtp_password_file.empty();
  const bool has_cert = !settings.smtp_tls_cert_file.empty();
  const std::string_view transport = "is for mail_transport = smtp://HOST";
  needs(has_level, "smtp_tls_level", is_smtp, "mail_transport", transport);
  needs(has_user, "smtp_user", is_smtp, "mail_transport", transport);
  needs(has_cert, "smtp_tls_cert_file", is_smtp, "mail_transport", transport);
  needs(has_user, "smtp_user", has_password, "smtp_password_file", "needs smtp_password_file");
  needs(has_password, "smtp_password_file", has_user, "smtp_user", "needs smtp_user");
  needs(has_user, "smtp_user", is_verified, "smtp_tls_level",
        "needs smtp_tls_level = verify, lest the password go to whoever answers");
  needs(!settings.smtp_tls_ca_file.empty(), "smtp_tls_ca_file", is_verified, "smtp_tls_level",
        "needs smtp_tls_level = verify");
  needs(has_cert, "smtp_tls_cert_file", has_level, "smtp_tls_level",
        "needs smtp_tls_level = encrypt or verify");
  needs(!settings.smtp_tls_key_file.empty(), "smtp_tls_key_file", has_cert, "smtp_tls_cert_file",
        "needs smtp_tls_cert_file");
}

// All three options of DKIM or none, and as many selectors as keys, each once: a recipient finds
// the key by its selector.
void check_dkim(const Settings& settings, std::vector<OptionFault>& faults) {
  const std::vector<std::string>& selectors = settings.dkim_selector;
  if (settings.dkim_domain.empty()) {
    for (const std::string_view option : {"dkim_selector", "dkim_key_file"}) {
      if (!(option == "dkim_selector" ? selectors : settings.dkim_key_file).empty()) {
        faults.push_back({option, "dkim_domain", "needs dkim_domain, for which is signed"});
      }
    }
    return;
  }
  if (selectors.empty() || settings.dkim_key_file.empty()) {
    faults.push_back(
        {"dkim_domain", "dkim_domain", "needs dkim_selector and dkim_key_file to sign with"});
    return;
  }
  if (selectors.size() != settings.dkim_key_file.size()) {
    faults.push_back(
        {"dkim_key_file", "dkim_selector",
         "must have as many elements as dkim_selector (" + std::to_string(selectors.size()) + ")"});
  }
  if (settings.dkim_key_file.size() > max_dkim_keys) {
    faults.push_back({"dkim_key_file", "dkim_key_file", "more than 4 signatures help nobody"});
  }
  if (std::set<std::string_view>(selectors.begin(), selectors.end()).size() < selectors.size()) {
    faults.push_back({"dkim_selector", "dkim_selector", "a selector has one key"});
  }
}

// What is made at one place must not be at another's.
void check_places(const Settings& settings, std::vector<OptionFault>& faults) {
  struct Place {
    std::string_view option;
    std::string_view path;
  };
  std::vector<Place> places;
  const auto add = [&places](std::string_view option, std::string_view value,
                             std::string_view scheme) {
    if (value.starts_with(scheme)) places.push_back({option, value.substr(scheme.size())});
  };
  add("store", settings.store, "sqlite:");
  for (const std::string& source : settings.log_source) add("log_source", source, "file:");
  add("milter_socket", settings.milter_socket, "unix:");
  if (settings.tlsrpt_socket != "none") add("tlsrpt_socket", settings.tlsrpt_socket, "");
  for (std::size_t i = 0; i < places.size(); ++i) {
    for (std::size_t j = i + 1; j < places.size(); ++j) {
      const Place& one = places[i];
      const Place& other = places[j];
      if (one.path != other.path || one.option == other.option) continue;
      faults.push_back(
          {other.option, one.option, "is at the same path as " + std::string(one.option)});
    }
  }
}

}  // namespace

std::span<const Option> option_table() { return table; }

const Option* find_option(std::string_view name) {
  const auto at = std::lower_bound(
      table.begin(), table.end(), name,
      [](const Option& option, std::string_view wanted) { return option.name < wanted; });
  return at != table.end() && at->name == name ? &*at : nullptr;
}

const Option* guess_option(std::string_view name) {
  constexpr std::size_t max_length = 40;   // No option's name is longer.
  constexpr std::size_t max_distance = 3;  // More is another word.
  if (name.size() > max_length) return nullptr;
  std::string folded = policy::to_lower(name);
  std::replace(folded.begin(), folded.end(), '-', '_');
  const Option* best = nullptr;
  std::size_t best_distance = std::min(max_distance + 1, folded.size() / 2 + 1);
  for (const Option& option : table) {
    if (const std::size_t d = distance(folded, option.name); d < best_distance) {
      best = &option;
      best_distance = d;
    }
  }
  return best;
}

std::string type_text(const Option& option) {
  return std::string(option.type_word) + (option.is_list ? "-list" : "");
}

std::string default_text(const Option& option) {
  if (option.presence == Presence::required) return "(required)";
  return option.default_text.empty() ? "-" : std::string(option.default_text);
}

Settings default_settings() {
  Settings settings;
  for (const Option& option : table) {
    const policy::Status assigned = option.assign(settings, option.default_text);
    if (!assigned.ok()) {
      throw std::logic_error("default of " + std::string(option.name) + ": " +
                             assigned.error().message());
    }
  }
  return settings;
}

void derive(Settings& settings) {
  if (settings.mail_from.empty()) settings.mail_from = settings.contact_info;
  if (settings.report_senders.empty() && !settings.mail_from.empty()) {
    settings.report_senders = {settings.mail_from};
  }
  const std::size_t at = settings.contact_info.rfind('@');
  if (at == std::string::npos) return;
  const auto name = policy::DomainName::parse(settings.contact_info.substr(at + 1));
  if (name.ok()) settings.submitter = name->text();
}

std::vector<std::string_view> keep_restart_options(const Settings& running, Settings& fresh) {
  std::vector<std::string_view> kept;
  for (const Option& option : table) {
    if (option.takes != Takes::restart || option.is_same(running, fresh)) continue;
    option.copy(running, fresh);
    kept.push_back(option.name);
  }
  return kept;
}

std::vector<OptionFault> validate(const Settings& settings) {
  std::vector<OptionFault> faults;
  if (settings.retry_min > settings.retry_max) {
    faults.push_back(
        {"retry_min", "retry_max",
         "must not be longer than retry_max (" + duration_text(settings.retry_max) + ")"});
  }
  if (settings.report_max_age > settings.retention) {
    faults.push_back({"report_max_age", "retention",
                      "must not be longer than retention (" + duration_text(settings.retention) +
                          "), which deletes what is to be reported"});
  }
  if (settings.dns_servers.size() > max_dns_servers) {
    faults.push_back({"dns_servers", "dns_servers", "more than 32 servers are never asked"});
  }
  if (settings.verp_delimiter != '\0') {
    std::string obstacle = verp_obstacle(settings.mail_from);
    if (!obstacle.empty()) {
      faults.push_back({"verp_delimiter", "mail_from", "mail_from " + std::move(obstacle)});
    }
  }
  check_dkim(settings, faults);
  check_smtp(settings, faults);
  check_alone(settings.log_source, "log_source", faults);
  check_alone(settings.postfix_config, "postfix_config", faults);
  check_places(settings, faults);
  return faults;
}

}  // namespace tlsrpt::reporter
