#include "reporter/deliver/mail_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <map>
#include <semaphore>
#include <stdexcept>
#include <string>

namespace tlsrpt::reporter {
namespace {

// Refuses the recipient "bad", throws for "bug", delivers everything else.
class OddSender : public MailSender {
 public:
  DeliveryOutcome send(const OutgoingMail& mail) override {
    if (mail.recipient == "bug") throw std::runtime_error("bug");
    return mail.recipient == "bad" ? permanent_outcome("no") : delivered_outcome();
  }
};

std::vector<std::unique_ptr<MailSender>> odd_senders(unsigned count) {
  std::vector<std::unique_ptr<MailSender>> senders;
  for (unsigned i = 0; i < count; ++i) senders.push_back(std::make_unique<OddSender>());
  return senders;
}

TEST(MailPool, EveryJobEndsOnceWithItsOwnOutcome) {
  std::counting_semaphore<> ended(0);
  MailPool pool(odd_senders(4), [&ended] { ended.release(); });
  constexpr std::int64_t jobs = 500;
  for (std::int64_t id = 0; id < jobs; ++id) {
    const char* recipient = id % 7 == 3 ? "bad" : id % 11 == 5 ? "bug" : "a@b.example";
    pool.start({id, {"message", recipient, "", ""}});
  }
  std::map<std::int64_t, DeliveryOutcome> outcomes;
  while (outcomes.size() < jobs) {
    ended.acquire();
    for (auto& each : pool.take()) {
      EXPECT_TRUE(outcomes.emplace(each.id, each.outcome).second) << each.id;
    }
  }
  for (const auto& [id, outcome] : outcomes) {
    const auto expected = id % 7 == 3    ? OutcomeKind::permanent
                          : id % 11 == 5 ? OutcomeKind::temporary
                                         : OutcomeKind::delivered;
    EXPECT_EQ(outcome.kind, expected) << id << ": " << outcome.text;
  }
}

// Comes through only when three of them are at work at the same time.
class MeetingSender : public MailSender {
 public:
  explicit MeetingSender(std::barrier<>& barrier) : barrier_(barrier) {}
  DeliveryOutcome send(const OutgoingMail& /*mail*/) override {
    barrier_.arrive_and_wait();
    return delivered_outcome();
  }

 private:
  std::barrier<>& barrier_;
};

TEST(MailPool, SendersWorkAtTheSameTime) {
  std::barrier barrier(3);
  std::vector<std::unique_ptr<MailSender>> senders;
  for (int i = 0; i < 3; ++i) senders.push_back(std::make_unique<MeetingSender>(barrier));
  std::counting_semaphore<> ended(0);
  MailPool pool(std::move(senders), [&ended] { ended.release(); });
  for (std::int64_t id = 0; id < 3; ++id) pool.start({id, {}});
  std::size_t count = 0;
  while (count < 3) {
    ended.acquire();
    count += pool.take().size();
  }
}

TEST(MailPool, TheEndDropsWhatWasNotBegun) {
  std::atomic<int> calls{0};
  class Counting : public MailSender {
   public:
    explicit Counting(std::atomic<int>& calls) : calls_(calls) {}
    DeliveryOutcome send(const OutgoingMail& /*mail*/) override {
      ++calls_;
      return delivered_outcome();
    }

   private:
    std::atomic<int>& calls_;
  };
  {
    std::vector<std::unique_ptr<MailSender>> senders;
    senders.push_back(std::make_unique<Counting>(calls));
    MailPool pool(std::move(senders), [] {});
    for (std::int64_t id = 0; id < 1000; ++id) pool.start({id, {}});
  }
  EXPECT_LE(calls, 1000);
}

}  // namespace
}  // namespace tlsrpt::reporter
