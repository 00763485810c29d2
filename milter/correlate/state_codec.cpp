#include "milter/correlate/state_codec.h"

namespace tlsrpt::milter {
namespace {

// No stamp of a log is later, or as long before 1970.
constexpr std::int64_t instant_max = std::int64_t{1} << 40;

}  // namespace

// LEB128: seven bits an octet, the lowest first.
void StateWriter::number(std::uint64_t value) {
  while (value >= 0x80U) {
    octets_ += static_cast<char>((value & 0x7FU) | 0x80U);
    value >>= 7U;
  }
  octets_ += static_cast<char>(value);
}

void StateWriter::text(std::string_view value) {
  number(value.size());
  octets_ += value;
}

std::uint64_t StateReader::number() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (octets_.empty()) break;
    const auto octet = static_cast<unsigned char>(octets_.front());
    octets_.remove_prefix(1);
    value |= static_cast<std::uint64_t>(octet & 0x7FU) << shift;
    if ((octet & 0x80U) == 0) return value;
  }
  ok_ = false;
  return 0;
}

std::string_view StateReader::text() {
  const std::uint64_t length = number();
  if (length > octets_.size()) {
    ok_ = false;
    return {};
  }
  const std::string_view value = octets_.substr(0, length);
  octets_.remove_prefix(length);
  return value;
}

policy::UtcSeconds StateReader::instant() {
  const auto seconds = static_cast<std::int64_t>(number());
  if (seconds >= -instant_max && seconds <= instant_max) return policy::from_unix_seconds(seconds);
  ok_ = false;
  return {};
}

std::uint64_t StateReader::count(std::uint64_t limit) {
  const std::uint64_t value = number();
  if (value > limit || value > octets_.size()) {
    ok_ = false;
    return 0;
  }
  return value;
}

}  // namespace tlsrpt::milter
