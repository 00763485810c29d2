#include "policy/isolate.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace tlsrpt::policy {
namespace {

TEST(Isolate, PassesResultsOn) {
  EXPECT_EQ(*isolate([]() -> Result<int> { return 7; }), 7);
  const auto failed = isolate([]() -> Status { return Error(Errc::limit, "x"); });
  EXPECT_EQ(failed.error().code(), Errc::limit);
}

TEST(Isolate, ABugBecomesAnError) {
  const auto failed = isolate([]() -> Result<int> { throw std::out_of_range("vector"); });
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code(), Errc::internal);
  EXPECT_EQ(failed.error().message(), "internal error: vector");
}

TEST(Isolate, LackOfMemoryIsNobodysOwn) {
  EXPECT_THROW((void)isolate([]() -> Result<int> { throw std::bad_alloc(); }).ok(), std::bad_alloc);
}

}  // namespace
}  // namespace tlsrpt::policy
