#include "reporter/report/report_name.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <vector>

#include "policy/domain_name.h"
#include "policy/text.h"

namespace tlsrpt::reporter {
namespace {

constexpr std::string_view file_suffix = ".json.gz";

// "20261124".
std::string compact_day(policy::UtcDay day) {
  std::string text = policy::to_text(day);
  std::erase(text, '-');
  return text;
}

std::optional<policy::UtcDay> parse_compact_day(std::string_view text) {
  if (text.size() != 8) return std::nullopt;
  std::string dashed(text);
  dashed.insert(6, "-").insert(4, "-");
  return policy::parse_day(dashed);
}

std::string unique_id(std::uint32_t revision) {
  std::string digits = std::to_string(revision);
  if (digits.size() < 3) digits.insert(0, 3 - digits.size(), '0');
  return digits;
}

// Whether TEXT is a domain name in the spelling that we use: lower-case A-labels.
bool is_canonical_domain(std::string_view text) {
  const auto name = policy::DomainName::parse(text);
  return name.ok() && name->text() == text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// disk_name() without its suffix.
std::string disk_stem(std::string_view file_name) {
  if (file_name.size() > max_disk_name) return short_hash(file_name);
  if (file_name.ends_with(file_suffix)) file_name.remove_suffix(file_suffix.size());
  return std::string(file_name);
}

}  // namespace

std::string short_hash(std::string_view text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  const std::vector<unsigned char> input(text.begin(), text.end());
  SHA256(input.data(), input.size(), digest.data());
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < 16; ++i) {
    out += digits[digest.at(i) >> 4];
    out += digits[digest.at(i) & 0x0F];
  }
  return out;
}

std::string make_report_id(const ReportKey& key) {
  return compact_day(key.day) + "." + key.domain + "." + std::to_string(key.revision) + "@" +
         key.submitter;
}

std::optional<ReportKey> parse_report_id(std::string_view report_id) {
  const std::size_t at = report_id.find('@');
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view left = report_id.substr(0, at);
  const std::size_t first = left.find('.');
  const std::size_t last = left.rfind('.');
  if (first == std::string_view::npos || first == last) return std::nullopt;
  const auto day = parse_compact_day(left.substr(0, first));
  const auto revision = policy::parse_number<std::uint32_t>(left.substr(last + 1));
  if (!day || !revision) return std::nullopt;
  ReportKey key{*day, std::string(left.substr(first + 1, last - first - 1)), *revision,
                std::string(report_id.substr(at + 1))};
  if (!is_canonical_domain(key.domain) || !is_canonical_domain(key.submitter)) return std::nullopt;
  return key;
}

std::string make_file_name(const ReportKey& key) {
  const std::int64_t begin = policy::unix_seconds(key.day);
  const std::int64_t end = begin + std::chrono::seconds(std::chrono::days(1)).count() - 1;
  return key.submitter + "!" + key.domain + "!" + std::to_string(begin) + "!" +
         std::to_string(end) + "!" + unique_id(key.revision) + std::string(file_suffix);
}

std::optional<FileNameParts> parse_file_name(std::string_view file_name) {
  for (const std::string_view suffix : {file_suffix, std::string_view(".json")}) {
    if (!file_name.ends_with(suffix)) continue;
    file_name.remove_suffix(suffix.size());
    const auto parts = split(file_name, '!');
    if (parts.size() < 4 || parts.size() > 5) return std::nullopt;
    const auto begin = policy::parse_number<std::int64_t>(parts[2]);
    const auto end = policy::parse_number<std::int64_t>(parts[3]);
    if (!begin || !end || parts[0].empty() || parts[1].empty()) return std::nullopt;
    return FileNameParts{std::string(parts[0]), std::string(parts[1]),
                         policy::from_unix_seconds(*begin), policy::from_unix_seconds(*end),
                         std::string(parts.size() == 5 ? parts[4] : std::string_view())};
  }
  return std::nullopt;
}

std::string disk_name(std::string_view file_name) {
  return disk_stem(file_name) + std::string(file_suffix);
}

std::string message_disk_name(std::string_view file_name, unsigned number) {
  return disk_stem(file_name) + "." + std::to_string(number) + ".eml";
}

std::string make_message_id(std::string_view report_id, unsigned number, std::string_view token) {
  const std::size_t at = report_id.find('@');
  const std::string_view left = report_id.substr(0, at);
  const std::string_view right = at == std::string_view::npos ? "" : report_id.substr(at + 1);
  std::string id = "<tlsrpt.";
  id.append(left).append(".").append(std::to_string(number)).append(".").append(token);
  return id.append("@").append(right).append(">");
}

std::string make_subject(std::string_view domain, std::string_view submitter,
                         std::string_view report_id) {
  std::string subject = "Report Domain: ";
  subject.append(domain).append(" Submitter: ").append(submitter);
  return subject.append(" Report-ID: <").append(report_id).append(">");
}

}  // namespace tlsrpt::reporter
