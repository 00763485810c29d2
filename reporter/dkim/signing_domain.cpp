#include "reporter/dkim/signing_domain.h"

#include <utility>

namespace tlsrpt::reporter {
namespace {

bool is_within(const std::string& domain, const std::string& parent) {
  return domain == parent || domain.ends_with("." + parent);
}

}  // namespace

std::vector<UnsignedAddress> unsigned_addresses(const std::string& dkim_domain,
                                                const std::string& mail_from,
                                                const std::string& contact_info) {
  std::vector<UnsignedAddress> all;
  if (dkim_domain.empty()) return all;
  for (const auto& [option, address] :
       {std::pair<std::string, std::string>("mail_from", mail_from),
        std::pair<std::string, std::string>("contact_info", contact_info)}) {
    if (is_within(address.substr(address.rfind('@') + 1), dkim_domain)) continue;
    std::string text = "reports are signed for ";
    text.append(dkim_domain).append(", and ").append(option).append(" is ").append(address);
    all.push_back({option, address, text + ": recipients ignore them"});
  }
  return all;
}

}  // namespace tlsrpt::reporter
