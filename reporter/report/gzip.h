// gzip (RFC 1952) in memory: deterministic compression, and decompression with a limit.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "policy/result.h"

namespace tlsrpt::reporter {

// DATA as one gzip member without time, name and operating system, so that equal data give equal
// bytes (with one version of zlib). Errc::internal: zlib failed.
policy::Result<std::string> gzip_compress(std::string_view data);

// Whether DATA begins as gzip does.
bool is_gzip(std::string_view data);

// What DATA, one or more gzip members, decompresses to. Errc::syntax: not gzip, cut off, damaged,
// or followed by something else; Errc::limit: more than LIMIT octets.
policy::Result<std::string> gzip_decompress(std::string_view data, std::size_t limit);

}  // namespace tlsrpt::reporter
