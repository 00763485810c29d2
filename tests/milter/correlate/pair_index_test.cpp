#include "milter/correlate/pair_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>

namespace tlsrpt::milter {
namespace {

policy::UtcSeconds at(int seconds) { return policy::from_unix_seconds(1'000'000 + seconds); }

std::vector<std::uint64_t> numbers(std::span<const PairIndex::Entry> entries) {
  std::vector<std::uint64_t> found;
  for (const auto& entry : entries) found.push_back(entry.number);
  return found;
}

TEST(PairIndex, KeepsTheOrderUnderEachKey) {
  PairIndex index;
  for (const int number : {1, 2, 4, 7}) index.add(5, {std::uint64_t(number), 1, at(number), {}});
  index.add(6, {3, 1, at(3), {}});
  EXPECT_EQ(numbers(index.all(5)), (std::vector<std::uint64_t>{1, 2, 4, 7}));
  EXPECT_EQ(numbers(index.from(5, at(2))), (std::vector<std::uint64_t>{2, 4, 7}));
  EXPECT_EQ(numbers(index.from(5, at(5))), (std::vector<std::uint64_t>{7}));
  EXPECT_TRUE(index.from(5, at(8)).empty());
  EXPECT_TRUE(index.all(7).empty());
  index.remove(5, 4);
  index.remove(5, 3);  // It is under another key.
  index.remove(9, 1);
  EXPECT_EQ(numbers(index.all(5)), (std::vector<std::uint64_t>{1, 2, 7}));
  index.remove(6, 3);
  EXPECT_TRUE(index.all(6).empty());
  index.clear();
  EXPECT_TRUE(index.all(5).empty());
}

TEST(PairIndex, ForgetsFromTheFrontAndFromWithin) {
  PairIndex index;
  std::vector<std::uint64_t> left;
  for (std::uint64_t number = 1; number <= 100; ++number) {
    index.add(5, {number, 1, at(int(number)), {}});
    left.push_back(number);
  }
  while (!left.empty()) {
    // Twice the first one, then one within.
    const std::size_t place = left.size() % 3 == 0 ? left.size() / 2 : 0;
    index.remove(5, left[place]);
    left.erase(left.begin() + std::ptrdiff_t(place));
    EXPECT_EQ(numbers(index.all(5)), left);
    EXPECT_EQ(index.from(5, at(50)).size(),
              std::size_t(std::count_if(left.begin(), left.end(), [](auto n) { return n >= 50; })));
  }
  index.add(5, {101, 1, at(101), {}});
  EXPECT_EQ(numbers(index.all(5)), std::vector<std::uint64_t>{101});
}

}  // namespace
}  // namespace tlsrpt::milter
