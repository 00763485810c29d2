// tlsrpt.conf(5): from text to Settings, with every fault told at once.
//
// Grammar: a line is empty, a comment (first byte that is no blank is `#`) or `name = value`. A
// line that begins with a blank continues the value above it, as in Postfix; empty lines and
// comments do not end it. Blanks round name and value do not count; there is no quoting. An empty
// value is allowed where the default is empty. The file is UTF-8 with LF line ends.
//
// The parser is total: any bytes give settings or faults. Nothing here looks at permissions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "policy/result.h"
#include "reporter/options/settings.h"

namespace tlsrpt::reporter {

// A configuration is a page or two; these bound what a wrong file name (a log, a device) can cost.
inline constexpr std::size_t max_config_size = 1024UL * 1024;
inline constexpr std::size_t max_config_line = 8192;
// After so many faults the file is something else, and more would bury the first.
inline constexpr std::size_t max_config_faults = 100;

struct ConfigFault {
  std::size_t line = 1;  // The file's last line where something is missing.
  std::string reason;    // Escaped for terminals.
};

struct ParsedSettings {
  Settings settings;                // Complete, derived and valid only where there are no faults.
  std::vector<ConfigFault> faults;  // Ascending by line.
};

ParsedSettings parse_settings(std::string_view text);

// The settings in the file PATH. The error's message holds every fault as "PATH:LINE: REASON", one
// a line without final line end (Errc::syntax), or says why the file cannot be read: Errc::io, or
// Errc::not_found where it does not exist.
policy::Result<Settings> load_settings(const std::string& path);

// "PATH:LINE: OPTION: REASON", for a fault that only shows when the value is used: no such file or
// user. Without LINE where OPTION has its default, without PATH where SETTINGS are of no file.
std::string fault_text(const Settings& settings, std::string_view option, std::string_view reason);

// The bytes of the regular file, pipe or terminal PATH, at most LIMIT. Errc::not_found, Errc::io,
// or Errc::limit where it holds more; messages begin with PATH.
policy::Result<std::string> read_small_file(const std::string& path, std::size_t limit);

}  // namespace tlsrpt::reporter
