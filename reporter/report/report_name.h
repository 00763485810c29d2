// The names of one report: report-id, file name, Subject and the Message-IDs of its messages.
//
// All are made from the same parts, so that they agree with each other and with the JSON
// (RFC 8460, 5.6). Domains are lower-case A-labels, which need no quoting in any of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "policy/utc_day.h"

namespace tlsrpt::reporter {

// What a report is about and who sends it.
struct ReportKey {
  policy::UtcDay day{};
  std::string domain;  // Recipient domain.
  std::uint32_t revision = 1;
  std::string submitter;  // Domain of contact-info.

  friend bool operator==(const ReportKey&, const ReportKey&) = default;
};

// "<yyyymmdd>.<domain>.<revision>@<submitter>", without angle brackets. The left part is a dot-atom
// (RFC 8460, 5.3; RFC 5322, 3.6.4).
std::string make_report_id(const ReportKey& key);
// The parts of a report-id of that form, none for any other.
std::optional<ReportKey> parse_report_id(std::string_view report_id);

// RFC 8460, 5.1: "submitter!domain!begin!end!NNN.json.gz"; the unique-id is the revision, at least
// three digits.
std::string make_file_name(const ReportKey& key);

// What a file name of RFC 8460, 5.1 says.
struct FileNameParts {
  std::string sender;
  std::string domain;
  policy::UtcSeconds begin{};
  policy::UtcSeconds end{};
  std::string unique_id;  // Empty where absent.
};
// None where FILE_NAME is not of that form.
std::optional<FileNameParts> parse_file_name(std::string_view file_name);

// File systems allow 255 bytes in a name; some layers (eCryptfs, editors' suffixes) fewer.
inline constexpr std::size_t max_disk_name = 240;
// The name under which a report with FILE_NAME lies in a folder: the same, or for names over
// max_disk_name the first 32 hexadecimal digits of its SHA-256 and ".json.gz".
std::string disk_name(std::string_view file_name);
// The name of its NUMBERth message (from 1) there: disk_name() without ".json.gz", then ".N.eml".
std::string message_disk_name(std::string_view file_name, unsigned number);

// The first 32 hexadecimal digits (128 bits) of the SHA-256 of TEXT.
std::string short_hash(std::string_view text);

// "<tlsrpt.REPORT-ID-LEFT.NUMBER.TOKEN@submitter>" with angle brackets. TOKEN is 128 random bits in
// hexadecimal: nobody else can know the name of a report that was not sent yet.
std::string make_message_id(std::string_view report_id, unsigned number, std::string_view token);

// RFC 8460, 5.3: "Report Domain: D Submitter: S Report-ID: <ID>", not folded.
std::string make_subject(std::string_view domain, std::string_view submitter,
                         std::string_view report_id);

}  // namespace tlsrpt::reporter
