#include "reporter/deliver/curl_handle.h"

#include <gtest/gtest.h>

namespace tlsrpt::reporter {
namespace {

TEST(CurlHandle, ListsGrowAtTheirEnd) {
  CurlList list = append(append(nullptr, "first"), "second");
  ASSERT_NE(list, nullptr);
  EXPECT_STREQ(list->data, "first");
  ASSERT_NE(list->next, nullptr);
  EXPECT_STREQ(list->next->data, "second");
  EXPECT_EQ(list->next->next, nullptr);
}

}  // namespace
}  // namespace tlsrpt::reporter
