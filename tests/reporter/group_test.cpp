#include "reporter/group.h"

#include <gtest/gtest.h>

namespace tlsrpt::reporter {
namespace {

TEST(Group, IsFoundByItsNameOrNot) {
  const auto root = find_group("root");
  ASSERT_TRUE(root.ok()) << root.error().message();
  EXPECT_EQ(*root, 0U);
  const auto none = find_group("no-such-group");
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code(), policy::Errc::not_found);
  EXPECT_EQ(none.error().message(), "there is no group no-such-group");
}

}  // namespace
}  // namespace tlsrpt::reporter
