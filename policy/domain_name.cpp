#include "policy/domain_name.h"

#include <idn2.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include "policy/text.h"

namespace tlsrpt::policy {
namespace {

constexpr std::size_t longest_name = 253;  // RFC 1035, 2.3.4: 255 octets on the wire.
constexpr std::size_t longest_label = 63;  // RFC 1035, 2.3.4.
// UTF-8 text given to libidn2: no name that fits 253 octets of A-labels is longer, whatever UTS 46
// maps to nothing.
constexpr std::size_t longest_input = 1024;

struct FreeIdn2 {
  void operator()(std::uint8_t* text) const noexcept { idn2_free(text); }
};

Error syntax(std::string_view text, std::string_view why) {
  return {Errc::syntax, "\"" + escape_untrusted(text.substr(0, longest_name)) +
                            "\" is no domain name: " + std::string(why)};
}

// A-labels of TEXT by UTS 46, or why there are none.
Result<std::string> to_a_labels(std::string_view text) {
  // libidn2 reads up to a NUL: the rest must not go unseen.
  if (text.find('\0') != std::string_view::npos) return syntax(text, "it contains a NUL");
  if (!is_utf8(text)) return syntax(text, "it is not UTF-8");
  const std::string input(text);
  std::uint8_t* output = nullptr;
  const int rc = idn2_lookup_u8(reinterpret_cast<const std::uint8_t*>(input.c_str()), &output,
                                IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const std::unique_ptr<std::uint8_t, FreeIdn2> owner(output);
  if (rc != IDN2_OK) return syntax(text, idn2_strerror(rc));
  return std::string(reinterpret_cast<const char*>(output));
}

bool is_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// What is wrong with one label in lower case, "" where it is good.
std::string_view fault_of(std::string_view label) {
  if (label.empty()) return "a label is empty";
  if (label.size() > longest_label) return "a label is longer than 63 octets";
  if (label.front() == '-' || label.back() == '-') return "a label starts or ends with a hyphen";
  for (const char c : label) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (!good) return "it contains a character that host names do not have";
  }
  return {};
}

}  // namespace

Result<DomainName> DomainName::parse(std::string_view text) {
  if (text.size() > longest_input) return syntax(text, "it is too long");
  std::string name;
  if (is_ascii(text)) {
    name = to_lower(text);
  } else {
    auto converted = to_a_labels(text);
    if (!converted) return std::move(converted).error();
    name = *std::move(converted);
    name = to_lower(name);
  }
  if (!name.empty() && name.back() == '.') name.pop_back();
  if (name.empty()) return syntax(text, "it is empty");
  if (name.size() > longest_name) return syntax(text, "it is longer than 253 octets");

  std::string_view label;
  for (std::size_t at = 0; at <= name.size(); at += label.size() + 1) {
    label = std::string_view(name).substr(at, std::min(name.find('.', at), name.size()) - at);
    if (const std::string_view fault = fault_of(label); !fault.empty()) return syntax(text, fault);
  }
  if (is_digits(label) || (label.starts_with("0x") && is_hex(label.substr(2)))) {
    return syntax(text, "its last label is a number, as in an address");
  }
  return DomainName(std::move(name));
}

}  // namespace tlsrpt::policy
