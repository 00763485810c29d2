// DomainName: a host or mail domain name as lower-case A-labels without a trailing dot.
//
// U-labels are converted with UTS 46 (non-transitional, libidn2). RFC 8460, 4.4 wants A-labels in
// reports; design: names that are no A-label host names are never counted. A name that is plain
// ASCII already is taken by its letters and digits: whether an "xn--" label decodes is the
// registry's affair, since the DNS has answered for it.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "policy/result.h"

namespace tlsrpt::policy {

class DomainName {
 public:
  // TEXT as a domain name: one trailing dot is dropped, letters are folded, U-labels converted.
  // Errc::syntax: empty, a label empty, longer than 63 or with other characters than letters,
  // digits, inner hyphens and underscore, more than 253 octets, an IP address or another name whose
  // last label is a number (decimal or 0x hexadecimal, since inet_aton takes such a name for an
  // address), or not convertible. Single labels ("localhost") are names.
  static Result<DomainName> parse(std::string_view text);

  const std::string& text() const { return text_; }

  friend auto operator<=>(const DomainName&, const DomainName&) = default;

 private:
  explicit DomainName(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace tlsrpt::policy
