#include "reporter/command/common_command.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <ostream>
#include <system_error>

#include "policy/text.h"
#include "reporter/deliver/mail_sender.h"
#include "reporter/dkim/dkim_signer.h"
#include "reporter/dkim/signing_domain.h"
#include "reporter/group.h"
#include "reporter/options/config_file.h"
#include "reporter/options/option_table.h"
#include "reporter/options/record_map.h"
#include "reporter/run_as.h"

namespace tlsrpt::reporter {
namespace {

constexpr const char* zoneinfo = "/usr/share/zoneinfo/";

// Why the file PATH cannot be used, empty where it can: only whether it exists and is a file.
std::string file_fault(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return policy::escape_untrusted(path) + ": " + std::generic_category().message(errno);
  }
  if (S_ISDIR(status.st_mode)) return policy::escape_untrusted(path) + ": is a directory";
  return {};
}

enum class FileKind : std::uint8_t { file, program, folder, socket };

// Why what is at PATH cannot be used as a KIND; empty: it can, or nothing is there yet.
std::string kind_fault(const std::string& path, FileKind kind) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  const std::string name = policy::escape_untrusted(path) + ": ";
  const bool is_wanted = kind == FileKind::folder   ? S_ISDIR(status.st_mode)
                         : kind == FileKind::socket ? S_ISSOCK(status.st_mode)
                                                    : S_ISREG(status.st_mode);
  if (!is_wanted && S_ISDIR(status.st_mode)) return name + "is a directory";
  if (!is_wanted && kind == FileKind::folder) return name + "is no directory";
  if (!is_wanted && kind == FileKind::socket) return name + "is no socket";
  if (!is_wanted) return name + "is no plain file";
  constexpr mode_t executable = S_IXUSR | S_IXGRP | S_IXOTH;
  if (kind == FileKind::program && (status.st_mode & executable) == 0)
    return name + "cannot be executed";
  return {};
}

// What SETTINGS name for one purpose, and is there for another.
void add_wrong_kinds(const Settings& settings, std::vector<std::string>* missing) {
  const auto look = [&](std::string_view option, std::string_view value, std::string_view scheme,
                        FileKind kind) {
    if (!value.starts_with(scheme)) return;
    const std::string fault = kind_fault(std::string(value.substr(scheme.size())), kind);
    if (!fault.empty()) missing->push_back(fault_text(settings, option, fault));
  };
  for (const std::string& source : settings.log_source) {
    look("log_source", source, "file:", FileKind::file);
    if (source.starts_with("journal:/")) look("log_source", source, "journal:", FileKind::folder);
  }
  look("mail_transport", settings.mail_transport, "sendmail:", FileKind::program);
  look("mail_transport", settings.mail_transport, "directory:", FileKind::folder);
  look("store", settings.store, "sqlite:", FileKind::file);
  look("bounce_maildir", settings.bounce_maildir, "", FileKind::folder);
  look("milter_socket", settings.milter_socket, "unix:", FileKind::socket);
  if (settings.tlsrpt_socket != "none")
    look("tlsrpt_socket", settings.tlsrpt_socket, "", FileKind::socket);
  for (const std::string& folder : settings.postfix_config)
    if (folder.starts_with('/')) look("postfix_config", folder, "", FileKind::folder);
}

// Why the file PATH cannot be one with CA certificates; what only others may read is not looked at.
std::string certificates_fault(const std::string& path) {
  if (std::string fault = file_fault(path); !fault.empty()) return fault;
  // A pipe would have us wait.
  if (std::string fault = kind_fault(path, FileKind::file); !fault.empty()) return fault;
  constexpr std::size_t most = std::size_t{64} * 1024 * 1024;
  const auto text = read_small_file(path, most);
  if (!text.ok() || text->find("CERTIFICATE-----") != std::string::npos) return {};
  return policy::escape_untrusted(path) + ": holds no certificate in PEM";
}

// Why the file that SETTINGS have as store is none. An empty one becomes one.
std::string store_fault(const Settings& settings) {
  constexpr std::string_view scheme = "sqlite:";
  constexpr std::string_view begin = "SQLite format 3";
  if (!settings.store.starts_with(scheme)) return {};
  const std::string path = settings.store.substr(scheme.size());
  std::ifstream file(path, std::ios::binary);
  std::string found(begin.size(), ' ');
  if (!file.read(found.data(), 1)) return {};
  (void)file.read(found.data() + 1, static_cast<std::streamsize>(found.size() - 1));
  if (found == begin) return {};
  return policy::escape_untrusted(path) + ": is no SQLite database";
}

int check_config(const CommandLine& line, std::ostream& out, std::ostream& err) {
  const auto settings = load_settings(line.config_file);
  if (!settings.ok()) {
    err << settings.error().message() << '\n';
    return exit_config;
  }
  const std::string file = policy::escape_untrusted(line.config_file);
  const auto missing = missing_on_machine(*settings);
  for (const std::string& each : missing) err << each << '\n';
  for (const std::string& each : awaited_on_machine(*settings)) err << each << '\n';
  if (!missing.empty()) return exit_config;
  for (const UnsignedAddress& each :
       unsigned_addresses(settings->dkim_domain, settings->mail_from, settings->contact_info)) {
    err << fault_text(*settings, "dkim_domain", "warning: " + each.text) << '\n';
  }
  out << file << ": no faults\n";
  return exit_ok;
}

}  // namespace

