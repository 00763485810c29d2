#include "milter/postfix/verify_reason.h"

#include <gtest/gtest.h>

#include "milter/correlate/state_codec.h"

namespace tlsrpt::milter {
namespace {

using policy::Outcome;
using policy::PolicyType;

TEST(VerifyReason, EveryOpensslErrorHasAClass) {
  // Requirements, table 10.
  for (unsigned number = 1; number < 120; ++number) {
    const VerifyReason reason = classify_x509_error(number);
    const bool is_expired = number == 10 || number == 14;
    const bool is_mismatch = number >= 62 && number <= 64;
    const bool is_other = number == 1 || number == 17 || number == 69 || number == 70;
    const Outcome wanted = is_expired    ? Outcome::certificate_expired
                           : is_mismatch ? Outcome::certificate_host_mismatch
                           : is_other    ? Outcome::validation_failure
                                         : Outcome::certificate_not_trusted;
    EXPECT_TRUE(reason.outcome == wanted) << number;
    // RFC 8460, 4.3.1 and 4.3.3: a reason SHOULD be given with these two.
    EXPECT_EQ(reason.reason_text().empty(), is_expired || is_mismatch) << number;
    EXPECT_TRUE((reason.policy == PolicyType::tlsa) == (number == 65)) << number;
  }
  EXPECT_EQ(classify_x509_error(23).reason_text(), "revoked");
  EXPECT_EQ(classify_x509_error(94).reason_text(), "x509-err-94");
}

TEST(VerifyReason, ExternalFailuresNameTheirResultType) {
  const VerifyReason sts = classify_verify_reason("external policy failure (sts-policy-invalid)");
  EXPECT_TRUE(sts.outcome == Outcome::sts_policy_invalid && sts.policy == PolicyType::sts);
  const VerifyReason odd = classify_verify_reason("external policy failure (nonsense)");
  EXPECT_TRUE(odd.outcome == Outcome::certificate_not_trusted);
  EXPECT_TRUE(odd.policy == PolicyType::no_policy_found);
}

TEST(VerifyReason, IssuerNamesDecideNothing) {
  const VerifyReason reason =
      classify_verify_reason("untrusted issuer /CN=: certificate has expired num=62:");
  EXPECT_TRUE(reason.outcome == Outcome::certificate_not_trusted);
  EXPECT_EQ(reason.reason_text(), "untrusted-issuer");
  EXPECT_TRUE(classify_verify_reason("num=x").outcome == Outcome::certificate_not_trusted);
}

TEST(VerifyReason, SurvivesTheState) {
  for (const char* text : {"num=18:x", "num=500:x", "certificate has expired", "untrusted issuer x",
                           "external policy failure (x)", "num=65:x"}) {
    const VerifyReason before = classify_verify_reason(text);
    StateWriter writer;
    write_verify(writer, before);
    const std::string octets = writer.take();
    StateReader reader(octets);
    const VerifyReason after = read_verify(reader);
    EXPECT_TRUE(reader.ok());
    EXPECT_EQ(after.reason_text(), before.reason_text()) << text;
    EXPECT_TRUE(after.outcome == before.outcome && after.policy == before.policy) << text;
  }
}

}  // namespace
}  // namespace tlsrpt::milter
