// StoreContract: the fixture of the tests that every engine behind reporter::Store must pass.
//
// An engine is a name and a way to name a fresh store in a folder; adding one here runs all
// `store_contract*_test.cpp` on it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "reporter/store/store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::testing_support {

struct StoreEngine {
  std::string name;
  std::string (*location)(const TempDir& folder);
};

// What GoogleTest prints of a parameter.
// NOLINTNEXTLINE(readability-identifier-naming): GoogleTest's name.
inline void PrintTo(const StoreEngine& engine, std::ostream* out) { *out << engine.name; }

inline StoreEngine sqlite_engine() {
  return {"Sqlite", [](const TempDir& folder) { return "sqlite:" + folder.file("store.sqlite"); }};
}

inline std::string engine_name(const ::testing::TestParamInfo<StoreEngine>& info) {
  return info.param.name;
}

// A success at mx.DOMAIN on 2026-11-22; tests change what they are about.
inline policy::Fact sample_fact(const std::string& domain) {
  policy::Fact fact;
  fact.day = day("2026-11-22");
  fact.domain = domain;
  fact.relay = "relay1.example";
  fact.service = "postfix/smtp";
  fact.mx_host = "mx." + domain;
  fact.mx_ip = "192.0.2.25";
  fact.sending_ip = "198.51.100.1";
  fact.policy.policy_domain = domain;
  fact.sessions = 1;
  fact.messages = 1;
  return fact;
}

inline policy::Fact failed(policy::Fact fact, policy::Outcome outcome, const std::string& reason) {
  fact.outcome = outcome;
  fact.reason = reason;
  return fact;
}

// A batch of relay1's log with FACTS.
inline reporter::Batch batch_of(std::vector<policy::Fact> facts) {
  reporter::Batch batch;
  batch.relay = "relay1.example";
  batch.source = "file:/var/log/mail.log";
  batch.state.position = "position";
  batch.committed_at = at("2026-11-22T10:00:00Z");
  batch.facts = std::move(facts);
  return batch;
}

// Everything about FACT but its day and domain, on one line.
inline std::string describe(const policy::Fact& fact) {
  std::string text = std::to_string(fact.revision);
  const auto add = [&text](const std::string& part) { text += '|' + part; };
  for (const std::string& part : {fact.relay, fact.service, fact.mx_host, fact.mx_ip,
                                  fact.sending_ip, fact.helo, fact.reason}) {
    add(part);
  }
  add(std::to_string(static_cast<int>(fact.source)));
  add(std::to_string(static_cast<int>(fact.outcome)));
  add(std::string(policy::to_text(fact.policy.type)) + ' ' + fact.policy.policy_domain);
  for (const std::string& line : fact.policy.policy_string) add(line);
  for (const std::string& pattern : fact.policy.mx_host) add(pattern);
  add(std::to_string(fact.epoch));
  add(std::to_string(fact.minute));
  add(std::to_string(fact.sessions));
  add(std::to_string(fact.messages));
  return text;
}

class StoreContract : public ::testing::TestWithParam<StoreEngine> {
 protected:
  std::string location() const { return GetParam().location(folder_); }

  // A new connection to the test's store; a failure to open ends the test.
  std::unique_ptr<reporter::Store> open(
      reporter::StoreAccess access = reporter::StoreAccess::reporter,
      const reporter::StoreLimits& limits = {}) const {
    auto store = reporter::open_store(location(), access, limits);
    if (!store.ok()) throw std::runtime_error(store.error().message());
    return std::move(*store);
  }

  // The facts of (2026-11-22, DOMAIN) as texts.
  static std::vector<std::string> facts(reporter::Store& store, const std::string& domain,
                                        std::optional<std::uint32_t> revision = std::nullopt) {
    const auto found = store.facts(day("2026-11-22"), domain, revision);
    if (!found.ok()) throw std::runtime_error(found.error().message());
    std::vector<std::string> texts;
    for (const policy::Fact& fact : *found) texts.push_back(describe(fact));
    return texts;
  }

  const TempDir& folder() const { return folder_; }

 private:
  TempDir folder_;
};

// The message of a Status or Result, "ok" for success: for EXPECT_EQ with a readable failure.
template <class T>
std::string message_of(const policy::Result<T>& result) {
  return result.ok() ? "ok" : result.error().message();
}

}  // namespace tlsrpt::testing_support