std::string options_text() {
  std::string text;
  for (const Option& option : option_table()) {
    text += std::string(option.name) + '\t' + type_text(option) + '\t' + default_text(option) +
            '\t' + (option.takes == Takes::reload ? "reload" : "restart") + '\n';
  }
  return text;
}

std::string default_config_text() {
  std::string text =
      "# Configuration of tlsrpt-milter(8) and tlsrpt-reporter(8); see tlsrpt.conf(5).\n"
      "# Every option stands here with its default. Remove the `#` before one to set it.\n"
      "# A line that begins with a blank continues the one above it.\n";
  for (const Option& option : option_table()) {
    const bool required = option.presence == Presence::required;
    text += "\n# " + std::string(option.summary) + (required ? " (required).\n" : ".\n");
    text += (required ? "" : "#") + std::string(option.name) + " =";
    if (!option.default_text.empty()) text += " " + std::string(option.default_text);
    text += '\n';
  }
  return text;
}

std::vector<std::string> missing_on_machine(const Settings& settings) {
  std::vector<std::string> missing;
  const auto add = [&](std::string_view option, const std::string& reason) {
    if (!reason.empty()) missing.push_back(fault_text(settings, option, reason));
  };
  if (!settings.log_timezone.empty() && settings.log_timezone != "UTC") {
    add("log_timezone", file_fault(zoneinfo + settings.log_timezone));
  }
  if (const auto user = find_run_as_user(settings); !user.ok()) {
    missing.push_back(user.error().message());
  }
  if (const auto map = RecordMap::load(settings.record_map); !map.ok()) {
    add("record_map", map.error().message());
  }
  if (const auto signer = make_dkim_signer(settings); !signer.ok()) {
    add("dkim_key_file", signer.error().message());
  }
  if (const auto fault = find_transport_fault(settings)) {
    add(fault->option, fault->message);
  }
  // Only where it was set: the default is the group of a Postfix that may come later.
  const auto add_group = [&](std::string_view option, const std::string& name) {
    if (!settings.option_lines.contains(option)) return;
    if (const auto group = find_group(name); !group.ok()) add(option, group.error().message());
  };
  if (settings.milter_socket.starts_with("unix:"))
    add_group("milter_socket_group", settings.milter_socket_group);
  if (settings.tlsrpt_socket != "none")
    add_group("tlsrpt_socket_group", settings.tlsrpt_socket_group);
  const std::size_t before = missing.size();
  add_wrong_kinds(settings, &missing);
  if (missing.size() == before) add("store", store_fault(settings));
  const auto add_file = [&](std::string_view option, const std::string& path) {
    if (!path.empty()) add(option, file_fault(path));
  };
  if (!settings.https_ca_file.empty())
    add("https_ca_file", certificates_fault(settings.https_ca_file));
  if (!settings.smtp_tls_ca_file.empty())
    add("smtp_tls_ca_file", certificates_fault(settings.smtp_tls_ca_file));
  add_file("smtp_tls_cert_file", settings.smtp_tls_cert_file);
  add_file("smtp_tls_key_file", settings.smtp_tls_key_file);
  return missing;
}

std::vector<std::string> awaited_on_machine(const Settings& settings) {
  std::vector<std::string> awaited;
  const auto look = [&](std::string_view option, std::string_view value, std::string_view scheme,
                        std::string_view consequence) {
    if (!value.starts_with(scheme)) return;
    const std::string path(value.substr(scheme.size()));
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0) return;
    awaited.push_back(fault_text(settings, option,
                                 "warning: " + file_fault(path) + "; " + std::string(consequence)));
  };
  for (const std::string& source : settings.log_source) {
    constexpr std::string_view waits = "tlsrpt-milter waits for it";
    look("log_source", source, "file:", waits);
    if (source.starts_with("journal:/")) look("log_source", source, "journal:", waits);
  }
  if (!settings.bounce_maildir.empty())
    look("bounce_maildir", settings.bounce_maildir, "", "no bounce is read before it is there");
  for (const std::string& folder : settings.postfix_config)
    if (folder.starts_with('/'))
      look("postfix_config", folder, "", "tlsrpt-milter does not start before it is there");
  for (const std::string_view scheme : {"sendmail:", "directory:"})
    look("mail_transport", settings.mail_transport, scheme,
         "no report is mailed before it is there");
  const auto look_for_group = [&](std::string_view option, const std::string& name) {
    if (settings.option_lines.contains(option) || name.empty()) return;
    if (const auto group = find_group(name); !group.ok())
      awaited.push_back(fault_text(settings, option,
                                   "warning: " + group.error().message() +
                                       "; tlsrpt-milter has no such socket before there is one"));
  };
  // The usual socket of the milter does no harm where there is no Postfix.
  if (settings.milter_socket.starts_with("unix:") &&
      settings.option_lines.contains("milter_socket"))
    look_for_group("milter_socket_group", settings.milter_socket_group);
  if (settings.tlsrpt_socket != "none")
    look_for_group("tlsrpt_socket_group", settings.tlsrpt_socket_group);
  return awaited;
}

std::optional<int> run_common(Program program, const CommandLine& line, std::ostream& out,
                              std::ostream& err) {
  if (line.action == "help") {
    out << help_text(program);
  } else if (line.action == "version") {
    out << program_name(program) << ' ' << TLSRPT_VERSION << '\n';
  } else if (line.action == "print-options") {
    out << options_text();
  } else if (line.action == "print-default-config") {
    out << default_config_text();
  } else if (line.action == "check-config") {
    return check_config(line, out, err);
  } else {
    return std::nullopt;
  }
  return exit_ok;
}

}  // namespace tlsrpt::reporter
