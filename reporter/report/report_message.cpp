#include "reporter/report/report_message.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "policy/text.h"
#include "policy/vocabulary.h"
#include "reporter/report/base64.h"
#include "reporter/report/gzip.h"
#include "reporter/report/report_name.h"
#include "reporter/report/report_reader.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;

constexpr std::string_view crlf = "\r\n";
// RFC 5322, 2.1.1: lines should be at most 78 characters, and must be at most 998.
constexpr std::size_t wanted_line = 78;
// What keeps a line under 998 whatever field it is in. The longest are file names and Message-IDs,
// which hold two domains of at most 253 octets each.
constexpr std::size_t max_header_text = 900;
// Policy lines in the text for people; the store keeps fewer.
constexpr std::size_t max_policy_lines = 20;

// Whether TEXT may stand in a header as it is: printable ASCII without blanks.
bool is_header_word(std::string_view text) {
  return !text.empty() && text.size() <= max_header_text &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7F'; });
}

// An addr-spec may have blanks inside of a quoted local part, and UTF-8 (RFC 6532, 3.2).
bool is_header_address(std::string_view text) {
  const std::size_t at = text.rfind('@');
  return at != std::string_view::npos && at > 0 && at + 1 < text.size() &&
         text.size() <= max_header_text && text.front() != ' ' && text.back() != ' ' &&
         policy::is_printable(text);
}

// "NAME: VALUE", folded at blanks of VALUE where the line would be longer than wanted (RFC 5322,
// 2.2.3).
std::string header(std::string_view name, std::string_view value) {
  std::string out(name);
  out += ':';
  std::size_t column = out.size();
  while (!value.empty()) {
    const std::size_t end = value.find(' ');
    const std::string_view word = value.substr(0, end);
    value.remove_prefix(end == std::string_view::npos ? value.size() : end + 1);
    if (column + 1 + word.size() > wanted_line && column > name.size() + 1) {
      out += crlf;
      column = 0;
    }
    out.append(" ").append(word);
    column += 1 + word.size();
  }
  return out.append(crlf);
}

std::string two_digits(unsigned number) {
  return {static_cast<char>('0' + number / 10 % 10), static_cast<char>('0' + number % 10)};
}

// Text lines for people. The names in them are ASCII (A-labels, addr-spec); an organization's name
// may be anything and is left out where it is not.
std::string text_part(const StoredReport& stored, const ReadReport& read) {
  const Report& report = read.report;
  const bool is_ascii =
      std::all_of(report.organization_name.begin(), report.organization_name.end(),
                  [](char c) { return c >= ' ' && c < '\x7F'; });
  std::string out = "This is an aggregate TLS report (RFC 8460) from ";
  out.append(is_ascii ? report.organization_name : report.submitter).append(".\r\n\r\n");
  const auto line = [&out](std::string_view name, std::string_view value) {
    out.append(name).append(value).append(crlf);
  };
  const policy::UtcSeconds begin = stored.day;
  line("Recipient domain: ", stored.domain);
  line("Period (UTC):     ",
       policy::to_text(begin) + " to " +
           policy::to_text(begin + std::chrono::days(1) - std::chrono::seconds(1)));
  line("Submitter:        ", report.submitter);
  line("Contact:          ", report.contact_info);
  line("Report-ID:        ", stored.report_id);
  out += "\r\nSessions of our mail servers with yours, for each policy that applied:\r\n";
  for (std::size_t i = 0; i < report.policies.size() && i < max_policy_lines; ++i) {
    const PolicyResult& each = report.policies[i];
    std::string text = "  " + std::string(policy::to_text(each.policy.type));
    text.append(" ").append(each.policy.policy_domain).append(": ");
    text.append(std::to_string(each.successful_sessions)).append(" successful, ");
    line(text, std::to_string(each.failed_sessions) + " failed");
  }
  out +=
      "\r\nThe attached file is the report itself: JSON, compressed with gzip.\r\n"
      "\r\nYou receive it because of the TXT record at\r\n  _smtp._tls." +
      stored.domain +
      "\r\nTo receive no more reports, remove this address from its rua, or the record.\r\n";
  // Names are ASCII; what the store gave back may be anything, and the part says us-ascii.
  std::replace_if(
      out.begin(), out.end(),
      [](char c) { return (c < ' ' && c != '\r' && c != '\n') || c >= '\x7F'; }, '?');
  return out;
}

