#include "policy/mail_address.h"

#include <gtest/gtest.h>

namespace tlsrpt::policy {
namespace {

void good(std::string_view text, std::string_view expected) {
  SCOPED_TRACE(text);
  const auto address = MailAddress::parse(text);
  ASSERT_TRUE(address.ok()) << address.error().message();
  EXPECT_EQ(address->text(), expected);
  const auto again = MailAddress::parse(address->text());
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_EQ(*again, *address);
}

void bad(std::string_view text, std::string_view reason) {
  SCOPED_TRACE(text);
  const auto address = MailAddress::parse(text);
  ASSERT_FALSE(address.ok()) << address->text();
  EXPECT_EQ(address.error().code(), Errc::syntax);
  EXPECT_NE(address.error().message().find(reason), std::string::npos) << address.error().message();
}

TEST(MailAddress, DotAtomsStayAsTheyAre) {
  good("a@b.example", "a@b.example");
  good("TLS-RPT+x@Example.COM.", "TLS-RPT+x@example.com");
  good("!#$%&'*+-/=?^_`{|}~@b.example", "!#$%&'*+-/=?^_`{|}~@b.example");
  good("a@bücher.example", "a@xn--bcher-kva.example");
  good("root@localhost", "root@localhost");
  good("-oQ/tmp@b.example", "-oQ/tmp@b.example");
}

TEST(MailAddress, OtherLocalPartsAreQuotedAndNeedlessQuotesDropped) {
  good("a,b@x.example", "\"a,b\"@x.example");
  good("a b@x.example", "\"a b\"@x.example");
  good("a..b@x.example", "\"a..b\"@x.example");
  good(".a@x.example", "\".a\"@x.example");
  good("a.@x.example", "\"a.\"@x.example");
  good("a<b>@x.example", "\"a<b>\"@x.example");
  good("a\\b@x.example", "\"a\\\\b\"@x.example");
  good("a\"b@x.example", "\"a\\\"b\"@x.example");
  good("\"a,b\"@x.example", "\"a,b\"@x.example");
  good("\"a@b\"@x.example", "\"a@b\"@x.example");
  good("\"a\\\"b\"@x.example", "\"a\\\"b\"@x.example");
  good("\"abc\"@x.example", "abc@x.example");
  good("\"a\\bc\"@x.example", "abc@x.example");
}

TEST(MailAddress, HalfAQuotedStringIsText) {
  good("\"a@x.example", "\"\\\"a\"@x.example");
  good("\"a\\\"@x.example", "\"\\\"a\\\\\\\"\"@x.example");
}

TEST(MailAddress, WhatIsNoAddressIsRefused) {
  bad("", "no \"@\"");
  bad("abc", "no \"@\"");
  bad("@x.example", "empty local part");
  bad("\"\"@x.example", "empty local part");
  bad("a@", "no domain");
  bad("a@b@x.example", "more than one");
  bad("@a.example,@b.example:c@x.example", "more than one");
  bad("a@[192.0.2.1]", "address literal");
  bad("a@[IPv6:2001:db8::1]", "address literal");
  bad("a@192.0.2.1", "no usable domain");
  bad("a@x..example", "no usable domain");
  bad("a@x.example>", "no usable domain");
  bad("a@x.example\r\nBcc: b@y.example", "printable characters");
  bad("a@x.example\r\nBcc: b", "no usable domain");
  bad("a\r\nBcc: b@x.example", "printable characters");
  bad("a\tb@x.example", "printable characters");
  bad("\x7F@x.example", "printable characters");
  bad("\"a\nb\"@x.example", "printable characters");
  bad(std::string_view("a\0b@x.example", 13), "printable characters");
  bad(std::string_view("a@x\0.example", 12), "no usable domain");
}

// RFC 6532, 3.2, and what could deceive whoever sees it.
TEST(MailAddress, LocalPartsMayBeUtf8) {
  good("ü@x.example", "ü@x.example");
  good("用户.甲@x.example", "用户.甲@x.example");
  good("a ü@x.example", "\"a ü\"@x.example");
  good("\"ü\"@x.example", "ü@x.example");
  bad("\xFC@x.example", "printable characters");
  bad("\xC3@x.example", "printable characters");
  bad("a\u0085b@x.example", "printable characters");
  bad("a\u2028b@x.example", "printable characters");
  bad("a\u202Eb@x.example", "printable characters");
  bad("\xC0\xAFx@x.example", "printable characters");
  EXPECT_TRUE(MailAddress::parse("üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü@x.example").ok());
  bad("üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüa@x.example", "64 octets");
}

TEST(MailAddress, LimitsAreThoseOfSmtp) {
  const std::string local64(64, 'a');
  good(local64 + "@x.example", local64 + "@x.example");
  bad(local64 + "a@x.example", "64 octets");
  // 62 octets and two quotes fit; 63 and two quotes do not.
  good(std::string(61, 'a') + ",@x.example", "\"" + std::string(61, 'a') + ",\"@x.example");
  bad(std::string(62, 'a') + ",@x.example", "64 octets");
  std::string domain;
  for (int i = 0; i < 20; ++i) domain += "abcdefghi.";
  const std::string tail = "example";
  const std::string address254 = std::string(46, 'a') + '@' + domain + tail;
  ASSERT_EQ(address254.size(), 254U);
  good(address254, address254);
  bad("a" + address254, "254 octets");
}

}  // namespace
}  // namespace tlsrpt::policy
