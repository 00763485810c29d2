#include "reporter/check/check_rules.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <utility>

#include "policy/text.h"
#include "reporter/check/check_milter.h"
#include "reporter/check/dkim_rules.h"
#include "reporter/check/mail_rules.h"
#include "reporter/check/postfix_mend.h"
#include "reporter/check/socket_rules.h"
#include "reporter/datagram_queue.h"
#include "reporter/dkim/signing_domain.h"
#include "reporter/postfix/relay_hosts.h"
#include "reporter/postfix/tls_policy_maps.h"

namespace tlsrpt::reporter {
namespace {

using Level = CheckFinding::Level;

// A clock that differs by more shows in stamps of a log, in days, in signatures of DNSSEC.
constexpr std::chrono::minutes clock_tolerance{10};

// Major and minor and patch level of "3.10.3" or "3.11-20251020".
std::array<unsigned, 3> version_of(const PostfixFacts& postfix) {
  std::array<unsigned, 3> parts{};
  const std::string text = value(postfix, "mail_version");
  std::size_t part = 0;
  for (const char c : text) {
    if (c >= '0' && c <= '9') {
      parts[part] = parts[part] * 10 + static_cast<unsigned>(c - '0');
    } else if (c != '.' || ++part == parts.size()) {
      break;
    }
  }
  return parts;
}

bool is_smtp_client(const PostfixService& service) { return service.program == "smtp"; }

void check_postfix(const CheckFacts& facts, CheckFindings* findings) {
  if (!facts.postfix_problem.empty()) {
    findings->push_back(
        {Level::hint, "postfix", facts.postfix_problem + "; its settings are not checked", {}});
  }
  for (const PostfixFacts& postfix : facts.postfix) {
    if (!postfix.problem.empty())
      findings->push_back({Level::fault, "postfix", postfix.problem, {"postfix check"}});
  }
}

void check_tls_logging(const CheckFacts& facts, CheckFindings* findings) {
  for (const PostfixFacts& postfix : facts.postfix) {
    for (const PostfixService& service : postfix.services) {
      if (!is_smtp_client(service) || effective(postfix, service, "smtp_tls_loglevel") != "0")
        continue;
      add_setting(postfix, service,
                  {Level::fault, "tls-logging", "smtp_tls_loglevel", "1",
                   "successful TLS sessions are not logged, and look like none"},
                  findings);
    }
  }
}

void check_tls_level(const CheckFacts& facts, CheckFindings* findings) {
  for (const PostfixFacts& postfix : facts.postfix) {
    for (const PostfixService& service : postfix.services) {
      if (!is_smtp_client(service)) continue;
      const std::string level = effective(postfix, service, "smtp_tls_security_level");
      const bool is_legacy = effective(postfix, service, "smtp_use_tls") == "yes" ||
                             effective(postfix, service, "smtp_enforce_tls") == "yes";
      if (level == "none" || (level.empty() && !is_legacy)) {
        add_setting(postfix, service,
                    {Level::fault, "tls-level", "smtp_tls_security_level", "may",
                     "mail is sent without TLS, there is nothing to report"},
                    findings);
      }
    }
  }
}

std::vector<std::string> mend_of_log(const CheckFacts& facts, const LogFacts& log) {
  constexpr std::string_view file = "file:";
  if (log.is_absent) return {set_option(facts, "log_source", "auto")};
  if (!log.source.starts_with(file)) return {"adduser " + facts.user + " systemd-journal"};
  const std::string path = log.source.substr(file.size());
  std::vector<std::string> commands{"adduser " + facts.user + " adm",
                                    "chgrp adm " + path + " && chmod g+r " + path};
  if (!log.closed_folder.empty()) commands.push_back("chmod o+x " + log.closed_folder);
  return commands;
}

void check_log(const CheckFacts& facts, CheckFindings* findings) {
  if (!facts.log_problem.empty()) {
    findings->push_back(
        {Level::fault,
         "log",
         facts.log_problem,
         {set_option(facts, "log_source", "auto"), "systemctl restart tlsrpt-milter"}});
  }
  for (const LogFacts& log : facts.logs) {
    if (log.problem.empty()) continue;
    std::vector<std::string> commands = mend_of_log(facts, log);
    commands.emplace_back("systemctl restart tlsrpt-milter");
    findings->push_back(
        {Level::fault, "log",
         log.source + " cannot be read by the user " + facts.user + ": " + log.problem,
         std::move(commands)});
  }
}

void check_store(const CheckFacts& facts, CheckFindings* findings) {
  if (facts.store_problem.empty()) return;
  const std::string folder = facts.store.substr(0, facts.store.rfind('/'));
  findings->push_back(
      {Level::fault,
       "store",
       facts.store + " cannot be used by the user " + facts.user + ": " + facts.store_problem,
       {"install -d -o " + facts.user + " -m 0750 " + folder,
        "find " + folder + " -name '" + facts.store.substr(folder.size() + 1) + "*' -exec chown " +
            facts.user + ": {} +"}});
}

void check_transport(const CheckFacts& facts, CheckFindings* findings) {
  if (facts.transport_problem.empty()) return;
  constexpr std::string_view usual = "sendmail:/usr/sbin/sendmail";
  std::vector<std::string> commands{set_option(facts, "mail_transport", usual)};
  if (facts.mail_transport == usual) commands = {"apt-get install --reinstall postfix"};
  findings->push_back({Level::fault, "mail-transport",
                       "mail_transport " + facts.mail_transport + ": " + facts.transport_problem,
                       std::move(commands)});
}

// --- reports and TLS ---------------------------------------------------------------------------

bool enforces_tls(const PostfixFacts& postfix, const PostfixService& service) {
  const std::string level = effective(postfix, service, "smtp_tls_security_level");
  const std::string maps = effective(postfix, service, "smtp_tls_policy_maps");
  const bool is_legacy = level.empty() && effective(postfix, service, "smtp_enforce_tls") == "yes";
  const bool is_opportunistic = !is_legacy && (level.empty() || level == "none" || level == "may");
  return !is_opportunistic || may_enforce_tls(maps);
}

// The service that mail from SENDER leaves by; "smtp" where nothing else is said.
std::string service_for(const PostfixFacts& postfix, std::string_view sender) {
  const std::string domain = "@" + std::string(sender.substr(sender.rfind('@') + 1));
  for (const LookupTable& table :
       lookup_tables(value(postfix, "sender_dependent_default_transport_maps"))) {
    std::string text = table.name;
    for (char& c : text) {
      if (c == '{' || c == '}' || c == '=' || c == ',') c = ' ';
    }
    const auto words = policy::split_words(text);
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
      const std::string key = policy::to_lower(words[i]);
      if (key == policy::to_lower(sender) || key == policy::to_lower(domain))
        return std::string(words[i + 1].substr(0, words[i + 1].find(':')));
    }
    if (table.type != "inline") return {};  // Not to be told from here.
  }
  const std::string transport = value(postfix, "default_transport");
  return transport.empty() ? "smtp" : transport.substr(0, transport.find(':'));
}

// The same for reports. A sender of their own is another address where Postfix does not know what
// was added.
std::string service_of_reports(const CheckFacts& facts, const PostfixFacts& postfix) {
  const std::size_t at = facts.mail_from.rfind('@');
  if (at == std::string::npos || knows_verp(facts, postfix))
    return service_for(postfix, facts.mail_from);
  std::string sender = facts.mail_from;
  return service_for(postfix, sender.insert(at, facts.verp_delimiter + std::string("0")));
}

const PostfixService* find_service(const PostfixFacts& postfix, const std::string& name) {
  const auto found =
      std::find_if(postfix.services.begin(), postfix.services.end(),
                   [&](const PostfixService& each) { return each.name == name + "/unix"; });
  return found == postfix.services.end() ? nullptr : &*found;
}

bool has_tlsrpt_on(const PostfixFacts& postfix) {
  return value(postfix, "smtp_tlsrpt_enable") == "yes";
}

bool leaves_by_local_postfix(const CheckFacts& facts) {
  return facts.mail_transport.starts_with("sendmail:");
}

// Whether the transport of reports' own is to be chrooted: as it is, else as the one is by which
// they leave now, else as Postfix's usual one.
bool is_own_chrooted(const CheckFacts& facts, const PostfixFacts& postfix) {
  for (const std::string& name :
       {std::string("tlsrpt-out"), service_of_reports(facts, postfix), std::string("smtp")}) {
    const PostfixService* service = find_service(postfix, name);
    if (service != nullptr && is_smtp_client(*service)) return service->is_chrooted;
  }
  return false;
}

// A transport of their own for reports: TLS where it can be had, no policy that stops them.
std::vector<std::string> own_transport(const CheckFacts& facts, const PostfixFacts& postfix) {
  const std::string postconf = postconf_of(postfix);
  const std::string chroot = is_own_chrooted(facts, postfix) ? "y" : "n";
  const std::string service = "tlsrpt-out/unix";
  const std::string maps = value(postfix, "sender_dependent_default_transport_maps");
  std::vector<std::string> commands{
      postconf + " -M '" + service + "=tlsrpt-out unix - - " + chroot + " - - smtp'",
      postconf + " -P '" + service + "/smtp_tls_security_level=may' '" + service +
          "/smtp_tls_policy_maps=static:may' '" + service + "/syslog_name=postfix/tlsrpt-out'"};
  if (has_tlsrpt_on(postfix))
    commands.push_back(postconf + " -P '" + service + "/smtp_tlsrpt_enable=no'");
  commands.push_back(postconf + " -e 'sender_dependent_default_transport_maps=inline:{ {" +
                     facts.mail_from + " = tlsrpt-out:} }" + (maps.empty() ? "" : ", ") + maps +
                     "'");
  commands.push_back(reload_of(postfix));
  return commands;
}

// What lets reports leave by a service that does not hinder them.
std::vector<std::string> let_reports_out(const CheckFacts& facts, const PostfixFacts& postfix) {
  const bool is_by_verp =
      service_of_reports(facts, postfix) != service_for(postfix, facts.mail_from);
  return is_by_verp ? let_know_verp(facts, postfix) : own_transport(facts, postfix);
}

void check_report_tls(const CheckFacts& facts, CheckFindings* findings) {
  for (const PostfixFacts& postfix : facts.postfix) {
    if (!postfix.problem.empty()) continue;
    if (version_of(postfix) >= std::array<unsigned, 3>{3, 10, 0} &&
        value(postfix, "tls_required_enable") != "no")
      continue;  // It honours the TLS-Required field of our reports.
    if (!value(postfix, "transport_maps").empty()) {
      findings->push_back({Level::hint,
                           "report-tls",
                           "reports to the domains in transport_maps leave by the services that "
                           "are named there, under the TLS policies of these",
                           {postconf_of(postfix) + " transport_maps"}});
    }
    const std::string name = service_of_reports(facts, postfix);
    const PostfixService* service = find_service(postfix, name);
    // lmtp(8), error(8) and the like have other parameters for TLS, or none.
    if (service != nullptr && (!is_smtp_client(*service) || !enforces_tls(postfix, *service)))
      continue;
    findings->push_back(
        {name.empty() ? Level::hint : Level::fault, "report-tls",
         "reports leave under the TLS policies of other mail, and this Postfix does not know "
         "TLS-Required: a report about broken TLS may be stopped by it",
         let_reports_out(facts, postfix)});
  }
}

void check_report_loop(const CheckFacts& facts, CheckFindings* findings) {
  for (const PostfixFacts& postfix : facts.postfix) {
    const auto version = version_of(postfix);
    if (!has_tlsrpt_on(postfix) || version[0] != 3 || version[1] != 10 || version[2] > 3) continue;
    const PostfixService* service = find_service(postfix, service_of_reports(facts, postfix));
    if (service != nullptr &&
        (!is_smtp_client(*service) || effective(postfix, *service, "smtp_tlsrpt_enable") == "no"))
      continue;
    findings->push_back({Level::fault, "report-loop",
                         "Postfix " + value(postfix, "mail_version") +
                             " counts the sessions of reports, too: reports cause reports; 3.10.4 "
                             "and later do not",
                         let_reports_out(facts, postfix)});
  }
}

void check_tlsrpt_socket(const CheckFacts& facts, CheckFindings* findings) {
  for (const PostfixFacts& postfix : facts.postfix) {
    if (!has_tlsrpt_on(postfix)) continue;
    std::string socket = value(postfix, "smtp_tlsrpt_socket_name");
    if (socket.empty()) continue;
    if (!socket.starts_with('/')) socket = value(postfix, "queue_directory") + "/" + socket;
    if (facts.tlsrpt_socket == socket) continue;
    findings->push_back({Level::fault,
                         "tlsrpt-socket",
                         "Postfix sends TLSRPT datagrams to " + socket +
                             ", which is not ours (tlsrpt_socket = " + facts.tlsrpt_socket +
                             "): if somebody else makes reports of them, domains get two",
                         {postconf_of(postfix) + " -e smtp_tlsrpt_enable=no", reload_of(postfix)}});
  }
}

void check_tlsrpt_arrival(const CheckFacts& facts, CheckFindings* findings) {
  check_socket_had(facts, findings);
  const std::string what = "smtp_tlsrpt_socket_name smtp_tlsrpt_enable queue_directory";
  for (const std::string& text : facts.missing_datagrams) {
    std::vector<std::string> commands{"ls -l " + facts.tlsrpt_socket};
    for (const PostfixFacts& postfix : facts.postfix)
      commands.push_back(postconf_of(postfix) + " " + what);
    findings->push_back({Level::fault, "tlsrpt-arrival", text, std::move(commands)});
  }
}

void check_tlsrpt_pairs(const CheckFacts& facts, CheckFindings* findings) {
  for (const std::string& text : facts.datagrams_apart)
    findings->push_back({Level::fault, "tlsrpt-pairs", text, {"timedatectl", "man tlsrpt.conf"}});
}

void check_tlsrpt_queue(const CheckFacts& facts, CheckFindings* findings) {
  // What systemd sets; the kernel's own 10 are full when ten sessions begin at once.
  constexpr unsigned usual_length = 512;
  const bool was_full =
      facts.overruns.count > 0 && facts.now - facts.overruns.last < std::chrono::hours(7 * 24);
  const bool is_short = facts.max_queued_datagrams > 0 && facts.max_queued_datagrams < usual_length;
  if (!was_full && !is_short) return;
  const unsigned wanted = std::max(4 * facts.max_queued_datagrams, usual_length);
  const std::string setting = "net.unix.max_dgram_qlen=" + std::to_string(wanted);
  const std::string length = std::to_string(facts.max_queued_datagrams);
  findings->push_back(
      {was_full ? Level::fault : Level::hint,
       "tlsrpt-queue",
       was_full
           ? "the kernel's queue of TLSRPT datagrams was " + found_full(facts.overruns.count) +
                 ", last at " + policy::to_text(facts.overruns.last) + ": what came then is lost"
           : "the kernel keeps only " + length + " TLSRPT datagrams while we are busy",
       {"echo " + setting + " > /etc/sysctl.d/90-tlsrpt.conf",
        "sysctl -p /etc/sysctl.d/90-tlsrpt.conf",
        "systemctl try-restart tlsrpt-milter.socket tlsrpt-milter.service"}});
}

// --- machine -----------------------------------------------------------------------------------

void check_servers(const PostfixFacts& postfix, CheckFindings* findings) {
  const ResolverFacts& resolver = postfix.resolver;
  const bool is_chrooted = resolver.file != "/etc/resolv.conf";
  const std::string copy = "cp /etc/resolv.conf " + resolver.file;
  if (resolver.validation == Validation::insecure || resolver.validation == Validation::failed) {
    std::vector<std::string> commands{"apt-get install unbound",
                                      "echo 'nameserver 127.0.0.1' >/etc/resolv.conf"};
    if (is_chrooted) commands.push_back(copy);
    findings->push_back({Level::fault, "resolver",
                         "DANE is in use, and the resolver " + resolver.servers.front() +
                             ", which smtp(8) has from " + resolver.file + "," +
                             (resolver.validation == Validation::failed
                                  ? " does not answer"
                                  : " does not say that signed answers are authentic (AD)"),
                         std::move(commands)});
  } else if (resolver.servers != resolver.outside) {
    findings->push_back({Level::hint,
                         "resolver",
                         "smtp(8) is chrooted and asks the resolvers in " + resolver.file +
                             ", which are not those in /etc/resolv.conf",
                         {copy, reload_of(postfix)}});
  }
}

// Of tables that are asked over the network nobody can tell all they may answer.
void hint_at_unread_policies(const PostfixFacts& postfix, CheckFindings* findings) {
  for (const std::string& table : postfix.unread_policies) {
    findings->push_back(
        {Level::hint,
         "resolver",
         "smtp_tls_policy_maps has " + table +
             ", whose policies cannot be read: if it gives the level dane to anybody, "
             "smtp_dns_support_level has to be dnssec, or TLSA records are not looked up",
         {postconf_of(postfix) + " smtp_tls_policy_maps smtp_dns_support_level"}});
  }
}

void check_resolver(const CheckFacts& facts, CheckFindings* findings) {
  for (const PostfixFacts& postfix : facts.postfix) {
    if (!uses_dane(postfix)) {
      hint_at_unread_policies(postfix, findings);
      continue;
    }
    if (value(postfix, "smtp_dns_support_level") != "dnssec") {
      findings->push_back(
          {Level::fault,
           "resolver",
           "DANE is in use, and smtp_dns_support_level is not dnssec: TLSA records "
           "are not looked up",
           {postconf_of(postfix) + " -e smtp_dns_support_level=dnssec", reload_of(postfix)}});
    }
    check_servers(postfix, findings);
  }
}

void check_clock(const CheckFacts& facts, CheckFindings* findings) {
  if (facts.newest_commit && *facts.newest_commit > facts.now + clock_tolerance) {
    findings->push_back(
        {Level::fault,
         "clock",
         "it is " + policy::to_text(facts.now) + ", but the collector has committed at " +
             policy::to_text(*facts.newest_commit) + ": the clock is, or was, wrong",
         {"timedatectl set-ntp true"}});
  } else if (facts.is_clock_unsynchronised) {
    findings->push_back({Level::hint,
                         "clock",
                         "nobody keeps the clock of this machine right",
                         {"timedatectl set-ntp true"}});
  }
}

std::string domain_of(const std::string& address) { return address.substr(address.rfind('@') + 1); }

// A key of our own for DOMAIN, beside our configuration.
std::vector<std::string> own_signature(const CheckFacts& facts, const std::string& domain) {
  const std::string key =
      facts.config_file.substr(0, facts.config_file.rfind('/') + 1) + "dkim.pem";
  return {"tlsrpt-reporter -c " + facts.config_file + " --make-dkim-key " + key +
              "  # publish what it prints",
          set_option(facts, "dkim_domain", domain), set_option(facts, "dkim_selector", "tlsrpt1"),
          set_option(facts, "dkim_key_file", key)};
}

// Whether somebody else than ours may sign what leaves by POSTFIX through sendmail(1).
bool may_sign(const CheckFacts& facts, const PostfixFacts& postfix) {
  if (!value(postfix, "content_filter").empty()) return true;
  const auto milters = listed_milters(value(postfix, "non_smtpd_milters"));
  return std::any_of(milters.begin(), milters.end(), [&](const std::string& each) {
    return each != facts.milter_socket && !is_our_milter(facts, postfix, {}, each) &&
           !is_our_milter(facts, postfix, {{}, {}, true, {}}, each);
  });
}

void check_signing_domain(const CheckFacts& facts, CheckFindings* findings) {
  for (const UnsignedAddress& each :
       unsigned_addresses(facts.dkim_domain, facts.mail_from, facts.contact_info)) {
    const std::string local_part = each.address.substr(0, each.address.rfind('@') + 1);
    findings->push_back({Level::fault,
                         "signature",
                         each.text,
                         {set_option(facts, each.option, local_part + facts.dkim_domain)}});
  }
}

void check_signature(const CheckFacts& facts, CheckFindings* findings) {
  if (!facts.dkim_domain.empty()) {
    check_signing_domain(facts, findings);
    return;
  }
  const std::string domain = domain_of(facts.mail_from);
  for (const PostfixFacts& postfix : facts.postfix) {
    if (!postfix.problem.empty() || may_sign(facts, postfix)) continue;
    findings->push_back({Level::fault, "signature",
                         "nobody seems to sign reports from " + facts.mail_from +
                             " (no other milter in non_smtpd_milters, and no dkim_domain): "
                             "recipients ignore reports without a DKIM signature of " +
                             domain,
                         own_signature(facts, domain)});
    return;
  }
}

bool always(const CheckFacts& /*facts*/) { return true; }

bool knows_postfix(const CheckFacts& facts) {
  return std::any_of(facts.postfix.begin(), facts.postfix.end(),
                     [](const PostfixFacts& postfix) { return postfix.problem.empty(); });
}

bool was_postfix_wanted(const CheckFacts& facts) {
  return !facts.postfix.empty() || !facts.postfix_problem.empty();
}

bool has_milter(const CheckFacts& facts) {
  return facts.milter_socket != "none" && knows_postfix(facts);
}

bool receives_datagrams(const CheckFacts& facts) { return facts.tlsrpt_socket != "none"; }

bool has_log(const CheckFacts& facts) { return !facts.logs.empty() || !facts.log_problem.empty(); }

bool sends_by_known_postfix(const CheckFacts& facts) {
  return leaves_by_local_postfix(facts) && knows_postfix(facts);
}

bool has_verp(const CheckFacts& facts) {
  return facts.verp_delimiter != '\0' && knows_postfix(facts);
}

bool signs(const CheckFacts& facts) { return !facts.dkim_domain.empty(); }

bool signs_or_knows_postfix(const CheckFacts& facts) {
  return signs(facts) || sends_by_known_postfix(facts);
}

bool may_have_dane(const CheckFacts& facts) {
  return std::any_of(facts.postfix.begin(), facts.postfix.end(), [](const PostfixFacts& postfix) {
    return uses_dane(postfix) || !postfix.unread_policies.empty();
  });
}

constexpr auto table = std::to_array<Check>({
    {"postfix", "the local Postfix can be asked", was_postfix_wanted, check_postfix},
    {"tls-level", "Postfix sends with TLS", knows_postfix, check_tls_level},
    {"tls-logging", "Postfix logs TLS sessions", knows_postfix, check_tls_logging},
    {"log", "the log can be read", has_log, check_log},
    {"milter", "Postfix knows the milter and can reach it", has_milter, check_milter},
    {"tlsrpt-socket", "TLSRPT datagrams go to nobody else", knows_postfix, check_tlsrpt_socket},
    {"tlsrpt-arrival", "TLSRPT datagrams come to us", receives_datagrams, check_tlsrpt_arrival},
    {"tlsrpt-pairs", "TLSRPT datagrams find their lines in the log", receives_datagrams,
     check_tlsrpt_pairs},
    {"tlsrpt-queue", "TLSRPT datagrams find room", receives_datagrams, check_tlsrpt_queue},
    {"report-tls", "reports are not stopped by TLS policies", sends_by_known_postfix,
     check_report_tls},
    {"report-loop", "Postfix counts no reports", knows_postfix, check_report_loop},
    {"signature", "reports can be signed for the domain that they come from",
     signs_or_knows_postfix, check_signature},
    {"dkim-record", "recipients find the keys that sign reports", signs, check_dkim_records},
    {"mail-transport", "reports by mail can be handed over", always, check_transport},
    {"bounces", "bounces of reports find their way", has_verp, check_bounces},
    {"smtputf8", "addresses beyond ASCII are mailed to where that is offered",
     sends_by_known_postfix, check_smtputf8},
    {"store", "the store can be written", always, check_store},
    {"resolver", "the resolver does for DANE", may_have_dane, check_resolver},
    {"clock", "the clock is right", always, check_clock},
});

}  // namespace

std::span<const Check> check_table() { return table; }

CheckFindings run_checks(const CheckFacts& facts) {
  CheckFindings findings;
  for (const Check& check : table) {
    if (check.applies(facts)) check.run(facts, &findings);
  }
  return findings;
}

bool uses_dane(const PostfixFacts& postfix) {
  if (postfix.has_dane_policy) return true;
  // Who has made this setting expects as much of a table that cannot be read.
  if (!postfix.unread_policies.empty() && value(postfix, "smtp_dns_support_level") == "dnssec")
    return true;
  return std::any_of(
      postfix.services.begin(), postfix.services.end(), [&postfix](const PostfixService& service) {
        return is_smtp_client(service) &&
               effective(postfix, service, "smtp_tls_security_level").starts_with("dane");
      });
}

}  // namespace tlsrpt::reporter
