// base64 (RFC 2045, 6.8; RFC 4648, 4) for messages.
#pragma once

#include <string>
#include <string_view>

#include "policy/result.h"

namespace tlsrpt::reporter {

// DATA in base64, on one line.
std::string base64_encode(std::string_view data);
// The same in lines of 76 characters, each ended by CRLF (RFC 2045, 6.8).
std::string base64_lines(std::string_view data);
// What TEXT encodes. White space anywhere is skipped; the padding may be missing at the end.
// Errc::syntax: another character, or data after the padding.
policy::Result<std::string> base64_decode(std::string_view text);

}  // namespace tlsrpt::reporter
