#include "reporter/options/log_source.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Result;

constexpr std::string_view file_prefix = "file:";
constexpr std::string_view journal_prefix = "journal:";

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

void add(LogSource source, std::vector<LogSource>* sources) {
  if (std::find(sources->begin(), sources->end(), source) != sources->end()) return;
  sources->push_back(std::move(source));
}

void add_file(std::string path, std::vector<LogSource>* sources) {
  add({LogSource::Kind::file, std::move(path)}, sources);
}

// Where postlogd(8) writes to instead of a file: /dev/stdout of a container.
bool is_device(const std::string& path) { return path.starts_with("/dev/"); }

Error nothing_found(const std::vector<PostfixConfig>& postfix, const LogPlaces& places) {
  for (const PostfixConfig& config : postfix) {
    if (is_device(config.maillog_file)) {
      return {Errc::not_found, "log_source = auto: Postfix (" + config.directory + ") logs to " +
                                   config.maillog_file +
                                   ", which cannot be read; let maillog_file be a file"};
    }
  }
  std::string looked = "neither a journal";
  for (const std::string& file : places.syslog_files) looked += " nor " + file;
  return {Errc::not_found, "log_source = auto: no mail log found: " + looked +
                               " is there; set log_source = file:PATH"};
}

// Where syslog(3) leads to.
std::optional<LogSource> syslog_source(const LogPlaces& places) {
  const auto journal = reporter::check_journal("", places.journal);
  if (journal) return LogSource{LogSource::Kind::journal, ""};
  const auto found = std::find_if(places.syslog_files.begin(), places.syslog_files.end(), exists);
  if (found != places.syslog_files.end()) return LogSource{LogSource::Kind::file, *found};
  // It is there and may not be read: reading it will say so.
  if (journal.error().code() == Errc::io) return LogSource{LogSource::Kind::journal, ""};
  return std::nullopt;
}

}  // namespace

std::string LogSource::text() const {
  if (kind == Kind::none) return "none";
  return std::string(kind == Kind::file ? file_prefix : journal_prefix) + place;
}

Result<std::vector<LogSource>> resolve_log_source(const std::vector<std::string>& log_source,
                                                  const std::vector<PostfixConfig>& postfix,
                                                  const LogPlaces& places) {
  std::vector<LogSource> sources;
  bool is_auto = false;
  for (const std::string& source : log_source) {
    if (source == "auto") is_auto = true;
    if (source == "none") add({}, &sources);
    if (source.starts_with(file_prefix)) add_file(source.substr(file_prefix.size()), &sources);
    if (source.starts_with(journal_prefix))
      add({LogSource::Kind::journal, source.substr(journal_prefix.size())}, &sources);
  }
  if (!is_auto) return sources;
  bool uses_syslog = postfix.empty();
  for (const PostfixConfig& config : postfix) {
    if (config.maillog_file.empty()) {
      uses_syslog = true;
    } else if (!is_device(config.maillog_file)) {
      add_file(config.maillog_file, &sources);
    }
  }
  if (uses_syslog) {
    if (auto source = syslog_source(places)) add(*std::move(source), &sources);
  }
  if (sources.empty()) return nothing_found(postfix, places);
  return sources;
}

}  // namespace tlsrpt::reporter
