// FakeResolver: a Resolver over a DNS world written down in the test.
//
//   FakeResolver resolver({.txt = {{"_smtp._tls.a.example", dns_found("v=TLSRPTv1;rua=...")},
//                                  {"_smtp._tls.b.example", dns_temporary("SERVFAIL")}},
//                          .addresses = {{"mx.a.example", dns_addresses({"192.0.2.1"})}}});
//
// A name that the world does not have is absent. Names are compared without case. As the contract
// wants, callbacks run from within run() only, in the order of the questions.
#pragma once

#include <deque>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "policy/resolver.h"
#include "policy/text.h"

namespace tlsrpt::testing_support {

// One TXT record a text.
template <class... Texts>
policy::TxtAnswer dns_found(Texts... texts) {
  return {policy::DnsOutcome::found, {std::string(texts)...}, ""};
}

inline policy::AddressAnswer dns_addresses(std::initializer_list<const char*> texts) {
  policy::AddressAnswer answer{policy::DnsOutcome::found, {}, ""};
  for (const char* text : texts) answer.records.push_back(policy::IpAddress::parse(text).value());
  return answer;
}

inline policy::TxtAnswer dns_absent() { return {policy::DnsOutcome::absent, {}, ""}; }

inline policy::TxtAnswer dns_temporary(std::string error = "SERVFAIL") {
  return {policy::DnsOutcome::temporary, {}, std::move(error)};
}

inline policy::AddressAnswer dns_addresses_temporary(std::string error = "SERVFAIL") {
  return {policy::DnsOutcome::temporary, {}, std::move(error)};
}

struct DnsWorld {
  std::map<std::string, policy::TxtAnswer> txt;
  std::map<std::string, policy::AddressAnswer> addresses;
};

class FakeResolver : public policy::Resolver {
 public:
  explicit FakeResolver(DnsWorld world = {}) : world_(std::move(world)) {}

  void look_up_txt(const std::string& name, std::function<void(policy::TxtAnswer)> done) override {
    asked_.push_back(name);
    started_.emplace_back([this, name, done = std::move(done)] { done(answer(world_.txt, name)); });
  }

  void look_up_addresses(const std::string& name,
                         std::function<void(policy::AddressAnswer)> done) override {
    asked_.push_back(name);
    started_.emplace_back(
        [this, name, done = std::move(done)] { done(answer(world_.addresses, name)); });
  }

  void run() override {
    ++runs_;
    while (!started_.empty()) {
      const auto look_up = std::move(started_.front());
      started_.pop_front();
      look_up();
    }
  }

  // The world may be changed between runs.
  DnsWorld& world() { return world_; }
  // Every name asked for, in order and in the spelling given.
  const std::vector<std::string>& asked() const { return asked_; }
  unsigned runs() const { return runs_; }
  void forget() { asked_.clear(); }

 private:
  template <class Answer>
  static Answer answer(const std::map<std::string, Answer>& records, const std::string& name) {
    const auto found = records.find(policy::to_lower(name));
    return found == records.end() ? Answer{policy::DnsOutcome::absent, {}, ""} : found->second;
  }

  DnsWorld world_;
  std::deque<std::function<void()>> started_;
  std::vector<std::string> asked_;
  unsigned runs_ = 0;
};

}  // namespace tlsrpt::testing_support
