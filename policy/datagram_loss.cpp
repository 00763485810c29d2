#include "policy/datagram_loss.h"

#include <array>
#include <utility>

namespace tlsrpt::policy {
namespace {

constexpr auto texts = std::to_array<std::pair<DatagramLoss, std::string_view>>({
    {DatagramLoss::too_large, "too-large"},
    {DatagramLoss::not_utf8, "not-utf8"},
    {DatagramLoss::not_json, "not-json"},
    {DatagramLoss::too_deep, "too-deep"},
    {DatagramLoss::duplicate_key, "duplicate-key"},
    {DatagramLoss::missing_key, "missing-key"},
    {DatagramLoss::wrong_type, "wrong-type"},
    {DatagramLoss::wrong_version, "wrong-version"},
    {DatagramLoss::unknown_value, "unknown-value"},
    {DatagramLoss::too_many, "too-many"},
    {DatagramLoss::queue_full, "queue-full"},
    {DatagramLoss::not_in_journal, "not-in-journal"},
    {DatagramLoss::waited_in_vain, "waited-in-vain"},
});

}  // namespace

const std::vector<DatagramLoss>& all_datagram_losses() {
  static const std::vector<DatagramLoss> all = [] {
    std::vector<DatagramLoss> losses;
    losses.reserve(texts.size());
    for (const auto& [loss, text] : texts) losses.push_back(loss);
    return losses;
  }();
  return all;
}

std::string_view to_text(DatagramLoss loss) {
  for (const auto& [value, text] : texts) {
    if (value == loss) return text;
  }
  return "";
}

}  // namespace tlsrpt::policy
