#include "reporter/deliver/host_lookup.h"

#include <exception>

namespace tlsrpt::reporter {

HostLookup::HostLookup(policy::Resolver& resolver, std::function<void()> on_answer)
    : resolver_(resolver),
      on_answer_(std::move(on_answer)),
      thread_([this](const std::stop_token& stop) { work(stop); }) {}

void HostLookup::ask(std::string host) {
  const std::scoped_lock lock(mutex_);
  asked_.push_back(std::move(host));
  wanted_.notify_one();
}

std::vector<HostLookup::Answer> HostLookup::take() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(answers_, {});
}

void HostLookup::work(const std::stop_token& stop) {
  while (true) {
    std::vector<std::string> hosts;
    {
      std::unique_lock lock(mutex_);
      if (!wanted_.wait(lock, stop, [this] { return !asked_.empty(); })) return;
      hosts = std::exchange(asked_, {});
    }
    std::vector<Answer> answers;
    for (const std::string& host : hosts) {
      resolver_.look_up_addresses(host, [&answers, host](policy::AddressAnswer answer) {
        answers.emplace_back(host, std::move(answer));
      });
    }
    resolver_.run();
    {
      const std::scoped_lock lock(mutex_);
      for (Answer& each : answers) answers_.push_back(std::move(each));
    }
    on_answer_();
  }
}

}  // namespace tlsrpt::reporter
