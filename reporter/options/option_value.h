// Kinds of option values: what an option's text may be, the word for it in the manual, and its C++
// type.
//
// A kind is a stateless type with `type_word` and `parse`. The option table (option_table.h) names
// the kind of each option, so that the word in tlsrpt.conf(5) cannot disagree with the parser.
// A parser gets the value without blanks at its ends and never an empty one; it returns the value,
// or an Error whose message completes the sentence "OPTION: ...". Parsers look at the text alone,
// never at the machine; only a log's relative path is completed with the current folder.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/domain_name.h"
#include "policy/ip_address.h"
#include "policy/result.h"
#include "policy/text.h"
#include "reporter/options/settings.h"

namespace tlsrpt::reporter {

// The longest path of a UNIX socket of ours: sockaddr_un has room for 107 bytes, and the socket is
// made under the name PATH.new first.
inline constexpr std::size_t max_socket_path = 103;

// More elements than any list needs by hand; bounds what a damaged file can make us hold.
inline constexpr std::size_t max_list_elements = 1000;

// The parsers that need no bounds. Each returns what its kind below says.
policy::Result<std::string> parse_free_text(std::string_view text);
policy::Result<std::string> parse_word(std::string_view text);
policy::Result<bool> parse_yes_no(std::string_view text);
policy::Result<std::chrono::seconds> parse_duration(std::string_view text);
policy::Result<std::uint64_t> parse_size(std::string_view text);
policy::Result<std::string> parse_path(std::string_view text);
policy::Result<std::string> parse_addr_spec(std::string_view text);
// RFC 6376, 3.1: labels, in lower case, beyond ASCII as A-labels.
policy::Result<std::string> parse_selector(std::string_view text);
policy::Result<std::string> parse_host(std::string_view text);
policy::Result<policy::IpAddress> parse_address(std::string_view text);
policy::Result<policy::DnsServer> parse_server(std::string_view text);
policy::Result<std::string> parse_user(std::string_view text);
policy::Result<std::string> parse_time_zone(std::string_view text);
policy::Result<std::string> parse_store(std::string_view text);
policy::Result<std::string> parse_log_source(std::string_view text);
policy::Result<std::string> parse_postfix_config(std::string_view text);
policy::Result<std::string> parse_transport(std::string_view text);
policy::Result<std::string> parse_stream_socket(std::string_view text);
policy::Result<std::string> parse_datagram_socket(std::string_view text);
policy::Result<unsigned> parse_file_mode(std::string_view text);
policy::Result<char> parse_delimiter(std::string_view text);
policy::Result<HttpsVerify> parse_https_verify(std::string_view text);
policy::Result<SmtpTlsLevel> parse_smtp_tls_level(std::string_view text);

// The elements of a list: separated by blanks, commas or both, as in Postfix.
std::vector<std::string_view> split_list(std::string_view text);
// "4h", "90s": the longest unit that gives a whole number.
std::string duration_text(std::chrono::seconds duration);
// The error for a number outside of LEAST to MOST.
policy::Error out_of_range(const std::string& least, const std::string& most);

namespace kind {

// Any UTF-8 text (control characters are refused for every option), at most 255 bytes: it stands
// in the JSON, in a display name and in tables.
struct FreeText {
  static constexpr std::string_view type_word = "string";
  static auto parse(std::string_view text) { return parse_free_text(text); }
};

// Letters, digits and `.`, `-`, `_`, `/`, `+`, `:`; no blanks.
struct Word {
  static constexpr std::string_view type_word = "string";
  static auto parse(std::string_view text) { return parse_word(text); }
};

struct YesNo {
  static constexpr std::string_view type_word = "boolean";
  static auto parse(std::string_view text) { return parse_yes_no(text); }
};

template <class Integer, Integer least, Integer most>
struct Number {
  static constexpr std::string_view type_word = "number";
  static policy::Result<Integer> parse(std::string_view text) {
    const auto value = policy::parse_number<Integer>(text);
    const bool digits_only = text.find_first_not_of("0123456789") == std::string_view::npos;
    if (!value && !digits_only) {
      return policy::Error(policy::Errc::syntax, "is not a number (digits only)");
    }
    if (!value || *value < least || *value > most) {
      return out_of_range(std::to_string(least), std::to_string(most));
    }
    return *value;
  }
};

// Seconds from `least` to `most`.
template <std::int64_t least, std::int64_t most>
struct Duration {
  static constexpr std::string_view type_word = "duration";
  static policy::Result<std::chrono::seconds> parse(std::string_view text) {
    auto value = parse_duration(text);
    if (value.ok() && (value->count() < least || value->count() > most)) {
      return out_of_range(duration_text(std::chrono::seconds(least)),
                          duration_text(std::chrono::seconds(most)));
    }
    return value;
  }
};

// Octets from `least` to `most`.
template <std::uint64_t least, std::uint64_t most>
struct Size {
  static constexpr std::string_view type_word = "size";
  static policy::Result<std::uint64_t> parse(std::string_view text) {
    auto value = parse_size(text);
    if (value.ok() && (*value < least || *value > most)) {
      return out_of_range(std::to_string(least), std::to_string(most) + " octets");
    }
    return value;
  }
};

// An absolute path: cron jobs and daemons run in other directories than the administrator.
struct Path {
  static constexpr std::string_view type_word = "path";
  static auto parse(std::string_view text) { return parse_path(text); }
};

// RFC 5322, 3.4.1: local-part@domain, without display name, comment or domain literal.
struct AddrSpec {
  static constexpr std::string_view type_word = "addr-spec";
  static auto parse(std::string_view text) { return parse_addr_spec(text); }
};

// A host name or an address, brackets as in `relayhost` allowed; lower case, without brackets.
struct Host {
  static constexpr std::string_view type_word = "host";
  static auto parse(std::string_view text) { return parse_host(text); }
};

struct Address {
  static constexpr std::string_view type_word = "address";
  static auto parse(std::string_view text) { return parse_address(text); }
};

// ADDRESS[/LENGTH] without host bits.
struct NetworkBlock {
  static constexpr bool errors_name_text = true;
  static constexpr std::string_view type_word = "network";
  static auto parse(std::string_view text) { return policy::IpNetwork::parse(text); }
};

// ADDRESS, ADDRESS:PORT, [IPV6]:PORT.
struct Server {
  static constexpr std::string_view type_word = "server";
  static auto parse(std::string_view text) { return parse_server(text); }
};

struct Domain {
  static constexpr std::string_view type_word = "domain";
  static policy::Result<policy::DomainName> parse(std::string_view text) {
    auto name = policy::DomainName::parse(text);
    if (!name.ok()) return policy::Error(policy::Errc::syntax, "is not a domain name");
    return name;
  }
};

// A domain as text in lower-case A-labels.
struct DomainText {
  static constexpr std::string_view type_word = "domain";
  static policy::Result<std::string> parse(std::string_view text) {
    auto name = Domain::parse(text);
    if (!name.ok()) return std::move(name).error();
    return name->text();
  }
};

struct Selector {
  static constexpr std::string_view type_word = "selector";
  static auto parse(std::string_view text) { return parse_selector(text); }
};

struct User {
  static constexpr std::string_view type_word = "user";
  static auto parse(std::string_view text) { return parse_user(text); }
};

struct Group {
  static constexpr std::string_view type_word = "group";
  static auto parse(std::string_view text) { return parse_user(text); }
};

// Permission bits as chmod(1) takes them in octal, 0660.
struct FileMode {
  static constexpr std::string_view type_word = "mode";
  static auto parse(std::string_view text) { return parse_file_mode(text); }
};

// unix:/PATH, inet:PORT@HOST, none.
struct StreamSocket {
  static constexpr std::string_view type_word = "socket";
  static auto parse(std::string_view text) { return parse_stream_socket(text); }
};

// /PATH, none.
struct DatagramSocket {
  static constexpr std::string_view type_word = "path";
  static auto parse(std::string_view text) { return parse_datagram_socket(text); }
};

// An IANA name such as Europe/Vienna.
struct TimeZone {
  static constexpr std::string_view type_word = "time-zone";
  static auto parse(std::string_view text) { return parse_time_zone(text); }
};

// sqlite:/PATH.
struct StoreLocation {
  static constexpr std::string_view type_word = "store";
  static auto parse(std::string_view text) { return parse_store(text); }
};

// file:PATH (made absolute), journal:[NAMESPACE], journal:/DIRECTORY, auto, none.
struct LogSource {
  static constexpr std::string_view type_word = "source";
  static auto parse(std::string_view text) { return parse_log_source(text); }
};

// auto, none, or a directory.
struct PostfixConfig {
  static constexpr std::string_view type_word = "path";
  static auto parse(std::string_view text) { return parse_postfix_config(text); }
};

// sendmail:/PATH, smtp://HOST[:PORT], directory:/PATH.
struct Transport {
  static constexpr std::string_view type_word = "transport";
  static auto parse(std::string_view text) { return parse_transport(text); }
};

// One character that mail systems take as recipient delimiter, or none ('\0').
struct Delimiter {
  static constexpr std::string_view type_word = "delimiter";
  static auto parse(std::string_view text) { return parse_delimiter(text); }
};

struct HttpsVerifyMode {
  static constexpr std::string_view type_word = "yes|fallback|no";
  static auto parse(std::string_view text) { return parse_https_verify(text); }
};

struct SmtpTls {
  static constexpr std::string_view type_word = "may|encrypt|verify";
  static auto parse(std::string_view text) { return parse_smtp_tls_level(text); }
};

// Several values of one kind, at least one.
template <class Element>
struct List {
  static constexpr bool is_list = true;
  static constexpr std::string_view type_word = Element::type_word;
  using Value = std::decay_t<decltype(Element::parse({}).value())>;

