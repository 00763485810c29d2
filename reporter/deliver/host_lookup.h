// HostLookup: resolves host names beside other work, in a thread of its own.
//
// A Resolver blocks while it works; posts that are under way must not wait for a dead name server.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "policy/resolver.h"

namespace tlsrpt::reporter {

class HostLookup {
 public:
  using Answer = std::pair<std::string, policy::AddressAnswer>;

  // RESOLVER is used by the thread of this object only, from now until its destruction. ON_ANSWER
  // is called in that thread when take() has something new. The destructor waits for look-ups that
  // are under way.
  HostLookup(policy::Resolver& resolver, std::function<void()> on_answer);

  // Asks for the addresses of HOST. Names asked for at the same time are looked up together.
  void ask(std::string host);
  // The answers that came since the last call.
  std::vector<Answer> take();

 private:
  void work(const std::stop_token& stop);

  policy::Resolver& resolver_;
  std::function<void()> on_answer_;
  std::mutex mutex_;  // Guards the next two.
  std::vector<std::string> asked_;
  std::vector<Answer> answers_;
  std::condition_variable_any wanted_;
  std::jthread thread_;  // Last: it uses all of the above, and ends first.
};

}  // namespace tlsrpt::reporter
