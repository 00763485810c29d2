// The queue of TLSRPT datagrams in the kernel: how long it is, and how often it was found full.
#pragma once

#include <cstdint>
#include <string>

#include "policy/result.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {

// net.unix.max_dgram_qlen as it is now, which a socket made from now on has as the length of its
// queue; 0: it cannot be read.
unsigned max_queued_datagrams();

// How often STORE says that the queue was found full, over all days that it has; a count of 0 where
// it never was. Errors are the store's.
policy::Result<LostDatagrams> datagram_overruns(Store& store);

// "found full once", "found full 17 times".
std::string found_full(std::uint64_t count);

}  // namespace tlsrpt::reporter
