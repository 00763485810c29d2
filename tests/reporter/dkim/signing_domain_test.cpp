#include "reporter/dkim/signing_domain.h"

#include <gtest/gtest.h>

namespace tlsrpt::reporter {
namespace {

TEST(SigningDomain, BothAddressesHaveToBeOfItOrBelow) {
  EXPECT_TRUE(unsigned_addresses("a.example", "x@a.example", "x@mail.a.example").empty());
  EXPECT_TRUE(unsigned_addresses("", "x@a.example", "x@b.example").empty());
  const auto other = unsigned_addresses("a.example", "x@ba.example", "x@a.example");
  ASSERT_EQ(other.size(), 1U);
  EXPECT_EQ(other[0].option, "mail_from");
  EXPECT_EQ(other[0].address, "x@ba.example");
  EXPECT_EQ(other[0].text,
            "reports are signed for a.example, and mail_from is x@ba.example: recipients ignore "
            "them");
  EXPECT_EQ(unsigned_addresses("mail.a.example", "x@a.example", "x@a.example").size(), 2U);
}

}  // namespace
}  // namespace tlsrpt::reporter
