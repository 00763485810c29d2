// Text that strangers chose (MX names, EHLO, policies), made fit for a report.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tlsrpt::reporter {

// Octets that a report keeps of such a text: the reason of a failure (RFC 8460, 4.3.3: "a short
// text field"), a host name (RFC 1035, 2.3.4: 253, and some room for odd ones), a policy line (no
// valid line of MTA-STS is longer, nor is a TLSA record with a SHA-512 digest).
inline constexpr std::size_t max_reason = 200;
inline constexpr std::size_t max_host = 255;
inline constexpr std::size_t max_policy_line = 1000;
// The option allows no more (option_table.cpp).
inline constexpr std::size_t max_organization = 255;

// TEXT as well-formed UTF-8 of at most MAX octets: invalid bytes become U+FFFD, tabs become blanks,
// other controls, invisible and bidirectional format characters (policy::is_printable()) and
// noncharacters (RFC 7493, 2.1) are left out, blanks at both ends too. Never cut inside a
// character.
std::string clean_text(std::string_view text, std::size_t max);

// A host name as it was given; empty where it is not printable, for what is left of such a text
// would be another host's name.
std::string clean_host_text(std::string_view text);
// The same in lower case, without a trailing dot.
std::string clean_host(std::string_view text);

}  // namespace tlsrpt::reporter
