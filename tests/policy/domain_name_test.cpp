#include "policy/domain_name.h"

#include <gtest/gtest.h>

namespace tlsrpt::policy {
namespace {

void good(std::string_view text, std::string_view expected) {
  SCOPED_TRACE(text);
  const auto name = DomainName::parse(text);
  ASSERT_TRUE(name.ok()) << name.error().message();
  EXPECT_EQ(name->text(), expected);
  const auto again = DomainName::parse(name->text());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, *name);  // The canonical form is a fixed point.
}

void bad(std::string_view text, std::string_view reason) {
  SCOPED_TRACE(text);
  const auto name = DomainName::parse(text);
  ASSERT_FALSE(name.ok()) << name->text();
  EXPECT_EQ(name.error().code(), Errc::syntax);
  EXPECT_NE(name.error().message().find(reason), std::string::npos) << name.error().message();
}

std::string repeat(std::string_view part, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += part;
  return out;
}

TEST(DomainName, PlainNamesAreFoldedAndLoseOneTrailingDot) {
  good("example.com", "example.com");
  good("Mail.EXAMPLE.Com.", "mail.example.com");
  good("localhost", "localhost");
  good("a", "a");
  good("_smtp._tls.example.com", "_smtp._tls.example.com");
  good("r3---sn-x.example", "r3---sn-x.example");
  good("3com.example", "3com.example");
  good("1.2.3.4.example", "1.2.3.4.example");
  good("0xab.example", "0xab.example");
  good("example.0xag", "example.0xag");
}

TEST(DomainName, ULabelsAreConvertedByUts46NonTransitional) {
  good("bücher.example", "xn--bcher-kva.example");
  good("BÜCHER.Example", "xn--bcher-kva.example");
  good(
      "bu\xCC\x88"
      "cher.example",
      "xn--bcher-kva.example");               // Not in NFC.
  good("faß.example", "xn--fa-hia.example");  // Transitional processing gives fass.example.
  good("日本語。example", "xn--wgv71a119e.example");
  good("пример.example.", "xn--e1afmkfd.example");
  good(
      "a\xC2\xAD"
      "b.ü.example",
      "ab.xn--tda.example");  // A soft hyphen is mapped to nothing.
}

TEST(DomainName, ALabelsAreTakenAsTheyAre) {
  good("xn--bcher-kva.example", "xn--bcher-kva.example");
  good("XN--BCHER-KVA.example", "xn--bcher-kva.example");
  // IDNA 2008 disallows emoji, but such names are registered and get mail.
  good("xn--ls8h.la", "xn--ls8h.la");
}

TEST(DomainName, LimitsAreThoseOfTheDns) {
  const std::string label63(63, 'a');
  good(label63 + ".example", label63 + ".example");
  bad(label63 + "a.example", "63 octets");
  const std::string name253 = repeat("abcdefghi.", 25) + "com";
  ASSERT_EQ(name253.size(), 253U);
  good(name253, name253);
  good(name253 + ".", name253);
  bad("x" + name253, "253 octets");
  bad(repeat("a", 5000), "too long");
  bad(repeat("ü", 5000), "too long");
  bad(repeat("ü", 80) + ".example", "");
}

TEST(DomainName, EmptyLabelsAreRefused) {
  bad("", "empty");
  bad(".", "empty");
  bad("..", "a label is empty");
  bad(".example", "a label is empty");
  bad("a..example", "a label is empty");
  bad("example..", "a label is empty");
  bad("ü..example", "a label is empty");
}

TEST(DomainName, OtherCharactersAreRefused) {
  for (const char* text : {"a b.example", "a@b.example", "a/b.example", "a\\b.example", "a\tb",
                           "a\nb.example", "a\r\nb", "a:25", "*.example", "a,b.example",
                           "\"a\".example", "a;b", "a%2eb", " example", "example "}) {
    bad(text, "character that host names do not have");
  }
  bad(std::string_view("a\0b.example", 11), "character");
  bad(std::string_view("ü\0b.example", 12), "NUL");
  bad("℀.example", "character");  // Mapped to "a/c": checked after the mapping.
  bad("-a.example", "hyphen");
  bad("a-.example", "hyphen");
  bad("-", "hyphen");
}

TEST(DomainName, AddressesAreNoNames) {
  bad("192.0.2.1", "last label is a number");
  bad("192.0.2.1.", "last label is a number");
  bad("[192.0.2.1]", "character");
  bad("[IPv6:2001:db8::1]", "character");
  bad("2001:db8::1", "character");
  // inet_aton takes these for addresses.
  bad("127.1", "last label is a number");
  bad("2130706433", "last label is a number");
  bad("0x7f000001", "last label is a number");
  bad("127.0.0.0x1", "last label is a number");
  bad("0x", "last label is a number");
  bad("１２７.０.０.１", "last label is a number");  // Full-width digits.
}

TEST(DomainName, WhatIsNotUtf8IsRefused) {
  bad("\xFF.example", "not UTF-8");
  bad("a\xC3", "not UTF-8");
  bad("\xED\xA0\x80.example", "not UTF-8");
}

TEST(DomainName, MessagesShowHostileNamesEscapedAndCut) {
  const auto name = DomainName::parse("\x1B[2J" + repeat("x", 3000));
  ASSERT_FALSE(name.ok());
  EXPECT_EQ(name.error().message().find('\x1B'), std::string::npos);
  EXPECT_LT(name.error().message().size(), 400U);
}

}  // namespace
}  // namespace tlsrpt::policy
