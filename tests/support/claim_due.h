// Claims what is due in one call, as tests of the store want it.
#pragma once

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include "reporter/store/store.h"

namespace tlsrpt::testing_support {

// The first LIMIT deliveries that are due, claimed. A damaged one is an error.
inline policy::Result<std::vector<reporter::Delivery>> claim_due(
    reporter::Store& store, policy::UtcSeconds now, std::chrono::seconds lease, bool ignore_spread,
    unsigned limit, const reporter::DeliveryFilter& filter) {
  const auto due = store.due(now, ignore_spread, {}, limit, filter);
  if (!due.ok()) return due.error();
  std::vector<std::int64_t> ids;
  for (const auto& each : due->deliveries) ids.push_back(each.id);
  auto claimed = store.claim(ids, now, lease);
  if (!claimed.ok()) return std::move(claimed).error();
  for (const auto& damaged : {due->damaged, claimed->damaged}) {
    if (!damaged.empty()) return policy::Error(policy::Errc::syntax, damaged.front());
  }
  return std::move(claimed->deliveries);
}

}  // namespace tlsrpt::testing_support
