// Files that are there whole or not at all, whatever crashes.
#pragma once

#include <string>
#include <string_view>

#include "policy/result.h"

namespace tlsrpt::reporter {

// Writes DATA to DIRECTORY/NAME, which replaces what was there, and returns when it is on the disk.
// A file that has just DATA already is left alone. Mode 0640. Where the file system can
// (O_TMPFILE), the file has no name before it is complete, so that not even SIGKILL leaves a
// partial file behind; elsewhere its name begins with ".tlsrpt-" until then. Errc::not_found: no
// such directory; Errc::io: anything else; the message names the file.
policy::Status write_file_durably(const std::string& directory, const std::string& name,
                                  std::string_view data);

// Makes DIRECTORY where it is absent (not its parents), mode 0750 less the umask. Errc::not_found:
// no such parent; Errc::io: anything else, such as a file of that name.
policy::Status ensure_directory(const std::string& directory);

}  // namespace tlsrpt::reporter
