#include "milter/mail/milter_inbox.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace tlsrpt::milter {
namespace {

ReportMail mail(const std::string& queue_id) { return {queue_id, "", false, true, {}}; }

TEST(MilterInbox, GivesEachThingOnce) {
  MilterInbox inbox({});
  inbox.add(mail("A1"));
  inbox.add(mail("B2"));
  for (int twice = 0; twice < 2; ++twice) inbox.add(*policy::DomainName::parse("a.example"));
  const auto content = inbox.take();
  ASSERT_EQ(content.mails.size(), 2U);
  EXPECT_EQ(content.mails[0].queue_id, "A1");
  EXPECT_EQ(content.mails[1].queue_id, "B2");
  EXPECT_EQ(content.domains.size(), 1U);
  EXPECT_TRUE(inbox.take().mails.empty());
}

TEST(MilterInbox, RulesCanChangeWhileItIsUsed) {
  MilterInbox inbox({{"a@a.example"}, true});
  EXPECT_EQ(inbox.rules().report_senders, std::vector<std::string>{"a@a.example"});
  inbox.set_rules({{"b@b.example"}, true});
  EXPECT_EQ(inbox.rules().report_senders, std::vector<std::string>{"b@b.example"});
}

TEST(MilterInbox, IsBoundedAndSaysWhatFoundNoRoom) {
  MilterInbox inbox({});
  for (std::size_t number = 0; number < MilterInbox::max_mails + 3; ++number) inbox.add(mail("A"));
  for (std::size_t number = 0; number < MilterInbox::max_domains + 3; ++number)
    inbox.add(*policy::DomainName::parse("d" + std::to_string(number) + ".example"));
  const auto content = inbox.take();
  EXPECT_EQ(content.mails.size(), MilterInbox::max_mails);
  EXPECT_EQ(content.dropped, 3U);
  EXPECT_EQ(content.domains.size(), MilterInbox::max_domains);
  EXPECT_EQ(inbox.take().dropped, 0U);
}

TEST(MilterInbox, NothingIsLostBetweenThreads) {
  MilterInbox inbox({});
  constexpr std::size_t each = 1000;
  std::size_t found = 0;
  {
    std::vector<std::jthread> writers;
    for (int number = 0; number < 4; ++number)
      writers.emplace_back([&inbox] {
        for (std::size_t count = 0; count < each; ++count) inbox.add(mail("A"));
      });
    while (found < each) found += inbox.take().mails.size();
  }
  found += inbox.take().mails.size();
  EXPECT_EQ(found, 4 * each);
}

}  // namespace
}  // namespace tlsrpt::milter
