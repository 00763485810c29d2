#include "reporter/options/record_map.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "policy/text.h"
#include "reporter/options/config_file.h"

namespace tlsrpt::reporter {

using policy::Errc;
using policy::Error;
using policy::Result;

Result<RecordMap> RecordMap::parse(std::string_view text, const std::string& file) {
  RecordMap map;
  std::string faults;
  std::size_t count = 0;
  for (std::size_t line_number = 1; !text.empty(); ++line_number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string reason = map.add(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (reason.empty()) continue;
    if (++count > max_config_faults) break;
    if (!faults.empty()) faults += '\n';
    faults += policy::escape_untrusted(file) + ":" + std::to_string(line_number) + ": " + reason;
  }
  if (!faults.empty()) return Error(Errc::syntax, std::move(faults));
  return map;
}

Result<RecordMap> RecordMap::load(const std::string& path) {
  if (path.empty()) return RecordMap();
  // A pipe would have whoever asks wait for one that writes, and is empty for the next.
  struct stat status {};
  if (path != "/dev/null" && ::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) &&
      !S_ISDIR(status.st_mode))
    return Error(Errc::io, policy::escape_untrusted(path) + ": is no plain file");
  const auto text = read_small_file(path, max_record_map_size);
  if (!text.ok()) return text.error();
  return parse(*text, path);
}

std::string RecordMap::add(std::string_view line) {
  if (line.size() > max_record_map_line) return "line is longer than any TXT record";
  if (line.find('\0') != std::string_view::npos) return "line holds a NUL byte";
  if (line.ends_with('\r')) return "line ends in CR LF: convert the file to Unix line ends";
  line = policy::trim(line);
  if (line.empty() || line.front() == '#') return {};
  const std::size_t blank = line.find_first_of(" \t");
  const std::string_view name = line.substr(0, blank);
  if (blank == std::string_view::npos) {
    return R"(expected "DOMAIN TXT-RECORD" or "DOMAIN discard")";
  }
  MappedRecords* entry = nullptr;
  if (name == "*") {
    if (!others_) others_.emplace();
    entry = &*others_;
  } else {
    const auto domain = policy::DomainName::parse(name);
    if (!domain.ok()) return "\"" + policy::escape_untrusted(name) + "\" is not a domain name";
    entry = &domains_[*domain];
  }
  const std::string_view record = policy::trim(line.substr(blank));
  const bool discard = record == "discard";
  if (entry->discard || (discard && !entry->records.empty())) {
    return R"("discard" must be the only line of its domain)";
  }
  if (discard) {
    entry->discard = true;
  } else {
    entry->records.emplace_back(record);
  }
  return {};
}

const MappedRecords* RecordMap::find(const policy::DomainName& domain) const {
  if (const auto at = domains_.find(domain); at != domains_.end()) return &at->second;
  return others_ ? &*others_ : nullptr;
}

}  // namespace tlsrpt::reporter
