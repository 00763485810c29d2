#include "milter/correlate/attempt.h"

#include <gtest/gtest.h>

#include "milter/correlate/state_codec.h"

namespace tlsrpt::milter {
namespace {

using policy::Outcome;
using policy::PolicyType;

std::string verdict_text(const Attempt& attempt) {
  const Verdict verdict = verdict_of(attempt);
  std::string text = verdict.outcome == Outcome::success
                         ? "success"
                         : std::string(policy::to_text(policy::to_result_type(verdict.outcome)));
  if (!verdict.reason.empty()) text += " " + verdict.reason;
  if (verdict.policy != PolicyType::no_policy_found)
    text.append(" ").append(policy::to_text(verdict.policy));
  return text;
}

TEST(Attempt, EveryStopHasItsResultType) {
  const auto stopped = [](ReasonKind why) {
    Attempt attempt;
    attempt.kind = AttemptKind::stopped;
    attempt.stop = why;
    return verdict_text(attempt);
  };
  EXPECT_EQ(stopped(ReasonKind::tlsa_lookup_error), "dnssec-invalid tlsa-lookup-error tlsa");
  EXPECT_EQ(stopped(ReasonKind::no_tlsa_records), "dane-required no-tlsa-records-found tlsa");
  EXPECT_EQ(stopped(ReasonKind::non_dnssec_destination),
            "dane-required non-dnssec-destination tlsa");
  EXPECT_EQ(stopped(ReasonKind::tlsa_records_unusable),
            "tlsa-invalid all-TLSA-records-unusable tlsa");
  EXPECT_EQ(stopped(ReasonKind::other), "validation-failure mx-host-mismatch sts");
}

TEST(Attempt, TheReasonInTheLogGoesBeforePostfixsOwnType) {
  Attempt attempt;
  attempt.certificate_failed = true;
  attempt.level = TlsLevel::trusted;
  EXPECT_EQ(verdict_text(attempt), "certificate-host-mismatch");
  attempt.has_tlsrpt = true;
  attempt.tlsrpt_type = Outcome::validation_failure;
  attempt.tlsrpt_reason = std::string(300, 'x');
  EXPECT_EQ(verdict_text(attempt), "validation-failure " + std::string(200, 'x'));
  attempt.tlsrpt_reason = std::string(199, 'x') + "\xC3\xBC";
  EXPECT_EQ(verdict_text(attempt), "validation-failure " + std::string(199, 'x'));
  attempt.note.is_resumed = true;
  attempt.tlsrpt_type = Outcome::certificate_not_trusted;
  EXPECT_EQ(verdict_text(attempt), "certificate-not-trusted resumed-session");
  attempt.resumed = classify_verify_reason("num=10:x");
  EXPECT_EQ(verdict_text(attempt), "certificate-expired resumed-session");
  attempt.note.has_verify = true;
  attempt.note.verify = classify_verify_reason("num=18:x");
  EXPECT_EQ(verdict_text(attempt), "certificate-not-trusted self-signed-certificate");
}

TEST(Attempt, ARefusalHasItsReplyCodeWhereTheLogShowsIt) {
  Attempt attempt;
  attempt.kind = AttemptKind::not_supported;
  EXPECT_EQ(verdict_text(attempt), "starttls-not-supported starttls-not-offered");
  attempt.refusal = "454";
  EXPECT_EQ(verdict_text(attempt), "starttls-not-supported starttls-refused-454");
}

TEST(Attempt, SurvivesTheState) {
  Attempt attempt;
  attempt.kind = AttemptKind::reported;
  attempt.peer.assign({"mx.a.example", "2001:db8::1", 26});
  attempt.at = policy::from_unix_seconds(1795454222);
  attempt.note.tlsa_unusable = true;
  attempt.resumed = classify_verify_reason("num=10:x");
  attempt.tlsrpt_success = true;
  attempt.tlsrpt_domain = "a.example";
  attempt.dane_level = true;
  StateWriter writer;
  attempt.write(writer);
  const std::string octets = writer.take();
  Attempt restored;
  StateReader reader(octets);
  restored.read(reader);
  EXPECT_TRUE(reader.ok() && reader.at_end());
  StateWriter again;
  restored.write(again);
  EXPECT_EQ(again.take(), octets);
  EXPECT_EQ(verdict_text(restored), verdict_text(attempt));
}

}  // namespace
}  // namespace tlsrpt::milter
