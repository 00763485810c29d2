// ReceivedDatagram: one datagram of Postfix's TLSRPT as it came in, not yet parsed.
//
// Datagrams are numbered in the order of their arrival, over all lives of the daemon. The collector
// commits the number of the last one that it took together with what came of it; the receiver keeps
// datagrams in a journal until then, and hands those again that are not committed, so that each is
// counted exactly once.
#pragma once

#include <cstdint>
#include <string_view>

#include "policy/utc_day.h"

namespace tlsrpt::milter {

// What ReceivedDatagram::at tells.
enum class StampOf : std::uint8_t {
  sending,  // By the kernel.
  receipt,  // It was sent before, usually a moment.
  start,    // Of its receipt, and it may have lain in the socket since the life before.
};

struct ReceivedDatagram {
  std::int64_t pid = 0;  // Of the sender, from the socket's credentials; 0: not known.
  policy::UtcSeconds at{};
  std::string_view octets;  // Valid during the call.
  // Ascending; 0: not numbered, and no journal has it.
  std::uint64_t sequence = 0;
  bool is_truncated = false;  // It was longer than max_datagram; its end is missing.
  StampOf stamp = StampOf::receipt;
  // What has the same number, not 0, has the same octets.
  std::uint64_t text = 0;
};

}  // namespace tlsrpt::milter
