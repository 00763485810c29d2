#include "milter/postfix/verify_reason.h"

#include <array>
#include <utility>

#include "milter/correlate/state_codec.h"
#include "policy/text.h"

namespace tlsrpt::milter {
namespace {

using policy::Outcome;
using policy::PolicyType;

constexpr VerifyReason not_trusted(std::string_view reason) {
  return {Outcome::certificate_not_trusted, reason, PolicyType::no_policy_found};
}

struct X509Error {
  unsigned number;
  VerifyReason reason;
};

// OpenSSL 3 x509_vfy.h. Numbers that are missing here are certificate-not-trusted, x509-err.
constexpr auto x509_errors = std::to_array<X509Error>({
    {1, {Outcome::validation_failure, "unspecified", PolicyType::no_policy_found}},
    {2, not_trusted("unable-to-get-issuer-cert")},
    {3, not_trusted("unable-to-get-crl")},
    {4, not_trusted("unable-to-decrypt-cert-signature")},
    {6, not_trusted("unable-to-decode-issuer-public-key")},
    {7, not_trusted("cert-signature-failure")},
    {8, not_trusted("crl-signature-failure")},
    {9, not_trusted("certificate-not-yet-valid")},
    {10, {Outcome::certificate_expired, "", PolicyType::no_policy_found}},
    {11, not_trusted("crl-not-yet-valid")},
    {12, not_trusted("crl-has-expired")},
    {13, not_trusted("certificate-not-yet-valid")},
    {14, {Outcome::certificate_expired, "", PolicyType::no_policy_found}},
    {17, {Outcome::validation_failure, "out-of-memory", PolicyType::no_policy_found}},
    {18, not_trusted("self-signed-certificate")},
    {19, not_trusted("self-signed-certificate-in-chain")},
    {20, not_trusted("untrusted-issuer")},
    {21, not_trusted("unable-to-verify-leaf-signature")},
    {22, not_trusted("certificate-chain-too-long")},
    {23, not_trusted("revoked")},
    {24, not_trusted("invalid-ca")},
    {25, not_trusted("path-length-exceeded")},
    {26, not_trusted("invalid-purpose")},
    {27, not_trusted("cert-untrusted")},
    {28, not_trusted("cert-rejected")},
    {36, not_trusted("unhandled-critical-crl-extension")},
    {62, {Outcome::certificate_host_mismatch, "", PolicyType::no_policy_found}},
    {63, {Outcome::certificate_host_mismatch, "", PolicyType::no_policy_found}},
    {64, {Outcome::certificate_host_mismatch, "", PolicyType::no_policy_found}},
    {65, {Outcome::certificate_not_trusted, "dane-no-match", PolicyType::tlsa}},
    {66, not_trusted("ee-key-too-small")},
    {67, not_trusted("ca-key-too-small")},
    {68, not_trusted("ca-md-too-weak")},
    {69, {Outcome::validation_failure, "invalid-call", PolicyType::no_policy_found}},
    {70, {Outcome::validation_failure, "store-lookup", PolicyType::no_policy_found}},
    {79, not_trusted("invalid-ca")},
});

// Postfix's own texts, matched from the first byte; "CA " before them means depth > 0.
constexpr auto postfix_texts = std::to_array<std::pair<std::string_view, VerifyReason>>({
    {"certificate has expired", {Outcome::certificate_expired, "", PolicyType::no_policy_found}},
    {"certificate not yet valid", not_trusted("certificate-not-yet-valid")},
    {"self-signed certificate", not_trusted("self-signed-certificate")},
    {"untrusted issuer ", not_trusted("untrusted-issuer")},
    {"not trusted by local or TLSA policy", not_trusted("not-trusted-by-local-or-tlsa-policy")},
    {"not designated for use as a server certificate", not_trusted("invalid-purpose")},
    {"not designated for use as a ", not_trusted("invalid-purpose")},
    {"certificate chain longer than limit", not_trusted("certificate-chain-too-long")},
    {"no matching DANE TLSA",
     {Outcome::certificate_not_trusted, "dane-no-match", PolicyType::tlsa}},
});

constexpr std::string_view external_failure = "external-policy-failure";
constexpr std::string_view external_prefix = "external policy failure (";

VerifyReason classify_external(std::string_view text) {
  text.remove_prefix(external_prefix.size());
  const auto type = policy::parse_result_type(text.substr(0, text.find(')')));
  if (!type) return not_trusted(external_failure);
  const bool is_sts = policy::to_text(*type).starts_with("sts-");
  return {policy::to_outcome(*type), "", is_sts ? PolicyType::sts : PolicyType::no_policy_found};
}

}  // namespace

std::string_view vocabulary_word(std::string_view text) {
  for (const X509Error& error : x509_errors) {
    if (error.reason.reason == text) return error.reason.reason;
  }
  for (const auto& [prefix, reason] : postfix_texts) {
    if (reason.reason == text) return reason.reason;
  }
  return text == external_failure ? external_failure : std::string_view();
}

void write_verify(StateWriter& writer, const VerifyReason& verify) {
  writer.number(static_cast<std::uint64_t>(verify.outcome));
  writer.text(verify.reason);
  writer.number(static_cast<std::uint64_t>(verify.policy));
  writer.number(verify.x509_error);
}

VerifyReason read_verify(StateReader& reader) {
  VerifyReason verify;
  verify.outcome = reader.enumeration(Outcome::dane_required);
  verify.reason = vocabulary_word(reader.text());
  verify.policy = reader.enumeration(PolicyType::no_policy_found);
  verify.x509_error = static_cast<unsigned>(reader.number());
  return verify;
}

std::string VerifyReason::reason_text() const {
  if (x509_error != 0) return "x509-err-" + std::to_string(x509_error);
  return std::string(reason);
}

VerifyReason classify_x509_error(unsigned number) {
  for (const X509Error& error : x509_errors) {
    if (error.number == number) return error.reason;
  }
  VerifyReason unknown = not_trusted("");
  unknown.x509_error = number;
  return unknown;
}

VerifyReason classify_verify_reason(std::string_view text) {
  if (text.starts_with(external_prefix)) return classify_external(text);
  constexpr std::string_view number_prefix = "num=";
  if (text.starts_with(number_prefix)) {
    text.remove_prefix(number_prefix.size());
    const auto number = policy::parse_number<unsigned>(text.substr(0, text.find(':')));
    return number ? classify_x509_error(*number) : not_trusted("");
  }
  for (const auto& [prefix, reason] : postfix_texts) {
    if (text.starts_with(prefix)) return reason;
  }
  return not_trusted("");
}

}  // namespace tlsrpt::milter
