// MailPool: several MailSenders at work, each in a thread of its own.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "reporter/deliver/mail_sender.h"

namespace tlsrpt::reporter {

class MailPool {
 public:
  struct Job {
    std::int64_t id = 0;
    OutgoingMail mail;
  };
  struct Ended {
    std::int64_t id = 0;
    DeliveryOutcome outcome;
  };

  // One thread for each of SENDERS. ON_ENDED is called in one of them whenever take() has something
  // new. The destructor drops jobs that no thread has begun and waits for the others.
  MailPool(std::vector<std::unique_ptr<MailSender>> senders, std::function<void()> on_ended);
  MailPool(const MailPool&) = delete;
  MailPool& operator=(const MailPool&) = delete;
  ~MailPool();

  void start(Job job);
  // The jobs that ended since the last call.
  std::vector<Ended> take();

 private:
  void work(MailSender& sender, const std::stop_token& stop);

  std::vector<std::unique_ptr<MailSender>> senders_;
  std::function<void()> on_ended_;
  std::mutex mutex_;  // Guards the next two.
  std::deque<Job> jobs_;
  std::vector<Ended> ended_;
  std::condition_variable_any wanted_;
  std::vector<std::jthread> threads_;  // Last: they use all of the above, and end first.
};

}  // namespace tlsrpt::reporter
