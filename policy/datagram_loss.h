// DatagramLoss: why TLSRPT datagrams of Postfix were not counted, or not as what they are.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace tlsrpt::policy {

// Part of the store's format: never renumber.
enum class DatagramLoss : std::uint8_t {
  // Refused, as they break the format.
  too_large = 1,
  not_utf8 = 2,
  not_json = 3,
  too_deep = 4,
  duplicate_key = 5,
  missing_key = 6,
  wrong_type = 7,
  wrong_version = 8,
  unknown_value = 9,  // A number that libtlsrpt 0.5 has no meaning for.
  too_many = 10,      // Policies, failures, texts or keys.
  // How many times the kernel's queue was found full. It tells nobody but Postfix how many
  // datagrams it has refused meanwhile.
  queue_full = 20,
  not_in_journal =
      21,  // Received, but there was no room for them, or somebody removed the journal.
  waited_in_vain = 22,  // Too many waited for a log that lagged; the log alone tells of these.
};

// Every value, in the order of the numbers.
const std::vector<DatagramLoss>& all_datagram_losses();
// "too-large" and so on.
std::string_view to_text(DatagramLoss loss);

}  // namespace tlsrpt::policy
