// The reason of a `certificate verification failed for H: REASON` line as result type and
// failure-reason-code.
//
// From a log the RFC's class is used: RFC 8460, 4.3.1 puts unknown issuers under
// certificate-not-trusted, whatever Postfix's own datagram says. Source of the texts: Postfix
// tls/tls_verify.c and tls/tls_client.c, OpenSSL X509_V_ERR_*.
#pragma once

#include <string>
#include <string_view>

#include "policy/fact.h"

namespace tlsrpt::milter {

struct VerifyReason {
  policy::Outcome outcome = policy::Outcome::certificate_not_trusted;
  std::string_view reason;  // Of our vocabulary, static storage; empty: the class says it all.
  // The only policy types that such a line proves: tlsa for num=65, sts for sts-*.
  policy::PolicyType policy = policy::PolicyType::no_policy_found;
  // The number of an error that the vocabulary has no word for: reason is then `x509-err-NUMBER`.
  unsigned x509_error = 0;

  std::string reason_text() const;
};

// TEXT is what follows `certificate verification failed for H: `. Never fails: what is unknown is
// certificate-not-trusted.
VerifyReason classify_verify_reason(std::string_view text);

// The word of our vocabulary that equals TEXT, in static storage; empty where there is none.
std::string_view vocabulary_word(std::string_view text);

class StateReader;
class StateWriter;
void write_verify(StateWriter& writer, const VerifyReason& verify);
VerifyReason read_verify(StateReader& reader);

// The class of OpenSSL's verification error N.
VerifyReason classify_x509_error(unsigned number);

}  // namespace tlsrpt::milter
