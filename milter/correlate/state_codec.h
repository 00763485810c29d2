// StateWriter and StateReader: the octets in which a collector keeps its pending state.
//
// Numbers as LEB128 and length-prefixed texts. Reading is total: whatever the
// octets, a reader answers with values and remembers that it failed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "policy/utc_day.h"

namespace tlsrpt::milter {

class StateWriter {
 public:
  void number(std::uint64_t value);
  void text(std::string_view value);
  void flag(bool value) { number(value ? 1U : 0U); }
  void instant(policy::UtcSeconds at) {
    number(static_cast<std::uint64_t>(policy::unix_seconds(at)));
  }
  std::string take() { return std::move(octets_); }

 private:
  std::string octets_;
};

class StateReader {
 public:
  explicit StateReader(std::string_view octets) : octets_(octets) {}

  // 0, "" and false where nothing is left or the octets make no sense; ok() is false then.
  std::uint64_t number();
  std::string_view text();
  bool flag() { return number() != 0; }
  // 1970-01-01T00:00:00Z where there is none; sums and differences of instants do not overflow.
  policy::UtcSeconds instant();
  // A number of elements to follow, each of at least one octet; more than LIMIT is a failure.
  std::uint64_t count(std::uint64_t limit);
  // A value of an enumeration from 0 to LAST.
  template <class Enum>
  Enum enumeration(Enum last) {
    const std::uint64_t value = number();
    if (value > static_cast<std::uint64_t>(last)) {
      ok_ = false;
      return Enum{};
    }
    return static_cast<Enum>(value);
  }
  bool ok() const { return ok_; }
  bool at_end() const { return octets_.empty(); }

 private:
  std::string_view octets_;
  bool ok_ = true;
};

}  // namespace tlsrpt::milter
