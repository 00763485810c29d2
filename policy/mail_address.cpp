#include "policy/mail_address.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "policy/domain_name.h"
#include "policy/text.h"

namespace tlsrpt::policy {
namespace {

constexpr std::size_t longest_local_part = 64;  // RFC 5321, 4.5.3.1.1.
constexpr std::size_t longest_address = 254;    // RFC 5321, 4.5.3.1.3: a path of 256 has "<>".

Error syntax(std::string_view why) { return {Errc::syntax, std::string(why)}; }

bool is_atext(char c) {
  constexpr std::string_view others = "!#$%&'*+-/=?^_`{|}~";
  const bool is_utf8 = static_cast<unsigned char>(c) > 0x7F;  // RFC 6532, 3.2.
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || is_utf8 ||
         others.find(c) != std::string_view::npos;
}

// RFC 5322, 3.2.3.
bool is_dot_atom(std::string_view text) {
  if (text.empty() || text.front() == '.' || text.back() == '.') return false;
  if (text.find("..") != std::string_view::npos) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return c == '.' || is_atext(c); });
}

// What a quoted-string (RFC 5322, 3.2.4) says, none where TEXT is not one.
std::optional<std::string> unquote(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::nullopt;
  text = text.substr(1, text.size() - 2);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') return std::nullopt;
    if (text[i] == '\\' && ++i == text.size()) return std::nullopt;
    out += text[i];
  }
  return out;
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace

Result<MailAddress> MailAddress::parse(std::string_view text) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos) return syntax("has no \"@\"");
  std::string local(text.substr(0, at));
  const std::string_view domain = text.substr(at + 1);
  if (!is_printable(local)) return syntax("has a local part with other than printable characters");
  if (auto said = unquote(local)) {
    local = *std::move(said);
  } else if (local.find('@') != std::string::npos) {
    return syntax("has more than one \"@\"");
  }
  if (local.empty()) return syntax("has an empty local part");
  if (!is_dot_atom(local)) local = quote(local);
  if (local.size() > longest_local_part) return syntax("has a local part of more than 64 octets");

  if (domain.empty()) return syntax("has no domain");
  if (domain.front() == '[') return syntax("has an address literal instead of a domain");
  auto name = DomainName::parse(domain);
  if (!name) return std::move(name).error().context("has no usable domain");
  MailAddress address(std::move(local), name->text());
  if (address.text().size() > longest_address) return syntax("is longer than 254 octets");
  return address;
}

}  // namespace tlsrpt::policy
