#include "reporter/options/option_value.h"

#include <array>
#include <filesystem>
#include <limits>
#include <optional>

#include "reporter/report/verp.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Result;

// It stands in the JSON, in display names and in tables.
constexpr std::size_t max_free_text = 255;
// RFC 5321, 4.5.3.1.3: a path without angle brackets.
constexpr std::size_t max_addr_spec = 254;
// PATH_MAX of Linux.
constexpr std::size_t max_path = 4095;
// utmp's limit, which useradd(8) follows.
constexpr std::size_t max_user = 32;

constexpr std::string_view digits = "0123456789";
constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

Error bad(std::string reason) { return {Errc::syntax, std::move(reason)}; }

bool only(std::string_view text, std::string_view allowed, std::string_view more = "",
          std::string_view even_more = "") {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return allowed.find(c) != std::string_view::npos || more.find(c) != std::string_view::npos ||
           even_more.find(c) != std::string_view::npos;
  });
}

// RFC 5322, 3.2.3: dot-atom-text.
bool is_dot_atom(std::string_view text) {
  if (text.empty() || text.front() == '.' || text.back() == '.') return false;
  if (text.find("..") != std::string_view::npos) return false;
  return only(text, letters, digits, "!#$%&'*+-/=?^_`{|}~.");
}

// RFC 5322, 3.2.4: quoted-string of printable ASCII.
bool is_quoted_string(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return false;
  const std::string_view inner = text.substr(1, text.size() - 2);
  for (std::size_t at = 0; at < inner.size(); ++at) {
    if (inner[at] < ' ' || inner[at] > '~' || inner[at] == '"') return false;
    if (inner[at] == '\\' && ++at == inner.size()) return false;
  }
  return true;
}

struct Unit {
  char letter;
  std::int64_t seconds;
};
constexpr auto units =
    std::to_array<Unit>({{'w', 604800}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}});

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto port = policy::parse_number<std::uint16_t>(text);
  if (!port || *port == 0) return std::nullopt;
  return port;
}

// TEXT without the brackets round an address or a host name, as relayhost writes it.
std::string_view without_brackets(std::string_view text) {
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') {
    return text.substr(1, text.size() - 2);
  }
  return text;
}

// HOST or HOST:PORT or [ADDRESS]:PORT, after smtp://.
Result<std::string> check_smtp_authority(std::string_view text) {
  std::string_view host = text;
  std::string_view port;
  if (const auto colon = text.rfind(':');
      colon != std::string_view::npos && text.find(']', colon) == std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (!parse_port(port)) return bad("port must be between 1 and 65535");
  }
  const bool bracketed = !host.empty() && host.front() == '[';
  const auto address = policy::IpAddress::parse(without_brackets(host));
  if (bracketed ? (!address || host.back() != ']') : host.find(':') != std::string_view::npos) {
    return bad("needs smtp://HOST[:PORT], an IPv6 address in brackets");
  }
  if (!address && !policy::DomainName::parse(host).ok()) {
    return bad("names no host: smtp://HOST[:PORT]");
  }
  return std::string(text);
}

}  // namespace

std::vector<std::string_view> split_list(std::string_view text) {
  constexpr std::string_view separators = " \t,";
  std::vector<std::string_view> elements;
  std::size_t at = text.find_first_not_of(separators);
  while (at != std::string_view::npos) {
    const std::size_t end = std::min(text.find_first_of(separators, at), text.size());
    elements.push_back(text.substr(at, end - at));
    at = text.find_first_not_of(separators, end);
  }
  return elements;
}

std::string duration_text(std::chrono::seconds duration) {
  for (const Unit& unit : units) {
    if (duration.count() != 0 && duration.count() % unit.seconds == 0) {
      return std::to_string(duration.count() / unit.seconds) + unit.letter;
    }
  }
  return "0s";
}

Error out_of_range(const std::string& least, const std::string& most) {
  return bad("must be between " + least + " and " + most);
}

