// Random reports, as an evaluation could have made them, for property tests.
#pragma once

#include <algorithm>
#include <array>
#include <random>
#include <string>

#include "reporter/options/settings.h"
#include "reporter/report/evaluation.h"
#include "tests/support/report_facts.h"

namespace tlsrpt::testing_support {

// Settings as far as reports need them.
inline reporter::Settings report_settings() {
  reporter::Settings settings;
  settings.organization_name = "Example Relay";
  settings.contact_info = "tls-reports@relay.example";
  settings.mail_from = settings.contact_info;
  settings.submitter = "relay.example";
  settings.max_failure_details = 500;
  settings.max_report_size = std::uint64_t{5} * 1024 * 1024;
  return settings;
}

class RandomReports {
 public:
  explicit RandomReports(unsigned seed) : random_(seed) {}

  unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }

  // A domain name of one to 253 octets.
  std::string domain() {
    std::string name = label(below(10) == 0 ? 63 : 1 + below(12));
    for (unsigned labels = below(4); labels > 0; --labels) name += "." + label(1 + below(63));
    return name.substr(0, 250) + ".ex";
  }

  // Text with all that strangers put into text.
  std::string text() {
    static constexpr std::array<const char*, 12> pieces = {"certificate",
                                                           " ",
                                                           "\"",
                                                           "\\",
                                                           "\r\n",
                                                           "\x1b[31m",
                                                           "\xC3\xBC",
                                                           "\xFF",
                                                           "\xE2\x80\xAE",
                                                           "{}",
                                                           "\xF0\x9F\x93\xA7",
                                                           "=?utf-8?q?x?="};
    std::string out;
    for (unsigned i = below(6); i > 0; --i) out += pieces.at(below(pieces.size()));
    return out;
  }

  policy::Fact fact(const std::string& domain) {
    policy::Fact fact =
        report_fact(domain, static_cast<policy::Outcome>(below(12)), 1 + below(1000), text());
    fact.mx_host = below(3) == 0 ? text() : "mx" + std::to_string(below(9)) + "." + domain;
    fact.mx_ip = below(4) == 0 ? "" : "2001:db8::" + std::to_string(below(20));
    fact.sending_ip = "198.51.100." + std::to_string(below(300));
    fact.helo = text();
    fact.policy.type = std::array{policy::PolicyType::tlsa, policy::PolicyType::sts,
                                  policy::PolicyType::no_policy_found}
                           .at(below(3));
    if (below(2) == 0) fact.policy.policy_domain = fact.mx_host;
    for (unsigned i = below(3); i > 0; --i) fact.policy.policy_string.push_back("mx: " + text());
    for (unsigned i = below(3); i > 0; --i) fact.policy.mx_host.push_back("*." + domain);
    return fact;
  }

  // An evaluation of 1 to 20 facts of DOMAIN.
  reporter::Evaluation evaluation(const std::string& domain) {
    std::vector<policy::Fact> facts;
    for (unsigned i = 1 + below(20); i > 0; --i) facts.push_back(fact(domain));
    return *reporter::evaluate(domain, facts, {});
  }

 private:
  std::string label(unsigned size) {
    std::string out;
    for (unsigned i = 0; i < size; ++i) out += static_cast<char>('a' + below(26));
    return out;
  }

  std::mt19937 random_;
};

}  // namespace tlsrpt::testing_support
