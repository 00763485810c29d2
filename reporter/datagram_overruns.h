// How often the kernel's queue of TLSRPT datagrams was found full, kept in a file beside the store:
// written by tlsrpt-milter, shown by --status and --check. Datagrams that come while it is full are
// refused by the kernel, which tells their number to nobody but Postfix.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "policy/result.h"
#include "policy/utc_day.h"

namespace tlsrpt::reporter {

struct DatagramOverruns {
  std::uint64_t count = 0;
  policy::UtcSeconds last{};
};

// Those of the store at STORE ("sqlite:PATH"); none where it was never found full.
std::optional<DatagramOverruns> read_datagram_overruns(const std::string& store);
// Replaces them. Errors as write_file_durably().
policy::Status write_datagram_overruns(const std::string& store, const DatagramOverruns& overruns);

// net.unix.max_dgram_qlen as it is now, which a socket made from now on has as the length of its
// queue; 0: it cannot be read.
unsigned max_queued_datagrams();

}  // namespace tlsrpt::reporter