  static policy::Result<std::vector<Value>> parse(std::string_view text) {
    std::vector<Value> values;
    const auto elements = split_list(text);
    if (elements.empty()) return policy::Error(policy::Errc::syntax, "is a list without elements");
    if (elements.size() > max_list_elements) {
      return policy::Error(policy::Errc::limit, "has more than 1000 elements");
    }
    for (const std::string_view element : elements) {
      auto value = Element::parse(element);
      if (!value.ok()) {
        if (elements.size() == 1 || requires { Element::errors_name_text; }) {
          return std::move(value).error();
        }
        return std::move(value).error().context("\"" + policy::escape_untrusted(element) + "\"");
      }
      values.push_back(std::move(*value));
    }
    return values;
  }
};

// A text as a template argument.
template <std::size_t size>
struct FixedText {
  char text[size];  // NOLINT(modernize-avoid-c-arrays): initialised from a string literal.
  // NOLINTNEXTLINE(google-explicit-constructor,modernize-avoid-c-arrays): from literals only.
  constexpr FixedText(const char (&literal)[size]) { std::copy_n(literal, size, text); }
};

// A list, or one word that stands for "leave it to the machine" and is kept as an empty list.
template <class Element, FixedText word>
struct ListOr : List<Element> {
  static auto parse(std::string_view text) -> decltype(List<Element>::parse(text)) {
    if (text == word.text) return std::vector<typename List<Element>::Value>{};
    return List<Element>::parse(text);
  }
};

}  // namespace kind
}  // namespace tlsrpt::reporter
