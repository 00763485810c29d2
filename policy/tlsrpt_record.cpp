#include "policy/tlsrpt_record.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "policy/text.h"

namespace tlsrpt::policy {
namespace {

constexpr std::string_view version = "v=TLSRPTv1";
constexpr std::string_view rua_field = "rua=";
constexpr std::string_view blanks = " \t";
constexpr std::size_t longest_field_name = 32;  // RFC 8460, 3.
constexpr std::size_t most_warnings = 20;  // A person reads no more, a stranger may cause more.
constexpr std::size_t most_ignored = 20;
constexpr std::size_t longest_shown = 60;

std::string shown(std::string_view text) {
  const bool cut = text.size() > longest_shown;
  return '"' + escape_untrusted(text.substr(0, longest_shown)) + (cut ? "...\"" : "\"");
}

bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// RFC 8460, 3: tlsrpt-ext-name.
bool is_field_name(std::string_view name) {
  if (name.empty() || name.size() > longest_field_name || !is_name_start(name.front()))
    return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return is_name_start(c) || c == '_' || c == '-' || c == '.'; });
}

// RFC 8460, 3: tlsrpt-ext-value: printable ASCII without blank, "=" and ";".
bool is_field_value(std::string_view value) {
  return !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
    return c > 0x20 && c < 0x7F && c != '=' && c != ';';
  });
}

void add_warning(TlsrptRecord& record, RuaWarning warning) {
  if (record.warnings.size() < most_warnings) record.warnings.push_back(std::move(warning));
}

void add_uri(TlsrptRecord& record, RuaUri uri) {
  if (std::find(record.rua.begin(), record.rua.end(), uri) != record.rua.end()) return;
  if (record.rua.size() == max_rua) {
    add_warning(record, {RuaFault::over_limit, shown(uri.text()) + " is beyond the " +
                                                   std::to_string(max_rua) +
                                                   " destinations that a record may have here"});
    return;
  }
  record.rua.push_back(std::move(uri));
}

// RFC 8460, 3: tlsrpt-uri *(*WSP "," *WSP tlsrpt-uri). What cannot be used is skipped, so that the
// others still get their report.
void read_rua(TlsrptRecord& record, std::string_view list) {
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    RuaReading reading = read_rua_uri(trim(list.substr(at, end - at)));
    for (RuaWarning& warning : reading.warnings) add_warning(record, std::move(warning));
    for (RuaUri& uri : reading.uris) add_uri(record, std::move(uri));
    at = end + 1;
  }
}

// An unknown field, which is checked and ignored. What is wrong with it, or "".
std::string read_extension(TlsrptRecord& record, std::string_view field) {
  if (field.empty()) return "there is nothing between two \";\"";
  const std::size_t equals = field.find('=');
  if (equals == std::string_view::npos) return shown(field) + " is no field: it has no \"=\"";
  const std::string_view name = field.substr(0, equals);
  if (!is_field_name(name)) return shown(name) + " is no field name";
  if (!is_field_value(field.substr(equals + 1))) return shown(field) + " has no proper value";
  if (record.ignored.size() < most_ignored) record.ignored.emplace_back(name);
  return {};
}

// What follows the version and its blanks, up to the next ";", or none at the end. Advances REST.
std::optional<std::string_view> next_field(std::string_view& rest) {
  if (rest.empty()) return std::nullopt;
  rest.remove_prefix(1);  // The ";" that was found before.
  const std::size_t end = std::min(rest.find(';'), rest.size());
  const std::string_view field = trim(rest.substr(0, end));
  const bool last = end == rest.size();
  rest.remove_prefix(end);
  if (last && field.empty()) return std::nullopt;  // [field-delim] at the end.
  return field;
}

std::string first_reason(const TlsrptRecord& record) {
  return record.warnings.empty() ? std::string() : ": " + record.warnings.front().message;
}

}  // namespace

std::string tlsrpt_name(std::string_view domain) { return "_smtp._tls." + std::string(domain); }

bool is_tlsrpt_record(std::string_view txt) {
  if (!txt.starts_with(version)) return false;
  txt.remove_prefix(version.size());
  txt.remove_prefix(std::min(txt.find_first_not_of(blanks), txt.size()));
  return txt.starts_with(';');
}

TlsrptReading read_tlsrpt_record(std::string_view text) {
  TlsrptReading out;
  out.record.text = std::string(text);
  if (!is_tlsrpt_record(text)) {
    out.fault = "it does not begin with \"v=TLSRPTv1;\"";
    return out;
  }
  std::string_view rest = text.substr(text.find(';'));
  bool has_rua = false;
  while (const auto field = next_field(rest)) {
    std::string fault;
    if (!field->starts_with(rua_field)) {
      fault = read_extension(out.record, *field);
    } else if (const auto list = trim(field->substr(rua_field.size())); list.empty()) {
      fault = "rua is empty";
    } else {
      has_rua = true;
      read_rua(out.record, list);
    }
    if (out.fault.empty()) out.fault = std::move(fault);
  }
  if (!out.fault.empty()) return out;
  if (!has_rua) {
    out.fault = "it has no rua field";
  } else if (out.record.rua.empty()) {
    out.fault = "none of its rua can be used" + first_reason(out.record);
  }
  return out;
}

Result<TlsrptRecord> parse_tlsrpt_record(std::string_view text) {
  TlsrptReading reading = read_tlsrpt_record(text);
  if (!reading.fault.empty()) {
    return Error(Errc::syntax, "TLSRPT record " + shown(text) + ": " + reading.fault);
  }
  return std::move(reading.record);
}

Result<TlsrptRecord> choose_tlsrpt_record(const std::vector<std::string>& txt_records) {
  const std::string* chosen = nullptr;
  std::size_t count = 0;
  for (const std::string& txt : txt_records) {
    if (!is_tlsrpt_record(txt)) continue;
    chosen = &txt;
    ++count;
  }
  if (count == 0) return Error(Errc::not_found, "no TLSRPT record");
  // RFC 8460, 3: more than one is as if there were none, even where they are equal.
  if (count > 1) {
    return Error(Errc::not_found, std::to_string(count) + " TLSRPT records, only one is allowed");
  }
  return parse_tlsrpt_record(*chosen);
}

}  // namespace tlsrpt::policy
