#include "reporter/store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

using ::testing::HasSubstr;

TEST(Store, OpensOnlySchemesThatItKnows) {
  for (const char* location :
       {"", "sqlite", "sqlite:", "/var/lib/x", "postgresql://h/d", "SQLITE:x"}) {
    const auto store = open_store(location, StoreAccess::reporter, {});
    ASSERT_FALSE(store.ok()) << location;
    EXPECT_EQ(store.error().code(), policy::Errc::syntax) << location;
    EXPECT_THAT(store.error().message(), HasSubstr("is not sqlite:PATH"));
  }
}

TEST(Store, OpensAPath) {
  const testing_support::TempDir folder;
  EXPECT_TRUE(open_store("sqlite:" + folder.file("s"), StoreAccess::collector, {}).ok());
  EXPECT_TRUE(std::filesystem::exists(folder.file("s")));
}

TEST(Store, NamesDeliveryStates) {
  EXPECT_EQ(to_text(DeliveryState::pending), "pending");
  EXPECT_EQ(to_text(DeliveryState::sent), "sent");
  EXPECT_EQ(to_text(DeliveryState::failed), "failed");
  EXPECT_EQ(to_text(DeliveryState::expired), "expired");
  EXPECT_EQ(to_text(static_cast<DeliveryState>(9)), "");
}

}  // namespace
}  // namespace tlsrpt::reporter
