#include "reporter/report/report_file.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "policy/text.h"
#include "reporter/report/gzip.h"
#include "reporter/report/mime_reader.h"
#include "reporter/report/report_name.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;

constexpr std::string_view gzip_type = "application/tlsrpt+gzip";
constexpr std::string_view json_type = "application/tlsrpt+json";

// "WHAT says A, the report B", where they differ.
void compare(std::string_view what, std::string_view says, std::string_view report,
             Complaints& complaints) {
  if (policy::to_lower(says) == policy::to_lower(report)) return;
  std::string text(what);
  text.append(" says ").append(says).append(", the report ").append(report);
  complaints.add(std::move(text));
}

// RFC 8460, 5.1.
void check_file_name(std::string_view file_name, ReadReport& read) {
  const auto parts = parse_file_name(file_name);
  if (!parts) {
    if (!file_name.empty()) read.complaints.add("the file name is not that of RFC 8460, 5.1");
    return;
  }
  compare("the file name's sender", parts->sender, read.report.submitter, read.complaints);
  const auto compare_instant = [&read](std::string_view what, policy::UtcSeconds named,
                                       const std::optional<policy::UtcSeconds>& in_report) {
    if (!in_report) return;
    compare(what, policy::to_text(named), policy::to_text(*in_report), read.complaints);
  };
  compare_instant("the file name's begin", parts->begin, read.begin);
  compare_instant("the file name's end", parts->end, read.end);
}

// A document, compressed or not.
policy::Result<ReadReport> read_document(std::string_view bytes) {
  if (!is_gzip(bytes)) return read_report_json(bytes);
  auto json = gzip_decompress(bytes, max_report_json);
  if (!json) return std::move(json).error();
  return read_report_json(*json);
}

bool is_report_type(std::string_view type) { return type == gzip_type || type == json_type; }

// The part that holds the report: by its media type, else by its name.
const MimePart* find_report(const std::vector<MimePart>& parts) {
  const auto has_type = [](const MimePart& part) { return is_report_type(part.type); };
  const auto has_name = [](const MimePart& part) {
    const std::string name = policy::to_lower(part.file_name);
    return name.ends_with(".json") || name.ends_with(".json.gz");
  };
  auto found = std::find_if(parts.begin(), parts.end(), has_type);
  if (found == parts.end()) found = std::find_if(parts.begin(), parts.end(), has_name);
  return found == parts.end() ? nullptr : &*found;
}

// The words of a Subject of RFC 8460, 5.3; empty where it has another form.
struct SubjectParts {
  std::string_view domain;
  std::string_view submitter;
  std::string_view report_id;  // Without angle brackets.
};

SubjectParts parse_subject(std::string_view subject) {
  const auto words = policy::split_words(subject);
  if (words.size() != 7 || words[0] != "Report" || words[1] != "Domain:" ||
      words[3] != "Submitter:" || words[5] != "Report-ID:") {
    return {};
  }
  std::string_view id = words[6];
  if (!id.starts_with('<') || !id.ends_with('>') || id.find('@') == std::string_view::npos) {
    return {};
  }
  return {words[2], words[4], id.substr(1, id.size() - 2)};
}

// RFC 8460, 5.3.
void check_headers(const MimeMessage& message, ReadReport& read) {
  Complaints& complaints = read.complaints;
  if (message.content_type.value != "multipart/report") {
    complaints.add("the message is " + message.content_type.value + ", not multipart/report");
  } else {
    const auto type = message.content_type.parameters.find("report-type");
    if (type == message.content_type.parameters.end() ||
        policy::to_lower(type->second) != "tlsrpt") {
      complaints.add("the message's report-type is not tlsrpt");
    }
  }
  const SubjectParts subject = parse_subject(message.header.value("subject"));
  const std::string& domain = message.header.value("tls-report-domain");
  const std::string& submitter = message.header.value("tls-report-submitter");
  if (subject.domain.empty()) complaints.add("the Subject is not that of RFC 8460, 5.3");
  if (domain.empty()) complaints.add("the field TLS-Report-Domain is missing");
  if (submitter.empty()) {
    complaints.add("the field TLS-Report-Submitter is missing");
  } else {
    compare("TLS-Report-Submitter", submitter, read.report.submitter, complaints);
  }
  // The JSON itself does not name the recipient domain.
  if (parse_report_id(read.report_id)) {
    if (!domain.empty()) compare("TLS-Report-Domain", domain, read.report.domain, complaints);
  } else if (!domain.empty()) {
    read.report.domain = domain;
  }
  if (subject.domain.empty()) return;
  compare("the Subject's domain", subject.domain, read.report.domain, complaints);
  compare("the Subject's Report-ID", subject.report_id, read.report_id, complaints);
}

policy::Result<ReadReport> read_mail(std::string_view bytes) {
  const MimeMessage message = read_mime(bytes);
  const MimePart* part = find_report(message.parts);
  if (part == nullptr) {
    return Error(Errc::syntax, "neither JSON nor gzip nor a message with a report attached");
  }
  const auto body = decode_body(*part);
  if (!body) return Error(body.error()).context("attachment");
  auto read = read_document(*body);
  if (!read) return std::move(read).error().context("attachment");
  Complaints& complaints = read->complaints;
  const auto reports = std::count_if(message.parts.begin(), message.parts.end(),
                                     [](const auto& each) { return is_report_type(each.type); });
  if (reports == 0)
    complaints.add("the attachment is " + part->type + ", not " +
                   std::string(is_gzip(*body) ? gzip_type : json_type));
  if (reports > 1) complaints.add("the message has several reports; this is the first");
  if (is_report_type(part->type) && (part->type == gzip_type) != is_gzip(*body)) {
    complaints.add("the attachment is " + part->type + ", but its content is not");
  }
  check_file_name(part->file_name, *read);
  check_headers(message, *read);
  return read;
}

}  // namespace

policy::Result<ReadReport> read_report_file(std::string_view bytes, std::string_view file_name) {
  if (bytes.size() > max_report_file) return Error(Errc::limit, "larger than 32 MiB");
  const std::size_t first = bytes.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  const bool is_json =
      first != std::string_view::npos && (bytes[first] == '{' || bytes[first] == '[');
  if (!is_gzip(bytes) && !is_json) return read_mail(bytes);
  auto read = read_document(bytes);
  // Files are renamed; only a name that looks like one of RFC 8460 can contradict.
  if (read && parse_file_name(file_name)) check_file_name(file_name, *read);
  return read;
}

}  // namespace tlsrpt::reporter
