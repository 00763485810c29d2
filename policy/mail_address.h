// MailAddress: an addr-spec (RFC 5322, 3.4.1) that can go into a header and an envelope as it is.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "policy/result.h"

namespace tlsrpt::policy {

class MailAddress {
 public:
  // TEXT as local part, "@" and domain. A local part that is neither a dot-atom nor a quoted-string
  // but has only printable characters and blanks is taken and quoted ("a,b@x.example" becomes
  // "\"a,b\"@x.example"), since RFC 6068 hands it over unquoted. The local part may be UTF-8 (RFC
  // 6532, 3.2); it stays as it is, whatever its normal form: it is for its own domain to compare.
  // Errc::syntax: control and invisible characters in the local part, an empty or unquoted "@" in
  // it, no domain name behind the last "@" (an address literal is none), more than 64 octets in the
  // local part or more than 254 in all.
  static Result<MailAddress> parse(std::string_view text);

  // With the local part quoted only where it has to be, the domain as A-labels.
  std::string text() const { return local_part_ + '@' + domain_; }
  const std::string& local_part() const { return local_part_; }
  const std::string& domain() const { return domain_; }

  friend auto operator<=>(const MailAddress&, const MailAddress&) = default;

 private:
  MailAddress(std::string local_part, std::string domain)
      : local_part_(std::move(local_part)), domain_(std::move(domain)) {}
  std::string local_part_;
  std::string domain_;
};

}  // namespace tlsrpt::policy
