// PairIndex: lines or datagrams of DatagramJoin by what both halves of a pair have in common.
//
// Under one key all are in the order of their numbers, which is that of their coming, and so by and
// large that of time. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "policy/utc_day.h"

namespace tlsrpt::milter {

class PairIndex {
 public:
  struct Entry {
    std::uint64_t number = 0;
    std::int64_t pid = 0;
    policy::UtcSeconds at{};
    policy::UtcSeconds since{};  // It may be as old as that.
  };

  // ENTRY has a higher number than all others under KEY.
  void add(std::uint64_t key, const Entry& entry) { lists_[key].entries.push_back(entry); }
  // Nothing happens where it is not there.
  void remove(std::uint64_t key, std::uint64_t number);
  void clear() { lists_.clear(); }

  // Valid until the next change.
  std::span<const Entry> all(std::uint64_t key) const;
  // Those from the first on that is not earlier than AT; where a clock was set back, by and large.
  std::span<const Entry> from(std::uint64_t key, policy::UtcSeconds at) const;

 private:
  // Most go in the order in which they came: what is gone from the front stays for a while.
  struct List {
    std::vector<Entry> entries;
    std::size_t gone = 0;
    std::span<const Entry> left() const { return std::span(entries).subspan(gone); }
  };
  std::unordered_map<std::uint64_t, List> lists_;
};

}  // namespace tlsrpt::milter
