#include "policy/datagram_loss.h"

#include <gtest/gtest.h>

#include <set>

namespace tlsrpt::policy {
namespace {

TEST(DatagramLoss, EachHasATextOfItsOwn) {
  std::set<std::string_view> texts;
  for (const DatagramLoss loss : all_datagram_losses()) texts.insert(to_text(loss));
  EXPECT_EQ(texts.size(), all_datagram_losses().size());
  EXPECT_FALSE(texts.contains(""));
  EXPECT_EQ(to_text(DatagramLoss::queue_full), "queue-full");
  EXPECT_EQ(to_text(static_cast<DatagramLoss>(0)), "");
}

}  // namespace
}  // namespace tlsrpt::policy
