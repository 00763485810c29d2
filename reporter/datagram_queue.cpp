#include "reporter/datagram_queue.h"

#include <algorithm>
#include <fstream>

namespace tlsrpt::reporter {

unsigned max_queued_datagrams() {
  std::ifstream file("/proc/sys/net/unix/max_dgram_qlen");
  unsigned length = 0;
  return file >> length ? length : 0;
}

policy::Result<LostDatagrams> datagram_overruns(Store& store) {
  const auto days = store.days();
  if (!days.ok()) return days.error();
  LostDatagrams all;
  for (const policy::UtcDay day : *days) {
    const auto lost = store.lost_datagrams(day);
    if (!lost.ok()) return lost.error();
    const auto full = lost->find(policy::DatagramLoss::queue_full);
    if (full == lost->end()) continue;
    all.count += full->second.count;
    all.last = std::max(all.last, full->second.last);
  }
  return all;
}

std::string found_full(std::uint64_t count) {
  return "found full " + (count == 1 ? "once" : std::to_string(count) + " times");
}

}  // namespace tlsrpt::reporter
