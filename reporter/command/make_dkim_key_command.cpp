#include "reporter/command/make_dkim_key_command.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ostream>
#include <system_error>
#include <utility>
#include <vector>

#include "policy/text.h"
#include "policy/unique_fd.h"
#include "reporter/command/command_error.h"
#include "reporter/dkim/dkim_key.h"
#include "reporter/dkim/dkim_record.h"
#include "reporter/dkim/dkim_signer.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Result;

constexpr std::string_view prefix = "tlsrpt-reporter: ";

// Where recipients look for the key.
struct Place {
  std::string domain;
  std::string selector;
};

DkimKeyType wanted_type(const CommandLine& line) {
  return line.key_type == "ed25519" ? DkimKeyType::ed25519 : DkimKeyType::rsa;
}

// The switches first, then what the configuration says of the file, or of reports at large.
// Errc::syntax: no domain.
Result<Place> place_of(const CommandContext& context, DkimKeyType type) {
  const Settings& settings = context.settings;
  Place place;
  const auto& files = settings.dkim_key_file;
  const auto at = std::find(files.begin(), files.end(), context.line.arguments.front());
  const auto index = static_cast<std::size_t>(at - files.begin());
  if (index < files.size() && index < settings.dkim_selector.size()) {
    place.selector = settings.dkim_selector[index];
  } else {
    // RFC 8463, 5: a name of its own for each kind.
    place.selector = type == DkimKeyType::rsa ? "tlsrpt" : "tlsrpt-ed25519";
  }
  place.domain = settings.dkim_domain;
  const std::size_t local_part = settings.mail_from.rfind('@');
  if (place.domain.empty() && local_part != std::string::npos) {
    place.domain = settings.mail_from.substr(local_part + 1);
  }
  place.domain = context.line.domain.value_or(place.domain);
  place.selector = context.line.selector.value_or(place.selector);
  const auto& selectors = settings.dkim_selector;
  const auto used = std::find(selectors.begin(), selectors.end(), place.selector);
  const auto its = static_cast<std::size_t>(used - selectors.begin());
  if (place.domain == settings.dkim_domain && its < files.size() && its != index) {
    return Error(Errc::syntax, "the selector " + place.selector + " is that of " +
                                   policy::escape_untrusted(files[its]) +
                                   ": give this key another one by --selector");
  }
  if (place.domain.empty()) {
    return Error(Errc::syntax, "there is no configuration that names the domain: give --domain");
  }
  return place;
}

Error failed(const std::string& path, int problem) {
  return {Errc::io,
          policy::escape_untrusted(path) + ": " + std::generic_category().message(problem)};
}

// Writes PEM to PATH, which must not be there; nothing stays of it where that fails.
policy::Status write_key(const std::string& path, std::string_view pem,
                         const SecretReader& reader) {
  const policy::UniqueFd file(::open(
      path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file.valid()) return failed(path, errno);
  // Of root, and of the group of the one who signs.
  const bool is_shared = ::geteuid() == 0 && reader.uid != 0;
  const bool is_written =
      ::write(file.get(), pem.data(), pem.size()) == static_cast<ssize_t>(pem.size()) &&
      (!is_shared || (::fchown(file.get(), 0, reader.gid) == 0 &&
                      ::fchmod(file.get(), S_IRUSR | S_IWUSR | S_IRGRP) == 0)) &&
      ::fsync(file.get()) == 0;
  if (is_written) return policy::Unit{};
  const int problem = errno;
  ::unlink(path.c_str());
  return failed(path, problem);
}

Result<DkimKey> make_key(const CommandLine& line, const SecretReader& reader) {
  auto key = DkimKey::generate(wanted_type(line), line.key_bits.value_or(least_rsa_bits));
  if (!key.ok()) return key;
  const auto pem = key->pem();
  if (!pem.ok()) return pem.error();
  if (const auto written = write_key(line.arguments.front(), *pem, reader); !written.ok()) {
    return written.error();
  }
  return key;
}

// Why KEY, which was there, is not what the switches ask for; empty: it is.
std::string contradiction(const CommandLine& line, const DkimKey& key) {
  if (line.key_type && *line.key_type != to_text(key.type())) {
    return "holds a key of the kind " + std::string(to_text(key.type()));
  }
  if (line.key_bits && *line.key_bits != key.bits()) {
    return "holds a key of " + std::to_string(key.bits()) + " bits";
  }
  return {};
}

// The options that sign with the key in PATH, beside the keys that sign for its domain already:
// selectors and files.
struct KeyLists {
  std::vector<std::string> selectors;
  std::vector<std::string> files;
};
KeyLists lists_with(const Settings& settings, const Place& place, const std::string& path) {
  KeyLists lists;
  if (place.domain == settings.dkim_domain) {
    lists = {settings.dkim_selector, settings.dkim_key_file};
  }
  const auto at = std::find(lists.files.begin(), lists.files.end(), path);
  const auto index = static_cast<std::size_t>(at - lists.files.begin());
  if (at == lists.files.end()) lists.files.push_back(path);
  lists.selectors.resize(lists.files.size());
  lists.selectors[index] = place.selector;
  return lists;
}

std::string joined(const std::vector<std::string>& elements) {
  std::string text;
  for (const std::string& each : elements) text.append(text.empty() ? "" : " ").append(each);
  return policy::escape_untrusted(text);
}

void print(const CommandContext& context, const Place& place, const DkimKey& key,
           const std::string& record) {
  std::ostream& out = context.out;
  const std::string& path = context.line.arguments.front();
  const KeyLists lists = lists_with(context.settings, place, path);
  out << "; " << to_text(key.type()) << " key of " << key.bits() << " bits in "
      << policy::escape_untrusted(path) << ". Publish in DNS:\n"
      << zone_file_text(dkim_record_name(place.selector, place.domain), record)
      << "; and, when it is there (--check looks), sign with it, by tlsrpt.conf:\n"
      << ";   dkim_domain = " << place.domain << "\n;   dkim_selector = " << joined(lists.selectors)
      << "\n;   dkim_key_file = " << joined(lists.files) << '\n';
}

}  // namespace

int run_make_dkim_key(const CommandContext& context) {
  const CommandLine& line = context.line;
  const std::string& path = line.arguments.front();
  if (line.key_bits && wanted_type(line) == DkimKeyType::ed25519) {
    context.err << prefix << "--bits is for RSA keys: Ed25519 keys have one size\n";
    return exit_usage;
  }
  if (!path.starts_with('/')) {
    context.err << prefix << "give the whole path of the key file, as dkim_key_file does\n";
    return exit_usage;
  }
  const auto reader = find_secret_reader(context.settings);
  if (!reader.ok()) return fail_command(context, reader.error());
  auto key = load_dkim_key(path, *reader);
  const bool is_new = !key.ok() && key.error().code() == Errc::not_found;
  const DkimKeyType type = key.ok() ? key->type() : wanted_type(line);
  const auto place = place_of(context, type);
  if (!place.ok()) {
    context.err << prefix << place.error().message() << '\n';
    return exit_usage;
  }
  if (is_new) key = make_key(line, *reader);
  if (!key.ok()) return fail_command(context, key.error());
  if (const std::string other = contradiction(line, *key); !other.empty()) {
    context.err << prefix << policy::escape_untrusted(path) << ": " << other
                << "; name another file\n";
    return exit_usage;
  }
  const auto record = make_dkim_record(*key);
  if (!record.ok()) return fail_command(context, record.error());
  if (!is_new) context.err << prefix << "the key was there and stays as it is\n";
  print(context, *place, *key, *record);
  return exit_ok;
}

}  // namespace tlsrpt::reporter
