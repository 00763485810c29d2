// RuaUri: a place that reports are sent to, as a `rua` field of a TLSRPT record names it.
//
// RFC 8460, 3: only mailto (RFC 6068) and https. The text was chosen by a stranger: what comes out
// here is printable, beyond ASCII only in the local part of an address (RFC 6532), and can put
// nothing into a header, an argument or a request line.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/ip_address.h"
#include "policy/result.h"

namespace tlsrpt::policy {

enum class RuaScheme : std::uint8_t { mailto, https };

struct RuaUri {
  RuaScheme scheme = RuaScheme::mailto;
  // mailto: the address as To: and the envelope want it, its local part quoted where needed.
  // https: the URI to post to, scheme and host in lower case, with at least "/" as path.
  std::string target;
  // The domain (A-labels). https: or the text of an IP address, without brackets.
  std::string host;
  std::uint16_t port = 443;  // https only.

  // The URI in canonical form: "mailto:" with everything percent-encoded that has to be, or the
  // target of https. parse_destination gives the same value back; equal texts are one destination.
  std::string text() const;
  // https: the address where the host is one. Whether it may be connected to is the AddressGuard's
  // to say, as for any name.
  std::optional<IpAddress> host_address() const;

  friend auto operator<=>(const RuaUri&, const RuaUri&) = default;
};

// What was found wrong with a URI or an item of the list.
enum class RuaFault : std::uint8_t {
  empty_item,          // Nothing between two commas.
  missing_scheme,      // A bare address or name.
  http_scheme,         // Clear text: never posted to.
  unsupported_scheme,  // tel:, ftp:, ...
  size_suffix,         // "!10m" of DMARC: stripped, the rest is used.
  header_fields,       // "?subject=..." of mailto: dropped, the rest is used.
  bad_address,         // No usable mail address.
  bad_uri,             // No usable URI.
  over_limit,          // More destinations than we send to.
};
// The fault as a word: "missing-scheme" and so on.
std::string_view to_text(RuaFault fault);

struct RuaWarning {
  RuaFault fault = RuaFault::bad_uri;
  std::string message;  // A sentence part for people, the URI in it escaped and cut.

  friend bool operator==(const RuaWarning&, const RuaWarning&) = default;
};

// What one URI came to: no destination (then there is a warning), one, or several where a mailto
// holds several addresses.
struct RuaReading {
  std::vector<RuaUri> uris;
  std::vector<RuaWarning> warnings;
};

// Reads one item of a rua list, without blanks around it.
RuaReading read_rua_uri(std::string_view text);

// A destination that we stored as RuaUri::text(). Errc::syntax: anything else than one good URI.
Result<RuaUri> parse_destination(std::string_view text);

}  // namespace tlsrpt::policy
