#include "policy/fact.h"

#include <array>
#include <utility>

namespace tlsrpt::policy {
namespace {

constexpr auto ignored_texts = std::to_array<std::pair<Ignored, std::string_view>>({
    {Ignored::report_mail, "report-mail"},
    {Ignored::report_mail_untrusted, "report-mail-untrusted"},
    {Ignored::tls_unknown, "tls-unknown"},
    {Ignored::tls_not_wanted, "tls-not-wanted"},
    {Ignored::other_port, "other-port"},
    {Ignored::private_address, "private-address"},
    {Ignored::relay, "relay"},
    {Ignored::address_literal, "address-literal"},
    {Ignored::invalid_domain, "invalid-domain"},
    {Ignored::ignored_domain, "ignored-domain"},
    {Ignored::before_ehlo, "before-ehlo"},
    {Ignored::local_fault, "local-fault"},
    {Ignored::unattributed, "unattributed"},
    {Ignored::not_understood, "not-understood"},
    {Ignored::late, "late"},
    {Ignored::over_limit, "over-limit"},
});

}  // namespace

const std::vector<Ignored>& all_ignored() {
  static const std::vector<Ignored> all = [] {
    std::vector<Ignored> kinds;
    kinds.reserve(ignored_texts.size());
    for (const auto& [kind, text] : ignored_texts) kinds.push_back(kind);
    return kinds;
  }();
  return all;
}

std::string_view to_text(Ignored kind) {
  for (const auto& [value, text] : ignored_texts) {
    if (value == kind) return text;
  }
  return "";
}

}  // namespace tlsrpt::policy
