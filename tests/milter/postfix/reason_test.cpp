#include <gtest/gtest.h>

#include "milter/postfix/postfix_message.h"

namespace tlsrpt::milter {
namespace {

TEST(Reason, IsMatchedFromItsFirstByte) {
  const auto kind = [](std::string_view text) { return classify_reason(text, false).kind; };
  EXPECT_TRUE(kind("Server certificate not trusted") == ReasonKind::certificate_not_accepted);
  EXPECT_TRUE(kind("Server certificate not verified") == ReasonKind::certificate_not_accepted);
  EXPECT_TRUE(kind("Cannot start TLS: handshake failure") == ReasonKind::handshake_failure);
  EXPECT_TRUE(kind("no TLSA records found") == ReasonKind::no_tlsa_records);
  EXPECT_TRUE(kind("TLSA records unusable") == ReasonKind::tlsa_records_unusable);
  EXPECT_TRUE(kind("client TLS configuration problem") == ReasonKind::local_fault);
  EXPECT_TRUE(kind("Sender requested REQUIRETLS, but host x") == ReasonKind::local_fault);
  EXPECT_TRUE(kind("TLS is required, but our TLS engine is unavailable") ==
              ReasonKind::local_fault);
  for (const char* hostile :
       {"host mx[198.51.100.1] said: 450 Server certificate not trusted",
        "host mx[198.51.100.1] said: 450 Cannot start TLS: handshake failure",
        "250 Server certificate not verified", " Server certificate not verified", ""}) {
    EXPECT_TRUE(kind(hostile) == ReasonKind::other) << hostile;
  }
}

TEST(Reason, RefusalHasItsReplyCode) {
  const auto reason = classify_reason(
      "TLS is required, but host mx[198.51.100.1] refused to start TLS: 454 4.7.0 was not offered",
      false);
  EXPECT_TRUE(reason.kind == ReasonKind::starttls_refused);
  EXPECT_EQ(reason.code, "454");
  EXPECT_EQ(reason.peer->address, "198.51.100.1");
  EXPECT_EQ(
      classify_reason("TLS is required, but host mx[198.51.100.1] refused to start TLS: no", false)
          .code,
      "");
}

TEST(Reason, TheEndOfALineThatMayBeCutProvesNothing) {
  constexpr std::string_view text =
      "host mx[198.51.100.1] said: 550 long (in reply to EHLO command)";
  EXPECT_TRUE(classify_reason(text, false).kind == ReasonKind::before_ehlo);
  EXPECT_TRUE(classify_reason(text, true).kind == ReasonKind::other);
}

}  // namespace
}  // namespace tlsrpt::milter
