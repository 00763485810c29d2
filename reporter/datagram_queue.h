// The socket of TLSRPT datagrams and its queue in the kernel: what keeps us from it, how long it
// is, and how often it was found full.
#pragma once

#include <cstdint>
#include <string>

#include "policy/result.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {

// Names of a collector's troubles: it cannot have tlsrpt_socket, such as while another program
// listens there; or somebody has removed or replaced it.
inline constexpr const char* tlsrpt_socket_trouble = "tlsrpt_socket";
inline constexpr const char* tlsrpt_socket_removed = "removed tlsrpt_socket";

// net.unix.max_dgram_qlen as it is now, which a socket made from now on has as the length of its
// queue; 0: it cannot be read.
unsigned max_queued_datagrams();

// How often STORE says that the queue was found full, over all days that it has; a count of 0 where
// it never was. Errors are the store's.
policy::Result<LostDatagrams> datagram_overruns(Store& store);

// "found full once", "found full 17 times".
std::string found_full(std::uint64_t count);

}  // namespace tlsrpt::reporter
