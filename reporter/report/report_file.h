// A report as it lies in a file: .json, .json.gz, or the mail that brought it (.eml).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "policy/result.h"
#include "reporter/report/report_reader.h"

namespace tlsrpt::reporter {

// Octets of a file: a report of max_report_json that is not compressed, in base64, and some header.
inline constexpr std::size_t max_report_file = std::size_t{32} * 1024 * 1024;

// Reads BYTES, whose kind is told by what they begin with. FILE_NAME (without folders; may be
// empty) and, in a mail, Subject, TLS-Report-* fields, media types and attachment name are compared
// with the JSON, which is authoritative (RFC 8460, 5.6); differences become complaints.
// Errc::syntax or Errc::limit: there is no readable report in it. Total: any bytes.
policy::Result<ReadReport> read_report_file(std::string_view bytes, std::string_view file_name);

}  // namespace tlsrpt::reporter