Result<std::string> parse_free_text(std::string_view text) {
  if (text.size() > max_free_text) return Error(Errc::limit, "is longer than 255 bytes");
  return std::string(text);
}

Result<std::string> parse_word(std::string_view text) {
  if (text.size() > max_free_text) return Error(Errc::limit, "is longer than 255 bytes");
  if (!only(text, letters, digits, ".-_/+:")) {
    return bad("may only hold letters, digits and . - _ / + :");
  }
  return std::string(text);
}

Result<bool> parse_yes_no(std::string_view text) {
  if (text == "yes") return true;
  if (text == "no") return false;
  return bad("must be yes or no");
}

Result<std::chrono::seconds> parse_duration(std::string_view text) {
  const std::size_t number_ends = std::min(text.find_first_not_of(digits), text.size());
  if (number_ends == 0) return bad("is not a duration such as 90s, 15m, 4h, 7d or 2w");
  const std::string_view unit_text = text.substr(number_ends);
  if (unit_text.empty()) return bad("duration needs a unit: s, m, h, d or w");
  const auto unit = std::find_if(units.begin(), units.end(), [&](const Unit& each) {
    return unit_text == std::string_view(&each.letter, 1);
  });
  if (unit == units.end()) return bad("is not a duration such as 90s, 15m, 4h, 7d or 2w");
  const auto number = policy::parse_number<std::int64_t>(text.substr(0, number_ends));
  if (!number || *number > std::numeric_limits<std::int64_t>::max() / unit->seconds) {
    return bad("duration is too long");
  }
  return std::chrono::seconds(*number * unit->seconds);
}

Result<std::uint64_t> parse_size(std::string_view text) {
  unsigned shift = 0;
  std::string_view number_text = text;
  if (const std::size_t unit = std::string_view("kMG").find(text.back());
      unit != std::string_view::npos) {
    shift = 10U * (static_cast<unsigned>(unit) + 1U);
    number_text.remove_suffix(1);
  }
  if (number_text.empty() || !only(number_text, digits)) {
    return bad("is not a size such as 500k, 5M or 1G");
  }
  const auto number = policy::parse_number<std::uint64_t>(number_text);
  if (!number || *number > (std::numeric_limits<std::uint64_t>::max() >> shift)) {
    return bad("size is too large");
  }
  return *number << shift;
}

Result<std::string> parse_path(std::string_view text) {
  if (text.empty() || text.front() != '/') return bad("must be an absolute path");
  if (text.size() > max_path) return Error(Errc::limit, "path is longer than 4095 bytes");
  return std::string(text);
}

Result<std::string> parse_addr_spec(std::string_view text) {
  if (policy::to_lower(text.substr(0, 7)) == "mailto:") {
    return bad("is an address alone, without mailto:");
  }
  if (text.find('<') != std::string_view::npos) {
    return bad("is an address alone, without name and angle brackets");
  }
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos) return bad("is not an address: user@domain");
  const std::string_view local = text.substr(0, at);
  const std::string_view domain = text.substr(at + 1);
  if (!is_dot_atom(local) && !is_quoted_string(local)) {
    return bad("local part is not a dot-atom or quoted string of RFC 5322");
  }
  if (local.size() > max_local_part) return bad("local part is longer than 64 bytes");
  const auto name = policy::DomainName::parse(domain);
  if (!name.ok() || domain.back() == '.') return bad("what follows @ is not a domain name");
  // A domain with U-labels is written as A-labels (RFC 8460, 4.4), any other as it was typed.
  const bool is_typed = policy::is_ascii(domain);
  std::string address = std::string(local) + "@" + (is_typed ? std::string(domain) : name->text());
  if (address.size() > max_addr_spec) return bad("address is longer than 254 bytes");
  return address;
}

