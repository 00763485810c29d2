#include "reporter/flush/told_today.h"

#include <gtest/gtest.h>

#include "tests/support/flush_world.h"

namespace tlsrpt::reporter {
namespace {

class ToldToday : public testing_support::FlushWorld {};

TEST_F(ToldToday, TheSameIsNewsOncePerDay) {
  EXPECT_TRUE(is_news(*store_, "odd", clock_.now()));
  EXPECT_TRUE(is_news(*store_, "other", clock_.now()));
  clock_.advance(std::chrono::hours(23));
  reopen();
  EXPECT_FALSE(is_news(*store_, "odd", clock_.now()));
  clock_.advance(std::chrono::hours(1));
  EXPECT_TRUE(is_news(*store_, "odd", clock_.now()));
  EXPECT_FALSE(is_news(*store_, "odd", clock_.now()));
}

TEST_F(ToldToday, WhatAWrongClockToldIsNews) {
  EXPECT_TRUE(is_news(*store_, "odd", clock_.now() + std::chrono::days(300)));
  EXPECT_TRUE(is_news(*store_, "odd", clock_.now()));
  EXPECT_FALSE(is_news(*store_, "odd", clock_.now()));
}

TEST_F(ToldToday, AStoreThatCannotRememberLeavesItNews) {
  auto reader = open_store(settings_.store, StoreAccess::read_only, {});
  ASSERT_TRUE(reader.ok());
  EXPECT_TRUE(is_news(**reader, "odd", clock_.now()));
  EXPECT_TRUE(is_news(**reader, "odd", clock_.now()));
}

}  // namespace
}  // namespace tlsrpt::reporter
