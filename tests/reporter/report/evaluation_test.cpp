#include "reporter/report/evaluation.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/report_facts.h"

namespace tlsrpt::reporter {
namespace {

using policy::Fact;
using policy::Outcome;
using policy::PolicyType;
using policy::ResultType;
using testing_support::report_fact;

const std::string domain = "a.example";

Fact fact(Outcome outcome, std::uint64_t sessions, const std::string& reason = "") {
  return report_fact(domain, outcome, sessions, reason);
}

EvaluationContext context(bool tls_logged = false) {
  EvaluationContext context;
  context.tls_logged = [tls_logged](auto, auto, auto) { return policy::Result<bool>(tls_logged); };
  return context;
}

Evaluation evaluated(const std::vector<Fact>& facts, const EvaluationContext& with = context()) {
  auto result = evaluate(domain, facts, with);
  EXPECT_TRUE(result.ok());
  return result.ok() ? *result : Evaluation{};
}

// What holds for every evaluation (RFC 8460, 4.2 to 4.4).
void expect_invariants(const Evaluation& evaluation) {
  std::uint64_t sessions = 0;
  for (const PolicyResult& each : evaluation.policies) {
    sessions += each.successful_sessions + each.failed_sessions;
    EXPECT_GT(each.successful_sessions + each.failed_sessions, 0U);
    EXPECT_EQ(each.failed_sessions > 0, !each.failure_details.empty());
    EXPECT_FALSE(each.policy.policy_domain.empty());
    std::uint64_t failed = 0;
    for (const FailureDetail& detail : each.failure_details) {
      EXPECT_GT(detail.failed_session_count, 0U);
      EXPECT_LE(detail.failed_session_count, each.failed_sessions);
      failed += detail.failed_session_count;
    }
    EXPECT_EQ(failed, each.failed_sessions);  // Each of our sessions has exactly one outcome.
  }
  EXPECT_EQ(sessions, evaluation.sessions);
}

TEST(Evaluation, NoFactsGiveNoPolicies) {
  const Evaluation evaluation = evaluated({});
  EXPECT_TRUE(evaluation.policies.empty());
  EXPECT_EQ(evaluation.sessions, 0U);
}

TEST(Evaluation, SuccessesAndFailuresOfOnePolicyAreOneEntry) {
  const Evaluation evaluation = evaluated({
      fact(Outcome::success, 5),
      fact(Outcome::success, 2),
      fact(Outcome::validation_failure, 3, "tls-handshake-failure"),
  });
  ASSERT_EQ(evaluation.policies.size(), 1U);
  const PolicyResult& entry = evaluation.policies[0];
  EXPECT_EQ(entry.policy.type, PolicyType::no_policy_found);
  EXPECT_EQ(entry.policy.policy_domain, domain);
  EXPECT_EQ(entry.successful_sessions, 7U);
  EXPECT_EQ(entry.failed_sessions, 3U);
  ASSERT_EQ(entry.failure_details.size(), 1U);
  const FailureDetail& detail = entry.failure_details[0];
  EXPECT_EQ(detail.result_type, ResultType::validation_failure);
  EXPECT_EQ(detail.sending_mta_ip, "192.0.2.25");
  EXPECT_EQ(detail.receiving_mx_hostname, "mx.a.example");
  EXPECT_EQ(detail.receiving_ip, "198.51.100.1");
  EXPECT_EQ(detail.failed_session_count, 3U);
  EXPECT_EQ(detail.failure_reason_code, "tls-handshake-failure");
  EXPECT_EQ(evaluation.messages, 10U);
  expect_invariants(evaluation);
}

TEST(Evaluation, MessagesOfARowWithoutSessionsCount) {
  auto carried = fact(Outcome::success, 0);
  carried.messages = 3;
  const Evaluation evaluation = evaluated({fact(Outcome::success, 5), carried});
  EXPECT_EQ(evaluation.messages, 8U);
  EXPECT_EQ(evaluation.sessions, 5U);
}

TEST(Evaluation, EveryFailureOutcomeIsItsResultType) {
  for (int number = 1; number <= 11; ++number) {
    const auto outcome = static_cast<Outcome>(number);
    const Evaluation evaluation = evaluated({fact(outcome, 1)});
    ASSERT_EQ(evaluation.policies.size(), 1U);
    EXPECT_EQ(evaluation.policies[0].failure_details[0].result_type,
              static_cast<ResultType>(number));
  }
}

// Postfix 3.10 sends no datagram for a resumed session, so that only the log tells of it.
TEST(Evaluation, SessionsWhoseStringsAreUnknownStandUnderTheOnlyPolicyThatIsKnown) {
  Fact resumed = fact(Outcome::success, 3);
  resumed.policy = {PolicyType::tlsa, "mx.a.example", {}, {}};
  Fact failed = fact(Outcome::certificate_expired, 2);
  failed.policy = resumed.policy;
  Fact none = fact(Outcome::dane_required, 1);
  none.policy = resumed.policy;
  Fact told = fact(Outcome::success, 4);
  told.policy = {PolicyType::tlsa, "MX.a.example.", {"3 1 1 ab"}, {}};
  const Evaluation evaluation = evaluated({resumed, failed, none, told});
  ASSERT_EQ(evaluation.policies.size(), 2U);
  EXPECT_EQ(evaluation.policies[0].policy, none.policy) << "no policy was met";
  EXPECT_EQ(evaluation.policies[0].failed_sessions, 1U);
  EXPECT_EQ(evaluation.policies[1].policy.policy_string, std::vector<std::string>{"3 1 1 AB"});
  EXPECT_EQ(evaluation.policies[1].successful_sessions, 7U);
  EXPECT_EQ(evaluation.policies[1].failed_sessions, 2U);
  EXPECT_EQ(evaluated({told, none, failed, resumed}).policies, evaluation.policies);
  expect_invariants(evaluation);
  Fact other = told;
  other.policy.policy_string = {"3 1 1 cd"};
  const Evaluation doubtful = evaluated({resumed, told, other});
  ASSERT_EQ(doubtful.policies.size(), 3U);
  EXPECT_EQ(doubtful.policies[0].policy, resumed.policy);
  EXPECT_EQ(doubtful.policies[0].successful_sessions, 3U);
}

TEST(Evaluation, DifferentPoliciesAreDifferentEntriesInAFixedOrder) {
  Fact none = fact(Outcome::success, 1);
  Fact sts = fact(Outcome::success, 2);
  sts.policy = {PolicyType::sts, domain, {"version: STSv1", "mode: enforce"}, {"*.a.example"}};
  Fact sts_before = sts;
  sts_before.policy.policy_string[1] = "mode: testing";
  Fact tlsa = fact(Outcome::success, 4);
  tlsa.policy = {PolicyType::tlsa, "mx.a.example", {"3 1 1 AB"}, {}};
  const Evaluation evaluation = evaluated({none, sts, tlsa, sts_before});
  ASSERT_EQ(evaluation.policies.size(), 4U);
  EXPECT_EQ(evaluation.policies[0].policy, tlsa.policy);
  EXPECT_EQ(evaluation.policies[1].policy, sts.policy);
  EXPECT_EQ(evaluation.policies[2].policy, sts_before.policy);
  EXPECT_EQ(evaluation.policies[3].policy.type, PolicyType::no_policy_found);
  EXPECT_EQ(evaluated({sts_before, tlsa, none, sts}).policies, evaluation.policies);
  expect_invariants(evaluation);
}

TEST(Evaluation, AnAbsentPolicyDomainIsTheRecipientDomain) {
  Fact from_datagram = fact(Outcome::success, 1);
  from_datagram.policy.policy_domain = "";
  const Evaluation evaluation = evaluated({from_datagram, fact(Outcome::success, 1)});
  ASSERT_EQ(evaluation.policies.size(), 1U);
  EXPECT_EQ(evaluation.policies[0].policy.policy_domain, domain);
}

TEST(Evaluation, NamesAreALabels) {
  Fact one = fact(Outcome::validation_failure, 1);
  one.mx_host =
      "MX.B\xC3\x9C"
      "CHER.example.";
  one.policy = {PolicyType::sts,
                "b\xC3\xBC"
                "cher.example",
                {},
                {"*.b\xC3\xBC"
                 "cher.example",
                 "*", "", "a b", "MX.example"}};
  const PolicyResult entry = evaluated({one}).policies[0];
  EXPECT_EQ(entry.policy.policy_domain, "xn--bcher-kva.example");
  EXPECT_EQ(entry.policy.mx_host,
            (std::vector<std::string>{"*.xn--bcher-kva.example", "mx.example"}));
  EXPECT_EQ(entry.failure_details[0].receiving_mx_hostname, "mx.xn--bcher-kva.example");
}

TEST(Evaluation, APolicyDomainThatIsNoNameIsTheRecipientDomain) {
  for (const char* name : {"a b", "\xFF", "[192.0.2.1]", "mx\r\n"}) {
    Fact one = fact(Outcome::success, 1);
    one.policy = {PolicyType::tlsa, name, {}, {}};
    EXPECT_EQ(evaluated({one}).policies[0].policy.policy_domain, domain) << name;
  }
}

TEST(Evaluation, AnEntryHoldsOnlyWhatItsTypeHas) {
  Fact none = fact(Outcome::success, 1);
  none.policy.policy_string = {"stray"};
  none.policy.mx_host = {"stray"};
  Fact tlsa = fact(Outcome::success, 1);
  tlsa.policy = {PolicyType::tlsa, "MX.a.example.", {}, {"stray"}};
  const Evaluation evaluation = evaluated({none, tlsa});
  ASSERT_EQ(evaluation.policies.size(), 2U);
  EXPECT_EQ(evaluation.policies[0].policy,
            (policy::AppliedPolicy{PolicyType::tlsa, "mx.a.example", {}, {}}));
  EXPECT_EQ(evaluation.policies[1].policy,
            (policy::AppliedPolicy{PolicyType::no_policy_found, domain, {}, {}}));
}

TEST(Evaluation, TlsaRecordsAreInPresentationFormAndWithoutOrder) {
  Fact one = fact(Outcome::success, 1);
  one.policy = {PolicyType::tlsa, "mx.a.example", {"3 1 1 abcd ef", "2 0 1  12"}, {}};
  Fact other = fact(Outcome::success, 1);
  other.policy = {PolicyType::tlsa, "mx.a.example", {"2 0 1 12", "3 1 1 ABCDEF"}, {}};
  const Evaluation evaluation = evaluated({one, other});
  ASSERT_EQ(evaluation.policies.size(), 1U);
  EXPECT_EQ(evaluation.policies[0].policy.policy_string,
            (std::vector<std::string>{"2 0 1 12", "3 1 1 ABCDEF"}));
}

TEST(Evaluation, TextThatIsNoTlsaRecordIsOnlyCleaned) {
  for (const char* text : {"3 1 1", "x 1 1 ab", "3 1 1 xy", "256 1 1 ab", "broken"}) {
    Fact one = fact(Outcome::success, 1);
    one.policy = {PolicyType::tlsa, "mx.a.example", {text}, {}};
    EXPECT_EQ(evaluated({one}).policies[0].policy.policy_string[0], text);
  }
}

TEST(Evaluation, StsLinesKeepTheirOrderAndTheirErrors) {
  Fact one = fact(Outcome::success, 1);
  one.policy = {PolicyType::sts,
                domain,
                {"version: STSv1\r", "mod: x", "", "mx: B", "mx: a"},
                {"*.A.example"}};
  const auto policy = evaluated({one}).policies[0].policy;
  EXPECT_EQ(policy.policy_string,
            (std::vector<std::string>{"version: STSv1", "mod: x", "mx: B", "mx: a"}));
  EXPECT_EQ(policy.mx_host, std::vector<std::string>{"*.a.example"});
}

TEST(Evaluation, DetailsAreMergedByTheirKeyAndSortedByCount) {
  Fact other_relay = fact(Outcome::certificate_expired, 4);
  other_relay.relay = "relay2";
  Fact other_ip = fact(Outcome::certificate_expired, 7);
  other_ip.sending_ip = "192.0.2.26";
  const Evaluation evaluation =
      evaluated({fact(Outcome::certificate_expired, 1), other_relay, other_ip,
                 fact(Outcome::certificate_not_trusted, 5, "untrusted-issuer")});
  const auto& details = evaluation.policies[0].failure_details;
  ASSERT_EQ(details.size(), 3U);
  EXPECT_EQ(details[0].sending_mta_ip, "192.0.2.26");
  EXPECT_EQ(details[0].failed_session_count, 7U);
  // Equal counts: by result type.
  EXPECT_EQ(details[1].result_type, ResultType::certificate_not_trusted);
  EXPECT_EQ(details[2].result_type, ResultType::certificate_expired);
  EXPECT_EQ(details[2].failed_session_count, 5U);
  expect_invariants(evaluation);
}

TEST(Evaluation, DetailsOfEqualCountAreSortedByText) {
  std::vector<Fact> facts;
  for (int i = 99; i >= 10; --i) {
    facts.push_back(fact(Outcome::validation_failure, 1, "reason " + std::to_string(i)));
  }
  const auto details = evaluated(facts).policies[0].failure_details;
  ASSERT_EQ(details.size(), 90U);
  EXPECT_TRUE(std::is_sorted(details.begin(), details.end(), [](const auto& a, const auto& b) {
    return a.failure_reason_code < b.failure_reason_code;
  }));
}

TEST(Evaluation, PrivateAndUnknownSendingAddressesAreLeftOut) {
  for (const char* address :
       {"", "10.1.2.3", "127.0.0.1", "fe80::1%eth0", "fd00::1", "0.0.0.0", "bogus"}) {
    Fact one = fact(Outcome::validation_failure, 1);
    one.sending_ip = address;
    EXPECT_EQ(evaluated({one}).policies[0].failure_details[0].sending_mta_ip, "") << address;
  }
}

TEST(Evaluation, AddressesAreInCanonicalForm) {
  Fact one = fact(Outcome::validation_failure, 1);
  one.sending_ip = "2001:DB8:0:0::1";
  one.mx_ip = "::ffff:198.51.100.7";
  const FailureDetail detail = evaluated({one}).policies[0].failure_details[0];
  EXPECT_EQ(detail.sending_mta_ip, "2001:db8::1");
  EXPECT_EQ(detail.receiving_ip, "198.51.100.7");
}

TEST(Evaluation, StrangersTextsAreCleaned) {
  Fact one = fact(Outcome::validation_failure, 1, std::string(300, 'r') + "\n");
  one.helo = "mx\r\n250 evil\xFF";
  one.mx_host = "MX.a.example.";
  const FailureDetail detail = evaluated({one}).policies[0].failure_details[0];
  EXPECT_EQ(detail.failure_reason_code, std::string(200, 'r'));
  EXPECT_EQ(detail.receiving_mx_helo, "mx");
  EXPECT_EQ(detail.receiving_mx_hostname, "mx.a.example");
}

TEST(Evaluation, PlaintextWithTlsLineBeforeIsProven) {
  const Evaluation evaluation =
      evaluated({fact(Outcome::no_tls_seen, 3, "starttls-stripped-suspected")});
  ASSERT_EQ(evaluation.policies.size(), 1U);
  const FailureDetail& detail = evaluation.policies[0].failure_details[0];
  EXPECT_EQ(detail.result_type, ResultType::starttls_not_supported);
  EXPECT_EQ(detail.failure_reason_code, "starttls-stripped-suspected");
  EXPECT_EQ(evaluation.tls_unknown, 0U);
  EXPECT_EQ(evaluation.uses, std::vector<FactUse>{FactUse::reported});
}

TEST(Evaluation, PlaintextIsJudgedByTheTlsLinesOfItsService) {
  Fact one = fact(Outcome::no_tls_seen, 3);
  one.minute = 61;
  one.service = "postfix/relay/smtp";
  int asked = 0;
  EvaluationContext with = context();
  with.tls_logged = [&asked](std::string_view relay, std::string_view service,
                             policy::UtcSeconds instant) {
    ++asked;
    EXPECT_EQ(relay, "relay1");
    EXPECT_EQ(service, "postfix/relay/smtp");
    EXPECT_EQ(instant, policy::UtcSeconds(testing_support::report_day) + std::chrono::minutes(61));
    return policy::Result<bool>(true);
  };
  const Evaluation proven = evaluated({one, one}, with);
  EXPECT_EQ(asked, 1);
  ASSERT_EQ(proven.proven.size(), 1U);
  EXPECT_EQ(proven.proven[0].relay, "relay1");
  EXPECT_EQ(proven.proven[0].service, "postfix/relay/smtp");
  EXPECT_EQ(proven.proven[0].minute, 61);
  EXPECT_EQ(proven.policies[0].failed_sessions, 6U);
  EXPECT_EQ(proven.policies[0].failure_details[0].failure_reason_code, "starttls-not-offered");

  const Evaluation unproven = evaluated({one, fact(Outcome::success, 1)}, context(false));
  EXPECT_EQ(unproven.tls_unknown, 3U);
  EXPECT_EQ(unproven.sessions, 1U);
  EXPECT_EQ(unproven.sessions_seen, 1U);
  EXPECT_TRUE(unproven.proven.empty());
  EXPECT_EQ(unproven.policies[0].failed_sessions, 0U);
  EXPECT_EQ(unproven.uses, (std::vector<FactUse>{FactUse::tls_unknown, FactUse::reported}));
  expect_invariants(unproven);
}

TEST(Evaluation, OnlyUnprovenPlaintextGivesNoReport) {
  Fact one = fact(Outcome::no_tls_seen, 3);
  one.minute = 0;
  EXPECT_TRUE(evaluated({one}).policies.empty());
}

TEST(Evaluation, PlaintextIsNotReportedWhereTheOptionSaysSo) {
  EvaluationContext with = context(true);
  with.report_plaintext = false;
  Fact later_proven = fact(Outcome::no_tls_seen, 2);
  later_proven.minute = 5;
  Fact refused = fact(Outcome::starttls_not_supported, 16, "starttls-refused-454");
  Fact enforced = fact(Outcome::starttls_not_supported, 32, "starttls-not-offered");
  enforced.policy = {PolicyType::sts, domain, {}, {}};
  const Evaluation evaluation = evaluated(
      {fact(Outcome::no_tls_seen, 1), later_proven,
       fact(Outcome::starttls_not_supported, 4, "starttls-not-offered"),
       fact(Outcome::starttls_not_supported, 8, "starttls-stripped-suspected"), refused, enforced},
      with);
  EXPECT_EQ(evaluation.sessions, 48U);
  EXPECT_EQ(evaluation.sessions_seen, 63U);
  EXPECT_EQ(evaluation.proven.size(), 1U);
  EXPECT_EQ(evaluation.tls_unknown, 0U);
  ASSERT_EQ(evaluation.uses.size(), 6U);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(evaluation.uses[i], FactUse::plaintext) << i;
  EXPECT_EQ(evaluation.uses[4], FactUse::reported);
  EXPECT_EQ(evaluation.uses[5], FactUse::reported);
}

TEST(Evaluation, ErrorsOfTheStoreArePassedOn) {
  EvaluationContext with;
  with.tls_logged = [](auto, auto, auto) {
    return policy::Result<bool>(policy::Error(policy::Errc::temporary, "locked"));
  };
  Fact one = fact(Outcome::no_tls_seen, 3);
  one.minute = 0;
  const auto result = evaluate(domain, {one}, with);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code(), policy::Errc::temporary);
}

TEST(Evaluation, ImpossibleFactsAreAnError) {
  Fact outcome = fact(static_cast<Outcome>(12), 1);
  EXPECT_FALSE(evaluate(domain, {outcome}, context()).ok());
  Fact minute = fact(Outcome::no_tls_seen, 1);
  minute.minute = 1440;
  EXPECT_FALSE(evaluate(domain, {minute}, context()).ok());
}

TEST(Evaluation, CountsStayExactJsonNumbers) {
  const Evaluation evaluation =
      evaluated({fact(Outcome::success, ~std::uint64_t{0}), fact(Outcome::success, 5)});
  EXPECT_EQ(evaluation.policies[0].successful_sessions, (std::uint64_t{1} << 53U) - 1);
}

FailureDetail detail(ResultType type, std::uint64_t count, const std::string& mx) {
  FailureDetail one;
  one.result_type = type;
  one.failed_session_count = count;
  one.receiving_mx_hostname = mx;
  one.sending_mta_ip = "192.0.2.25";
  one.receiving_mx_helo = mx;
  one.receiving_ip = "198.51.100.1";
  one.failure_reason_code = "reason";
  return one;
}

TEST(FoldDetails, FewDetailsStayAsTheyAre) {
  const std::vector<FailureDetail> few = {detail(ResultType::dnssec_invalid, 2, "a"),
                                          detail(ResultType::dnssec_invalid, 1, "b")};
  EXPECT_EQ(fold_details(few, 2), few);
}

TEST(FoldDetails, TheRestIsOneDetailForEachResultTypeWithoutMxAddressesAndHelo) {
  const auto folded = fold_details(
      {detail(ResultType::dnssec_invalid, 9, "a"), detail(ResultType::tlsa_invalid, 2, "b"),
       detail(ResultType::tlsa_invalid, 1, "c"), detail(ResultType::dnssec_invalid, 1, "d")},
      3);
  ASSERT_EQ(folded.size(), 3U);
  EXPECT_EQ(folded[0], detail(ResultType::dnssec_invalid, 9, "a"));
  FailureDetail rest;
  rest.result_type = ResultType::tlsa_invalid;
  rest.failed_session_count = 3;
  EXPECT_EQ(folded[1], rest);
  rest.result_type = ResultType::dnssec_invalid;
  rest.failed_session_count = 1;
  EXPECT_EQ(folded[2], rest);
}

TEST(FoldDetails, FoldingTwiceIsFoldingOnce) {
  std::vector<FailureDetail> many;
  for (unsigned i = 1; i <= 40; ++i) {
    many.push_back(detail(static_cast<ResultType>(i % 11 + 1), i, "mx" + std::to_string(i)));
  }
  for (std::size_t max = 0; max <= 41; ++max) {
    const auto folded = fold_details(many, max);
    EXPECT_LE(folded.size(), std::max<std::size_t>(max, 11));
    std::uint64_t sum = 0;
    for (const FailureDetail& each : folded) sum += each.failed_session_count;
    EXPECT_EQ(sum, 820U);
    EXPECT_EQ(fold_details(folded, max), folded);
  }
}

TEST(Evaluation, DetailsAreLimitedOverAllPoliciesTogether) {
  std::vector<Fact> facts;
  for (int i = 0; i < 30; ++i) {
    Fact one = fact(Outcome::validation_failure, 1);
    one.mx_host = "mx" + std::to_string(i) + ".a.example";
    if (i % 3 == 0) one.policy = {PolicyType::sts, domain, {}, {}};
    facts.push_back(one);
  }
  EvaluationContext with = context();
  for (const unsigned max : {2U, 3U, 10U, 29U, 30U}) {
    with.max_failure_details = max;
    const Evaluation evaluation = evaluated(facts, with);
    std::size_t details = 0;
    for (const PolicyResult& each : evaluation.policies) details += each.failure_details.size();
    EXPECT_LE(details, max);
    EXPECT_EQ(evaluation.sessions, 30U);
    expect_invariants(evaluation);
  }
}

TEST(Evaluation, InvariantsHoldForAnyFacts) {
  std::mt19937 random(20261122);
  const auto below = [&random](unsigned limit) { return static_cast<unsigned>(random() % limit); };
  for (int round = 0; round < 300; ++round) {
    std::vector<Fact> facts;
    std::uint64_t seen = 0;
    for (unsigned i = below(40); i > 0; --i) {
      const unsigned number = below(13);
      Fact one = fact(number == 12 ? Outcome::no_tls_seen : static_cast<Outcome>(number), below(50),
                      below(2) == 0 ? "" : "starttls-not-offered");
      one.mx_host = "mx" + std::to_string(below(4));
      one.policy.type =
          std::array{PolicyType::tlsa, PolicyType::sts, PolicyType::no_policy_found}.at(below(3));
      if (number == 12) one.minute = static_cast<std::int16_t>(static_cast<int>(below(1441)) - 1);
      seen += one.sessions;
      facts.push_back(one);
    }
    EvaluationContext with = context();
    with.report_plaintext = below(2) == 0;
    with.max_failure_details = below(30);
    with.tls_logged = [](auto, auto, policy::UtcSeconds instant) {
      return policy::Result<bool>(instant.time_since_epoch().count() / 60 % 2 == 0);
    };
    const Evaluation evaluation = evaluated(facts, with);
    expect_invariants(evaluation);
    EXPECT_EQ(evaluation.sessions_seen + evaluation.tls_unknown, seen);
    std::shuffle(facts.begin(), facts.end(), random);
    EXPECT_EQ(evaluated(facts, with).policies, evaluation.policies);
  }
}

}  // namespace
}  // namespace tlsrpt::reporter
