// Whether reports come from the domain that they are signed for.
#pragma once

#include <string>
#include <vector>

namespace tlsrpt::reporter {

struct UnsignedAddress {
  std::string option;   // "mail_from", "contact_info".
  std::string address;  // Its value.
  std::string text;     // What is wrong with it, and what comes of it.
};

// Those of MAIL_FROM and CONTACT_INFO that are not of DKIM_DOMAIN or a domain below it: recipients
// ignore reports then. RFC 8460, 3: the signature is that of the submitter; and of the domain in
// From (RFC 7489, 3.1.1). Empty where DKIM_DOMAIN is.
std::vector<UnsignedAddress> unsigned_addresses(const std::string& dkim_domain,
                                                const std::string& mail_from,
                                                const std::string& contact_info);

}  // namespace tlsrpt::reporter
