#include "policy/lock_guarded.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace tlsrpt::policy {
namespace {

TEST(LockGuarded, NoTwoThreadsHoldItAtOnce) {
  constexpr int rounds = 10'000;
  LockGuarded<int> number(1);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&number] {
        for (int round = 0; round < rounds; ++round) ++*number.lock();
      });
    }
  }
  EXPECT_EQ(*number.lock(), 4 * rounds + 1);
}

TEST(LockGuarded, IsHeldAsLongAsItsHolder) {
  LockGuarded<std::vector<int>> numbers;
  {
    const auto held = numbers.lock();
    held->push_back(1);
    held->push_back(2);
  }
  EXPECT_EQ(numbers.lock()->size(), 2U);
}

}  // namespace
}  // namespace tlsrpt::policy
