#include "reporter/deliver/host_lookup.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <semaphore>

#include "tests/support/fake_resolver.h"

namespace tlsrpt::reporter {
namespace {

TEST(HostLookup, AnswersEveryNameOnce) {
  testing_support::FakeResolver resolver(
      {.txt = {},
       .addresses = {{"a.example", testing_support::dns_addresses({"192.0.2.1"})},
                     {"b.example", testing_support::dns_addresses_temporary("timeout")}}});
  std::counting_semaphore<> answered(0);
  HostLookup lookup(resolver, [&answered] { answered.release(); });
  for (const char* name : {"a.example", "b.example", "c.example"}) lookup.ask(name);
  std::vector<HostLookup::Answer> answers;
  while (answers.size() < 3) {
    answered.acquire();
    for (auto& each : lookup.take()) answers.push_back(std::move(each));
  }
  std::sort(answers.begin(), answers.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  EXPECT_EQ(answers[0].second.records.size(), 1U);
  EXPECT_EQ(answers[1].second.error, "timeout");
  EXPECT_EQ(answers[2].second.outcome, policy::DnsOutcome::absent);
  EXPECT_TRUE(lookup.take().empty());
}

TEST(HostLookup, EndsThoughNothingWasAsked) {
  testing_support::FakeResolver resolver;
  const HostLookup lookup(resolver, [] {});
}

}  // namespace
}  // namespace tlsrpt::reporter
