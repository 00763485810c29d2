// Sample reports with everything that a report can hold, for golden files and independent readers.
#pragma once

#include <string>
#include <vector>

#include "reporter/report/report_builder.h"
#include "tests/support/fake_clock.h"
#include "tests/support/random_report.h"
#include "tests/support/report_facts.h"

namespace tlsrpt::testing_support {

struct ReportSample {
  std::string name;
  reporter::StoredReport report;
  std::string recipient;
};

inline ReportSample make_sample(const std::string& name, const std::string& domain,
                                const std::vector<policy::Fact>& facts,
                                const reporter::Settings& settings = report_settings(),
                                std::uint32_t revision = 1) {
  reporter::EvaluationContext context;
  context.max_failure_details = settings.max_failure_details;
  const auto evaluation = reporter::evaluate(domain, facts, context);
  const auto report = reporter::build_report(*evaluation, settings, report_day, domain, revision,
                                             at("2026-11-23T04:05:06Z"));
  return {name, *report, "tlsrpt@reports.example"};
}

inline policy::Fact with_policy(policy::Fact fact, policy::AppliedPolicy policy) {
  fact.policy = std::move(policy);
  return fact;
}

inline policy::AppliedPolicy sts_policy(const std::string& domain) {
  return {policy::PolicyType::sts,
          domain,
          {"version: STSv1", "mode: enforce", "mx: *." + domain, "max_age: 604800"},
          {"*." + domain}};
}

inline policy::AppliedPolicy tlsa_policy(const std::string& domain) {
  return {policy::PolicyType::tlsa,
          "mx." + domain,
          {"3 1 1 " + std::string(64, 'a'), "2 0 1 " + std::string(64, 'b')},
          {}};
}

// Every result type, each under the policy that it belongs to.
inline std::vector<policy::Fact> facts_of_all_kinds(const std::string& domain) {
  using policy::Outcome;
  const policy::AppliedPolicy sts = sts_policy(domain);
  const policy::AppliedPolicy tlsa = tlsa_policy(domain);
  std::vector<policy::Fact> facts;
  for (int number = 0; number <= 11; ++number) {
    const auto outcome = static_cast<Outcome>(number);
    const bool is_tlsa = outcome >= Outcome::tlsa_invalid;
    const bool is_none = outcome == Outcome::starttls_not_supported;
    policy::Fact fact = report_fact(domain, outcome, static_cast<std::uint64_t>(number) + 1);
    fact.helo = "helo." + domain;
    if (outcome == Outcome::validation_failure) fact.reason = "tls-handshake-failure";
    if (outcome == Outcome::certificate_not_trusted) fact.sending_ip = "2001:db8::25";
    if (outcome == Outcome::dane_required) fact.mx_ip = "";
    if (!is_none) fact = with_policy(fact, is_tlsa ? tlsa : sts);
    facts.push_back(fact);
  }
  facts.push_back(report_fact(domain, Outcome::no_tls_seen, 40, "starttls-stripped-suspected"));
  facts.push_back(with_policy(report_fact(domain, Outcome::success, 100), tlsa));
  return facts;
}

// Facts that strangers made as odd as they could.
inline std::vector<policy::Fact> hostile_facts(const std::string& domain) {
  policy::Fact fact =
      report_fact(domain, policy::Outcome::validation_failure, 1,
                  "\"}],\r\n\x1b[2J\xFF\xED\xA0\x80 \xE2\x80\xAE" + std::string(500, 'r'));
  fact.helo = "mx\r\nBcc: victim@example.net\r\n\r\n--=_tlsrpt_";
  fact.mx_host = "MX.\xC3\xBC\"\\.";
  fact.mx_ip = "198.51.100.1]:25";
  fact.sending_ip = "10.0.0.1";
  fact.policy = {policy::PolicyType::sts,
                 "",
                 {"version: STSv1\r", "\xFF\xFE", "mx: {\"a\":null}"},
                 {"*.A.example.", ""}};
  return {fact};
}

inline std::vector<ReportSample> report_samples() {
  using policy::Outcome;
  std::vector<ReportSample> samples;
  samples.push_back(
      make_sample("success", "a.example", {report_fact("a.example", Outcome::success, 7)}));
  samples.push_back(make_sample("everything", "xn--bcher-kva.example",
                                facts_of_all_kinds("xn--bcher-kva.example"), report_settings(),
                                12));
  const auto of_policy = [&samples](const std::string& name, const policy::AppliedPolicy& policy,
                                    Outcome failure) {
    samples.push_back(
        make_sample(name, "a.example",
                    {with_policy(report_fact("a.example", Outcome::success, 8), policy),
                     with_policy(report_fact("a.example", failure, 1), policy)}));
  };
  of_policy("sts", sts_policy("a.example"), Outcome::certificate_host_mismatch);
  of_policy("tlsa", tlsa_policy("a.example"), Outcome::validation_failure);
  // As many details as a report has unless configured otherwise, each of an MX host of its own.
  std::vector<policy::Fact> full;
  for (unsigned i = 0; i < 500; ++i) {
    policy::Fact fact = report_fact("a.example", Outcome::starttls_not_supported, i + 1);
    fact.mx_host = "mx" + std::to_string(i) + ".a.example";
    fact.mx_ip = "198.51.100." + std::to_string(i % 256);
    full.push_back(fact);
  }
  samples.push_back(make_sample("full", "a.example", full));
  samples.push_back(make_sample("hostile", "a.example", hostile_facts("a.example")));
  reporter::Settings folding = report_settings();
  folding.max_failure_details = 4;
  std::vector<policy::Fact> many;
  for (unsigned i = 0; i < 50; ++i) {
    policy::Fact fact = report_fact(
        "a.example", i % 2 == 0 ? Outcome::certificate_expired : Outcome::validation_failure, i + 1,
        "reason " + std::to_string(i));
    many.push_back(fact);
  }
  samples.push_back(make_sample("folded", "a.example", many, folding));
  reporter::Settings abroad = report_settings();
  abroad.organization_name = "Caf\xC3\xA9 \"\xE6\x9D\xB1\xE4\xBA\xAC\" & Co.";
  abroad.submitter = "xn--caf-dma.example";
  abroad.contact_info = "tls-reports@" + abroad.submitter;
  std::string longest;
  for (const char letter : {'a', 'b', 'c'}) longest += std::string(63, letter) + ".";
  longest += std::string(61, 'd');
  samples.push_back(
      make_sample("longest", longest, {report_fact(longest, Outcome::success, 1)}, abroad));
  return samples;
}

}  // namespace tlsrpt::testing_support
