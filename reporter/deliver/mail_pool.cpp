#include "reporter/deliver/mail_pool.h"

#include <exception>
#include <string>
#include <utility>

namespace tlsrpt::reporter {
namespace {

// The top of a thread: what a sender throws is a bug of ours or lack of memory.
DeliveryOutcome send_guarded(MailSender& sender, const OutgoingMail& mail) {
  try {
    return sender.send(mail);
  } catch (const std::exception& bug) {
    return temporary_outcome(std::string("internal error: ") + bug.what());
  }
}

}  // namespace

MailPool::MailPool(std::vector<std::unique_ptr<MailSender>> senders, std::function<void()> on_ended)
    : senders_(std::move(senders)), on_ended_(std::move(on_ended)) {
  threads_.reserve(senders_.size());
  for (const auto& sender : senders_) {
    threads_.emplace_back([this, &sender](const std::stop_token& stop) { work(*sender, stop); });
  }
}

MailPool::~MailPool() {
  // All of them at once, so that they wait together.
  for (std::jthread& each : threads_) each.request_stop();
}

void MailPool::start(Job job) {
  const std::scoped_lock lock(mutex_);
  jobs_.push_back(std::move(job));
  wanted_.notify_one();
}

std::vector<MailPool::Ended> MailPool::take() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(ended_, {});
}

void MailPool::work(MailSender& sender, const std::stop_token& stop) {
  while (true) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      wanted_.wait(lock, stop, [this] { return !jobs_.empty(); });
      if (stop.stop_requested()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    DeliveryOutcome outcome = send_guarded(sender, job.mail);
    bool first = false;
    {
      const std::scoped_lock lock(mutex_);
      first = ended_.empty();
      ended_.push_back({job.id, std::move(outcome)});
    }
    if (first) on_ended_();  // Further ones are found in the same take().
  }
}

}  // namespace tlsrpt::reporter
