#include "milter/correlate/queue_id_table.h"

#include <gtest/gtest.h>

#include "milter/correlate/state_codec.h"

namespace tlsrpt::milter {
namespace {

const policy::UtcSeconds noon = policy::from_unix_seconds(1795454222);

TEST(QueueIdTable, TheOldestGoesFirstAndIsCounted) {
  QueueIdTable table(2);
  table.put("a", Standing::ours, noon);
  table.put("b", Standing::listed, noon);
  table.put("a", Standing::counted, noon);  // The newest now.
  table.put("c", Standing::ours, noon);
  EXPECT_EQ(table.find("b"), nullptr);
  ASSERT_NE(table.find("a"), nullptr);
  EXPECT_EQ(table.find("a")->standing, Standing::counted);
  EXPECT_EQ(table.size(), 2U);
  EXPECT_EQ(table.take_given_up(), 1U);
  EXPECT_EQ(table.take_given_up(), 0U);
}

TEST(QueueIdTable, WhatIsErasedOrTooOldWasNotGivenUp) {
  QueueIdTable table(3);
  table.put("a", Standing::ours, noon);
  table.put("b", Standing::ours, noon + std::chrono::seconds(1));
  table.put("c", Standing::ours, noon);
  table.erase("c");
  table.erase("absent");
  table.expire(noon + std::chrono::seconds(1));
  EXPECT_EQ(table.find("a"), nullptr);
  EXPECT_NE(table.find("b"), nullptr);
  EXPECT_EQ(table.size(), 1U);
  EXPECT_EQ(table.take_given_up(), 0U);
  table.clear();
  EXPECT_EQ(table.size(), 0U);
}

TEST(QueueIdTable, FindsKeysByTheirBeginning) {
  QueueIdTable table(3);
  for (const char* key : {"<a x", "<ab y", "<a z"}) table.put(key, Standing::early_name, noon);
  EXPECT_EQ(table.keys_with("<a "), (std::vector<std::string>{"<a x", "<a z"}));
}

TEST(QueueIdTable, WritesItsEntriesOldestFirst) {
  QueueIdTable table(2);
  table.put("a", Standing::counted, noon);
  table.put("b", Standing::logged, noon);
  StateWriter writer;
  table.write(writer);
  const std::string octets = writer.take();
  StateReader reader(octets);
  EXPECT_EQ(reader.text(), "a");
  EXPECT_EQ(reader.enumeration(Standing::logged), Standing::counted);
  EXPECT_EQ(reader.number(), 1795454222U);
  EXPECT_EQ(reader.text(), "b");
}

}  // namespace
}  // namespace tlsrpt::milter
