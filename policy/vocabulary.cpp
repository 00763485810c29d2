#include "policy/vocabulary.h"

#include <array>
#include <utility>

namespace tlsrpt::policy {
namespace {

constexpr auto result_types = std::to_array<std::pair<ResultType, std::string_view>>({
    {ResultType::starttls_not_supported, "starttls-not-supported"},
    {ResultType::certificate_host_mismatch, "certificate-host-mismatch"},
    {ResultType::certificate_not_trusted, "certificate-not-trusted"},
    {ResultType::certificate_expired, "certificate-expired"},
    {ResultType::validation_failure, "validation-failure"},
    {ResultType::sts_policy_fetch_error, "sts-policy-fetch-error"},
    {ResultType::sts_policy_invalid, "sts-policy-invalid"},
    {ResultType::sts_webpki_invalid, "sts-webpki-invalid"},
    {ResultType::tlsa_invalid, "tlsa-invalid"},
    {ResultType::dnssec_invalid, "dnssec-invalid"},
    {ResultType::dane_required, "dane-required"},
});

constexpr auto policy_types = std::to_array<std::pair<PolicyType, std::string_view>>({
    {PolicyType::tlsa, "tlsa"},
    {PolicyType::sts, "sts"},
    {PolicyType::no_policy_found, "no-policy-found"},
});

template <class Table, class Key>
std::string_view text_of(const Table& table, Key key) {
  for (const auto& [value, text] : table) {
    if (value == key) return text;
  }
  return "";
}

template <class Table>
auto value_of(const Table& table, std::string_view word)
    -> std::optional<typename Table::value_type::first_type> {
  for (const auto& [value, text] : table) {
    if (text == word) return value;
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_text(ResultType type) { return text_of(result_types, type); }
std::string_view to_text(PolicyType type) { return text_of(policy_types, type); }

std::optional<ResultType> parse_result_type(std::string_view text) {
  return value_of(result_types, text);
}
std::optional<PolicyType> parse_policy_type(std::string_view text) {
  return value_of(policy_types, text);
}

}  // namespace tlsrpt::policy