std::string headers(const StoredReport& stored, const std::string& submitter,
                    const MessageAddressing& addressing) {
  return header("From", addressing.mail_from) + header("To", addressing.recipient) +
         header("Subject", make_subject(stored.domain, submitter, stored.report_id)) +
         header("Date", mail_date(stored.created_at)) +
         header("Message-ID", addressing.message_id) + header("MIME-Version", "1.0") +
         header("Content-Type",
                R"(multipart/report; report-type="tlsrpt"; boundary=")" + stored.boundary + "\"") +
         // RFC 8460, 5.3.
         header("TLS-Report-Domain", stored.domain) + header("TLS-Report-Submitter", submitter) +
         // RFC 8689, 5: a report about broken TLS is to arrive in spite of broken TLS.
         header("TLS-Required", "No") +
         // RFC 3834, 5: no out-of-office replies to this.
         header("Auto-Submitted", "auto-generated");
}

policy::Status check_parts(const StoredReport& stored, const MessageAddressing& addressing) {
  for (const std::string* address : {&addressing.mail_from, &addressing.recipient}) {
    if (!is_header_address(*address)) {
      return Error(Errc::syntax, "message: no address for a header: " + *address);
    }
  }
  for (const std::string* word : {&addressing.message_id, &stored.domain, &stored.report_id,
                                  &stored.file_name, &stored.boundary}) {
    if (!is_header_word(*word) || word->find('"') != std::string::npos) {
      return Error(Errc::syntax, "message: no text for a header: " + *word);
    }
  }
  return policy::Unit{};
}

}  // namespace

std::string mail_date(policy::UtcSeconds instant) {
  constexpr std::array<std::string_view, 7> weekdays = {"Sun", "Mon", "Tue", "Wed",
                                                        "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const policy::UtcDay day = policy::day_of(instant);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(instant - day);
  std::string out(weekdays.at(std::chrono::weekday(day).c_encoding()));
  out.append(", ").append(two_digits(static_cast<unsigned>(date.day())));
  out.append(" ").append(months.at(static_cast<unsigned>(date.month()) - 1));
  out.append(" ").append(policy::to_text(day), 0, 4).append(" ");
  out.append(two_digits(static_cast<unsigned>(time.hours().count()))).append(":");
  out.append(two_digits(static_cast<unsigned>(time.minutes().count()))).append(":");
  out.append(two_digits(static_cast<unsigned>(time.seconds().count())));
  return out.append(" +0000");
}

policy::Result<std::string> render_report_message(const StoredReport& report,
                                                  const MessageAddressing& addressing) {
  if (auto checked = check_parts(report, addressing); !checked) return checked.error();
  auto json = gzip_decompress(report.json_gz, max_report_json);
  if (!json) return std::move(json).error().context(report.report_id);
  auto read = read_report_json(*json);
  if (!read) return std::move(read).error().context(report.report_id);
  const std::string& submitter = read->report.submitter;
  if (!is_header_word(submitter)) {
    return Error(Errc::syntax, report.report_id + ": contact-info has no domain");
  }
  const std::string delimiter = "--" + report.boundary;
  std::string out = headers(report, submitter, addressing);
  out.append(crlf).append(delimiter).append(crlf);
  out += "Content-Type: text/plain; charset=us-ascii\r\n";
  out += "Content-Transfer-Encoding: 7bit\r\n\r\n";
  out += text_part(report, *read);
  out.append(crlf).append(delimiter).append(crlf);
  // The name stands in both fields, as in Google's messages; a long one has a line of its own.
  out += "Content-Type: application/tlsrpt+gzip;\r\n name=\"" + report.file_name + "\"\r\n";
  out += "Content-Transfer-Encoding: base64\r\n";
  out += "Content-Disposition: attachment;\r\n filename=\"" + report.file_name + "\"\r\n\r\n";
  out += base64_lines(report.json_gz);
  return out.append(delimiter).append("--").append(crlf);
}

}  // namespace tlsrpt::reporter