Result<std::string> parse_selector(std::string_view text) {
  // With a domain behind it: alone, the last label of a name may not be a number.
  constexpr std::string_view behind = ".example";
  const auto name = policy::DomainName::parse(std::string(text).append(behind));
  if (!name.ok() || text.ends_with('.'))
    return bad("is not one or several labels of a domain name");
  return name->text().substr(0, name->text().size() - behind.size());
}

Result<std::string> parse_host(std::string_view text) {
  const std::string_view host = without_brackets(text);
  if (const auto address = policy::IpAddress::parse(host)) return address->text();
  if (text.find("]:") != std::string_view::npos || text.find(':') != std::string_view::npos) {
    return bad("is a host or an address without port");
  }
  const auto name = policy::DomainName::parse(host);
  if (!name.ok()) return bad("is neither a host name nor an address");
  return name->text();
}

Result<policy::IpAddress> parse_address(std::string_view text) {
  const auto address = policy::IpAddress::parse(text);
  if (!address) return bad("is not an IP address");
  return *address;
}

Result<policy::DnsServer> parse_server(std::string_view text) {
  if (const auto address = policy::IpAddress::parse(without_brackets(text))) {
    return policy::DnsServer{*address, 53};
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad("is not ADDRESS or ADDRESS:PORT");
  const std::string_view host = text.substr(0, colon);
  const auto address = policy::IpAddress::parse(without_brackets(host));
  if (!address || (!address->is_v4() && host.front() != '[')) {
    return bad("is not ADDRESS or ADDRESS:PORT (an IPv6 address with port in brackets)");
  }
  const auto port = parse_port(text.substr(colon + 1));
  if (!port) return bad("port must be between 1 and 65535");
  return policy::DnsServer{*address, *port};
}

Result<std::string> parse_user(std::string_view text) {
  if (text.size() > max_user || text.front() == '-' || !only(text, letters, digits, "._-")) {
    return bad("is not a user name");
  }
  return std::string(text);
}

Result<std::string> parse_time_zone(std::string_view text) {
  if (text.size() > max_free_text || !only(text, letters, digits, "_+-/") || text.front() == '/' ||
      text.back() == '/' || text.find("//") != std::string_view::npos) {
    return bad("is not an IANA time zone name such as Europe/Vienna");
  }
  return std::string(text);
}

Result<std::string> parse_store(std::string_view text) {
  constexpr std::string_view sqlite = "sqlite:";
  if (text.starts_with("postgresql:") || text.starts_with("postgres:")) {
    return bad("PostgreSQL is not supported by this version: use sqlite:/PATH");
  }
  if (!text.starts_with(sqlite)) return bad("must be sqlite:/PATH");
  const auto path = parse_path(text.substr(sqlite.size()));
  if (!path.ok()) return bad("must be sqlite:/PATH with an absolute path");
  if (path->back() == '/') return bad("names a directory, not a file");
  return std::string(text);
}

Result<std::string> parse_log_source(std::string_view text) {
  constexpr std::string_view file = "file:";
  constexpr std::string_view journal = "journal:";
  if (text == "auto" || text == "none") return std::string(text);
  if (text.starts_with(journal)) {
    const std::string_view place = text.substr(journal.size());
    const bool is_path = place.starts_with('/');
    if (is_path ? parse_path(place).ok() : only(place, letters, digits, "._-:@")) {
      return std::string(text);
    }
    return bad("must be journal:, journal:NAMESPACE or journal:/DIRECTORY");
  }
  if (!text.starts_with(file)) return bad("must be auto, none, file:/PATH or journal:");
  const std::string_view path = text.substr(file.size());
  if (path.empty()) return bad("must be file:PATH");
  if (path.size() > max_path) return Error(Errc::limit, "path is longer than 4095 bytes");
  // A log is often named by hand, where one stands; the daemon changes its folder later.
  std::error_code problem;
  const auto absolute = std::filesystem::absolute(std::filesystem::path(path), problem);
  if (problem) return bad("current folder: " + problem.message());
  return std::string(file) + absolute.lexically_normal().string();
}

Result<std::string> parse_postfix_config(std::string_view text) {
  if (text == "auto" || text == "none") return std::string(text);
  if (!parse_path(text).ok()) {
    return bad("must be auto, none or a directory with an absolute path");
  }
  return std::string(text);
}

Result<std::string> parse_transport(std::string_view text) {
  constexpr auto with_path = std::to_array<std::string_view>({"sendmail:", "directory:"});
  for (const std::string_view scheme : with_path) {
    if (!text.starts_with(scheme)) continue;
    if (!parse_path(text.substr(scheme.size())).ok()) {
      return bad("must be " + std::string(scheme) + "/PATH with an absolute path");
    }
    return std::string(text);
  }
  constexpr std::string_view smtp = "smtp://";
  if (!text.starts_with(smtp)) {
    return bad("must be sendmail:/PATH, smtp://HOST[:PORT] or directory:/PATH");
  }
  auto authority = check_smtp_authority(text.substr(smtp.size()));
  if (!authority.ok()) return std::move(authority).error();
  return std::string(text);
}

Result<std::string> parse_datagram_socket(std::string_view text) {
  if (text == "none") return std::string(text);
  if (!parse_path(text).ok() || text.back() == '/') return bad("must be an absolute path or none");
  if (text.size() > max_socket_path) return Error(Errc::limit, "path is longer than 103 bytes");
  return std::string(text);
}

Result<std::string> parse_stream_socket(std::string_view text) {
  constexpr std::string_view in_folder = "unix:";
  constexpr std::string_view on_network = "inet:";
  if (text == "none") return std::string(text);
  if (text.starts_with(in_folder)) {
    const std::string_view path = text.substr(in_folder.size());
    if (!parse_path(path).ok() || path.back() == '/') {
      return bad("must be unix:/PATH with an absolute path");
    }
    if (path.size() > max_socket_path) return Error(Errc::limit, "path is longer than 103 bytes");
    return std::string(text);
  }
  if (!text.starts_with(on_network)) return bad("must be unix:/PATH, inet:PORT@HOST or none");
  const std::string_view rest = text.substr(on_network.size());
  const std::size_t at = rest.find('@');
  if (at == std::string_view::npos) return bad("must be inet:PORT@HOST");
  if (!parse_port(rest.substr(0, at))) return bad("port must be between 1 and 65535");
  const auto host = parse_host(rest.substr(at + 1));
  if (!host.ok()) return bad("what follows @ is neither a host name nor an address");
  return std::string(on_network).append(rest.substr(0, at)).append(1, '@').append(*host);
}

Result<unsigned> parse_file_mode(std::string_view text) {
  constexpr unsigned all_bits = 0777;
  unsigned mode = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, mode, 8);
  if (problem != std::errc() || stop != end || text.size() < 3 || text.size() > 4 ||
      mode > all_bits) {
    return bad("must be three or four octal digits such as 0660");
  }
  return mode;
}

Result<char> parse_delimiter(std::string_view text) {
  if (text == "none") return '\0';
  if (text.size() == 1 && verp_delimiters.find(text.front()) != std::string_view::npos) {
    return text.front();
  }
  return bad("must be none or one of " + std::string(verp_delimiters));
}

Result<HttpsVerify> parse_https_verify(std::string_view text) {
  if (text == "yes") return HttpsVerify::yes;
  if (text == "fallback") return HttpsVerify::fallback;
  if (text == "no") return HttpsVerify::no;
  return bad("must be yes, fallback or no");
}

Result<SmtpTlsLevel> parse_smtp_tls_level(std::string_view text) {
  if (text == "may") return SmtpTlsLevel::may;
  if (text == "encrypt") return SmtpTlsLevel::encrypt;
  if (text == "verify") return SmtpTlsLevel::verify;
  return bad("must be may, encrypt or verify");
}

}  // namespace tlsrpt::reporter
