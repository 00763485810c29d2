#include "reporter/flush/due_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace tlsrpt::reporter {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(DueQueue, ReceiversAreHostsAndMailDomains) {
  EXPECT_EQ(receiver_of("https://collect.example:8443/r?x"), "https collect.example");
  EXPECT_EQ(receiver_of("https://[2001:db8::1]/"), "https 2001:db8::1");
  EXPECT_EQ(receiver_of("mailto:tls@a.example"), "mail a.example");
  EXPECT_EQ(receiver_of("bcc:archive@relay.example"), "mail relay.example");
  EXPECT_EQ(receiver_of("nonsense"), "mail");
  EXPECT_EQ(receiver_of("https:"), "mail");
  EXPECT_TRUE(is_https_receiver("https collect.example"));
  EXPECT_FALSE(is_https_receiver("mail a.example"));
}

TEST(DueQueue, TakesInTheOrderOfArrival) {
  DueQueue queue({8, 8, 8, 4, 4});
  queue.add(7, "mailto:x@a.example");
  queue.add(3, "https://b.example/");
  queue.add(5, "mailto:x@a.example");
  EXPECT_EQ(queue.startable(), 3U);
  EXPECT_EQ(queue.waiting(), 3U);
  EXPECT_THAT(queue.take(), ElementsAre(7, 3, 5));
  EXPECT_EQ(queue.under_way(), 3U);
  EXPECT_EQ(queue.waiting(), 0U);
  EXPECT_THAT(queue.take(), IsEmpty());
}

TEST(DueQueue, AReceiverHasItsShareOnly) {
  DueQueue queue({8, 8, 8, 2, 3});
  for (int id = 1; id <= 5; ++id) queue.add(id, "mailto:x@a.example");
  for (int id = 11; id <= 15; ++id) queue.add(id, "https://a.example/");
  queue.add(21, "mailto:x@b.example");
  EXPECT_EQ(queue.startable(), 6U);
  EXPECT_THAT(queue.take(), ElementsAre(1, 2, 11, 12, 13, 21));
  EXPECT_EQ(queue.startable(), 0U);
  queue.end(2);
  queue.end(12);
  queue.end(12);  // Once counts.
  queue.end(99);  // Never taken.
  EXPECT_THAT(queue.take(), ElementsAre(3, 14));
}

TEST(DueQueue, AWindowHasSoManyOfAReceiver) {
  DueQueue queue({8, 8, 8, 4, 4, 3});
  for (int id = 1; id <= 5; ++id) queue.add(id, "mailto:x@a.example");
  queue.add(11, "https://a.example/");
  EXPECT_FALSE(queue.is_held());
  EXPECT_EQ(queue.startable(), 4U);
  EXPECT_THAT(queue.take(), ElementsAre(1, 2, 3, 11));
  for (int id : {1, 2, 3, 11}) queue.end(id);
  EXPECT_TRUE(queue.is_held());
  EXPECT_EQ(queue.startable(), 0U) << "its lane was idle and must still know what it had";
  EXPECT_EQ(queue.waiting(), 2U);
  queue.open_window();
  EXPECT_FALSE(queue.is_held());
  EXPECT_THAT(queue.take(), ElementsAre(4, 5));
  queue.end(4);
  queue.end(5);
  queue.add(6, "mailto:x@a.example");
  queue.add(7, "mailto:x@a.example");
  EXPECT_THAT(queue.take(), ElementsAre(6)) << "the third of this window";
  EXPECT_TRUE(queue.is_held());
  EXPECT_THAT(queue.drop(""), ElementsAre(7));
  EXPECT_FALSE(queue.is_held());
}

TEST(DueQueue, TakesNoMoreThanIsAskedFor) {
  DueQueue queue({8, 8, 8, 4, 4});
  for (int id = 1; id <= 4; ++id) queue.add(id, "mailto:x@a.example");
  EXPECT_THAT(queue.take(1), ElementsAre(1));
  EXPECT_THAT(queue.take(0), IsEmpty());
  EXPECT_THAT(queue.take(2), ElementsAre(2, 3));
}

TEST(DueQueue, PlacesAreSharedAsSaid) {
  DueQueue shared({3, 3, 3, 3, 3});
  DueQueue apart({100, 2, 102, 100, 2});
  for (int id = 0; id < 10; ++id) {
    for (DueQueue* queue : {&shared, &apart}) {
      queue->add(id, "mailto:x@a.example");
      queue->add(100 + id, "https://a.example/");
    }
  }
  EXPECT_EQ(shared.startable(), 3U);
  EXPECT_THAT(shared.take(), ElementsAre(0, 100, 1));
  EXPECT_EQ(apart.startable(), 12U);
  EXPECT_EQ(apart.take().size(), 12U);
  EXPECT_EQ(apart.waiting(), 8U);
}

TEST(DueQueue, WhatWaitsForOneReceiverCanBeTakenOut) {
  DueQueue queue({8, 8, 8, 1, 1});
  queue.add(1, "https://a.example/");
  queue.add(2, "https://a.example/");
  queue.add(3, "https://b.example/");
  queue.add(4, "mailto:x@a.example");
  queue.add(5, "mailto:x@a.example");
  EXPECT_EQ(queue.take().size(), 3U);
  EXPECT_THAT(queue.drop("https a.example"), ElementsAre(2));
  EXPECT_THAT(queue.drop("https c.example"), IsEmpty());
  EXPECT_THAT(queue.drop(""), ElementsAre(5));
  EXPECT_EQ(queue.waiting(), 0U);
  EXPECT_EQ(queue.under_way(), 3U);
  for (const int id : {1, 3, 4}) queue.end(id);
  EXPECT_EQ(queue.under_way(), 0U);
  queue.add(6, "https://a.example/");
  EXPECT_THAT(queue.take(), ElementsAre(6));
}

// One receiver with a hundred times as many as all others together: they are all under way at once.
TEST(DueQueue, NobodyWaitsForTheLargest) {
  DueQueue queue({8, 8, 8, 4, 4});
  for (int id = 0; id < 1000; ++id) queue.add(id, "https://large.example/");
  for (int id = 1000; id < 1004; ++id) {
    queue.add(id, "https://small" + std::to_string(id) + ".example/");
  }
  const auto first = queue.take();
  EXPECT_EQ(std::set<std::int64_t>(first.begin(), first.end()),
            (std::set<std::int64_t>{0, 1, 2, 3, 1000, 1001, 1002, 1003}));
}

}  // namespace
}  // namespace tlsrpt::reporter
