#include "policy/rua_uri.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/text.h"

namespace tlsrpt::policy {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> targets(const RuaReading& reading) {
  std::vector<std::string> out;
  for (const RuaUri& uri : reading.uris) out.push_back(uri.target);
  return out;
}

// What holds for every URI that comes out, whatever went in.
void check_invariants(const RuaReading& reading) {
  EXPECT_FALSE(reading.uris.empty() && reading.warnings.empty());
  for (const RuaUri& uri : reading.uris) {
    EXPECT_TRUE(is_printable(uri.target));
    EXPECT_TRUE(is_ascii(uri.text()));
    const auto again = parse_destination(uri.text());
    ASSERT_TRUE(again.ok()) << again.error().message();
    EXPECT_EQ(*again, uri);
  }
}

// One destination, nothing to complain about.
void good(std::string_view text, std::string_view target, std::string_view canonical) {
  SCOPED_TRACE(text);
  const RuaReading reading = read_rua_uri(text);
  check_invariants(reading);
  EXPECT_TRUE(reading.warnings.empty()) << reading.warnings.front().message;
  ASSERT_EQ(reading.uris.size(), 1U);
  EXPECT_EQ(reading.uris[0].target, target);
  EXPECT_EQ(reading.uris[0].text(), canonical);
}

void good(std::string_view text, std::string_view target) { good(text, target, target); }

// Usable, but one thing was mended.
void mended(std::string_view text, RuaFault fault, const std::vector<std::string>& expected) {
  SCOPED_TRACE(text);
  const RuaReading reading = read_rua_uri(text);
  check_invariants(reading);
  EXPECT_EQ(targets(reading), expected);
  ASSERT_EQ(reading.warnings.size(), 1U);
  EXPECT_EQ(to_text(reading.warnings[0].fault), to_text(fault)) << reading.warnings[0].message;
}

void bad(std::string_view text, RuaFault fault, std::string_view reason) {
  SCOPED_TRACE(text);
  const RuaReading reading = read_rua_uri(text);
  check_invariants(reading);
  EXPECT_EQ(targets(reading), std::vector<std::string>());
  ASSERT_EQ(reading.warnings.size(), 1U);
  EXPECT_EQ(to_text(reading.warnings[0].fault), to_text(fault));
  EXPECT_THAT(reading.warnings[0].message, HasSubstr(reason));
  EXPECT_FALSE(parse_destination(text).ok());
}

TEST(RuaUri, MailtoIsAnAddress) {
  good("mailto:tlsrpt@a.example", "tlsrpt@a.example", "mailto:tlsrpt@a.example");
  good("mailto:TLS-RPT+x@A.Example", "TLS-RPT+x@a.example", "mailto:TLS-RPT+x@a.example");
  good("mailto:a@x%2Eexample", "a@x.example", "mailto:a@x.example");
  good("mailto:a@b%C3%BCcher.example", "a@xn--bcher-kva.example", "mailto:a@xn--bcher-kva.example");
  // RFC 6068, 2: UTF-8, percent-encoded.
  good("mailto:%C3%BC+x@x.example", "ü+x@x.example", "mailto:%C3%BC+x@x.example");
  const auto uri = parse_destination("mailto:a@x.example");
  ASSERT_TRUE(uri.ok());
  EXPECT_EQ(uri->scheme, RuaScheme::mailto);
  EXPECT_EQ(uri->host, "x.example");
  EXPECT_EQ(uri->host_address(), std::nullopt);
}

// Requirements 1.12; RFC 3986, 3.1.
TEST(RuaUri, SchemesAreCaseInsensitive) {
  good("MAILTO:a@x.example", "a@x.example", "mailto:a@x.example");
  good("MailTo:a@x.example", "a@x.example", "mailto:a@x.example");
  good("HTTPS://x.example/r", "https://x.example/r");
}

// Requirements 1.12.
TEST(RuaUri, OtherSchemesAreRefused) {
  bad("http://x.example/r", RuaFault::http_scheme, "never in clear text");
  bad("HTTP://x.example/r", RuaFault::http_scheme, "never in clear text");
  bad("ftp://x.example/r", RuaFault::unsupported_scheme, "neither mailto: nor https:");
  bad("tel:+4930", RuaFault::unsupported_scheme, "neither mailto: nor https:");
  bad("file:///etc/passwd", RuaFault::unsupported_scheme, "neither mailto: nor https:");
  bad("javascript:alert(1)", RuaFault::unsupported_scheme, "neither mailto: nor https:");
  bad("v=TLSRPTv1", RuaFault::missing_scheme, "has no scheme");
  bad("postmaster@x.example", RuaFault::missing_scheme, "write mailto:");
  bad("x.example/r", RuaFault::missing_scheme, "has no scheme");
  bad("a@x.example:25", RuaFault::missing_scheme, "write mailto:");
  bad(":a@x.example", RuaFault::missing_scheme, "write mailto:");
  bad("mailto", RuaFault::missing_scheme, "has no scheme");
  bad("1https://x.example/", RuaFault::missing_scheme, "has no scheme");
}

// Requirements 1.9.
TEST(RuaUri, EncodedDelimitersBelongToTheLocalPart) {
  good("mailto:a%2Cb@x.example", "\"a,b\"@x.example", "mailto:%22a%2Cb%22@x.example");
  good("mailto:a%2cb@x.example", "\"a,b\"@x.example", "mailto:%22a%2Cb%22@x.example");
  good("mailto:a%21b@x.example", "a!b@x.example", "mailto:a%21b@x.example");
  good("mailto:a%3Bb@x.example", "\"a;b\"@x.example", "mailto:%22a%3Bb%22@x.example");
  good("mailto:a%2F%3F%23b@x.example", "a/?#b@x.example", "mailto:a%2F%3F%23b@x.example");
  bad("mailto:a!b@x.example", RuaFault::bad_uri, "not encoded");
  bad("mailto:a,b@x.example", RuaFault::bad_uri, "not encoded");
  bad("mailto:a;b@x.example", RuaFault::bad_uri, "not encoded");
  bad("https://x.example/a!b", RuaFault::bad_uri, "not encoded");
  bad("https://x.example/a;b", RuaFault::bad_uri, "not encoded");
  good("https://x.example/a%21b", "https://x.example/a%21b");
}

// Requirements 1.9: the size limit of DMARC is never part of the address.
TEST(RuaUri, SizeSuffixIsStrippedWithAWarning) {
  mended("mailto:a@x.example!10m", RuaFault::size_suffix, {"a@x.example"});
  mended("mailto:a@x.example!10M", RuaFault::size_suffix, {"a@x.example"});
  mended("mailto:a@x.example!5", RuaFault::size_suffix, {"a@x.example"});
  mended("https://x.example/r!1g", RuaFault::size_suffix, {"https://x.example/r"});
  bad("mailto:a@x.example!m", RuaFault::bad_uri, "not encoded");
  bad("mailto:a@x.example!", RuaFault::bad_uri, "not encoded");
  bad("mailto:a@x.example!10mb", RuaFault::bad_uri, "not encoded");
  const RuaReading twice = read_rua_uri("mailto:a@x.example!10m!10m");
  EXPECT_TRUE(twice.uris.empty());
}

// Requirements 1.13: header fields never reach the message.
TEST(RuaUri, HeaderFieldsAreDropped) {
  mended("mailto:a@x.example?subject=hi&cc=b@y.example", RuaFault::header_fields, {"a@x.example"});
  mended("mailto:a@x.example?", RuaFault::header_fields, {"a@x.example"});
  mended("mailto:a@x.example?bcc=%0D%0AX:y", RuaFault::header_fields, {"a@x.example"});
  mended("mailto:a@x.example#frag", RuaFault::header_fields, {"a@x.example"});
}

// Requirements 1.13.
TEST(RuaUri, SeveralAddressesBecomeSeveralDestinations) {
  const auto several = [](std::string_view text, const std::vector<std::string>& expected) {
    SCOPED_TRACE(text);
    const RuaReading reading = read_rua_uri(text);
    check_invariants(reading);
    EXPECT_EQ(targets(reading), expected);
    EXPECT_TRUE(reading.warnings.empty()) << reading.warnings.front().message;
    EXPECT_FALSE(parse_destination(text).ok());
  };
  several("mailto:a@x.example%2Cb@y.example", {"a@x.example", "b@y.example"});
  several("mailto:a@x.example%2C%20b@y.example", {"a@x.example", "b@y.example"});
  several("mailto:a@x.example%2Cb%2Cc@y.example", {"a@x.example", "\"b,c\"@y.example"});
  several("mailto:%22a@b%2Cc%22@x.example%2Cd@y.example", {"\"a@b,c\"@x.example", "d@y.example"});
  good("mailto:a@x.example%2Ca@X.example", "a@x.example", "mailto:a@x.example");
  mended("mailto:a@x.example%2Cb@[192.0.2.1]", RuaFault::bad_address, {"a@x.example"});
  mended("mailto:a@x.example%2C", RuaFault::bad_address, {"a@x.example"});
}

// Requirements 1.13.
TEST(RuaUri, PercentIsDecodedOnce) {
  good("mailto:a%252Cb@x.example", "a%2Cb@x.example", "mailto:a%252Cb@x.example");
  good("mailto:a%25@x.example", "a%@x.example", "mailto:a%25@x.example");
  bad("mailto:a%@x.example", RuaFault::bad_uri, "two hexadecimal digits");
  bad("mailto:a%2@x.example", RuaFault::bad_uri, "two hexadecimal digits");
  bad("mailto:a%zz@x.example", RuaFault::bad_uri, "two hexadecimal digits");
  bad("mailto:a@x.example%4", RuaFault::bad_uri, "two hexadecimal digits");
}

// Requirements 1.13.
TEST(RuaUri, AddressesThatCouldInjectAreRefused) {
  bad("mailto:a%0D%0ABcc:b@x.example", RuaFault::bad_address, "printable characters");
  bad("mailto:a%0Ab@x.example", RuaFault::bad_address, "printable characters");
  bad("mailto:a%00b@x.example", RuaFault::bad_address, "printable characters");
  bad("mailto:a%09b@x.example", RuaFault::bad_address, "printable characters");
  bad("mailto:a%7Fb@x.example", RuaFault::bad_address, "printable characters");
  bad("mailto:%FC@x.example", RuaFault::bad_address, "printable characters");
  bad("mailto:a%E2%80%AEb@x.example", RuaFault::bad_address, "printable characters");
  bad("mailto:a@x.example%0D%0ABcc:b", RuaFault::bad_address, "no usable domain");
  bad("mailto:a@x%00.example", RuaFault::bad_address, "no usable domain");
  bad("mailto:a@[192.0.2.1]", RuaFault::bad_address, "address literal");
  bad("mailto:a@192.0.2.1", RuaFault::bad_address, "no usable domain");
  bad("mailto:a@", RuaFault::bad_address, "no domain");
  bad("mailto:", RuaFault::bad_address, "no \"@\"");
  bad("mailto:a", RuaFault::bad_address, "no \"@\"");
  bad("mailto:@x.example", RuaFault::bad_address, "empty local part");
  bad("mailto:a@b@x.example", RuaFault::bad_address, "more than one");
  bad("mailto://a@x.example", RuaFault::bad_uri, "without \"//\"");
  bad("mailto:" + std::string(65, 'a') + "@x.example", RuaFault::bad_address, "64 octets");
  std::string domain;
  for (int i = 0; i < 24; ++i) domain += "abcdefghi.";
  bad("mailto:aaaaaaa@" + domain + "example", RuaFault::bad_address, "254 octets");
}

TEST(RuaUri, HttpsIsAUriToPostTo) {
  good("https://x.example", "https://x.example/");
  good("https://x.example/", "https://x.example/");
  good("https://X.Example./v1/TLSRPT", "https://x.example/v1/TLSRPT");
  good("https://x.example:443/r", "https://x.example/r");
  good("https://x.example:/r", "https://x.example/r");
  good("https://x.example:8443/r", "https://x.example:8443/r");
  good("https://x.example/r?d=a&e=b%2Cc", "https://x.example/r?d=a&e=b%2Cc");
  good("https://x.example?d=a", "https://x.example/?d=a");
  good("https://x.example/a@b:c/$&'()*+=~", "https://x.example/a@b:c/$&'()*+=~");
  const auto uri = parse_destination("https://x.example:8443/r");
  ASSERT_TRUE(uri.ok());
  EXPECT_EQ(uri->scheme, RuaScheme::https);
  EXPECT_EQ(uri->host, "x.example");
  EXPECT_EQ(uri->port, 8443);
  EXPECT_EQ(uri->host_address(), std::nullopt);
}

TEST(RuaUri, AddressesAsHostAreLeftToTheGuard) {
  good("https://127.0.0.1:8443/r", "https://127.0.0.1:8443/r");
  good("https://[2001:DB8::1]/r", "https://[2001:db8::1]/r");
  good("https://[::1]:8443/r", "https://[::1]:8443/r");
  good("https://[::ffff:127.0.0.1]/", "https://127.0.0.1/");
  const auto uri = parse_destination("https://[2001:db8::1]:8443/r");
  ASSERT_TRUE(uri.ok());
  EXPECT_EQ(uri->host, "2001:db8::1");
  EXPECT_EQ(uri->host_address(), IpAddress::parse("2001:db8::1"));
  // What only inet_aton or a browser takes for an address could get round the guard.
  bad("https://127.1/", RuaFault::bad_uri, "no usable host");
  bad("https://0x7f.0.0.1/", RuaFault::bad_uri, "no usable host");
  bad("https://0x7f000001/", RuaFault::bad_uri, "no usable host");
  bad("https://2130706433/", RuaFault::bad_uri, "no usable host");
  bad("https://0177.0.0.1/", RuaFault::bad_uri, "no usable host");
  bad("https://[fe80::1%25eth0]/", RuaFault::bad_uri, "no IPv6 address");
  bad("https://[IPv6:::1]/", RuaFault::bad_uri, "no IPv6 address");
  bad("https://[127.0.0.1]/", RuaFault::bad_uri, "no IPv6 address");
  bad("https://[::1/", RuaFault::bad_uri, "no \"]\"");
  bad("https://[::1]x/", RuaFault::bad_uri, "text behind");
  bad("https://::1/", RuaFault::bad_uri, "");
}

// Requirements 7.2.
TEST(RuaUri, HttpsWithoutUserinfoAndFragment) {
  bad("https://user@x.example/", RuaFault::bad_uri, "user name or password");
  bad("https://user:secret@x.example/", RuaFault::bad_uri, "user name or password");
  bad("https://x.example@127.0.0.1/", RuaFault::bad_uri, "user name or password");
  bad("https://x.example/r#top", RuaFault::bad_uri, "fragment");
  bad("https://x.example#top", RuaFault::bad_uri, "fragment");
}

TEST(RuaUri, BrokenHttpsIsRefused) {
  bad("https:", RuaFault::bad_uri, "no \"//\"");
  bad("https:x.example/r", RuaFault::bad_uri, "no \"//\"");
  bad("https:/x.example/r", RuaFault::bad_uri, "no \"//\"");
  bad("https://", RuaFault::bad_uri, "no usable host");
  bad("https:///r", RuaFault::bad_uri, "no usable host");
  bad("https://:443/r", RuaFault::bad_uri, "no usable host");
  bad("https://x..example/", RuaFault::bad_uri, "no usable host");
  bad("https://x%2Eexample/", RuaFault::bad_uri, "no usable host");
  bad("https://x.example\\@y.example/", RuaFault::bad_uri, "");
  bad("https://x.example/a\\b", RuaFault::bad_uri, "percent-encoded");
  bad("https://x.example/<a>", RuaFault::bad_uri, "percent-encoded");
  bad("https://x.example/%zz", RuaFault::bad_uri, "percent-encoded");
  bad("https://x.example/%4", RuaFault::bad_uri, "percent-encoded");
  bad("https://x.example:0/", RuaFault::bad_uri, "port");
  bad("https://x.example:65536/", RuaFault::bad_uri, "port");
  bad("https://x.example:+1/", RuaFault::bad_uri, "port");
  bad("https://x.example:443:443/", RuaFault::bad_uri, "port");
}

TEST(RuaUri, WhatIsNoUriAtAllIsRefused) {
  bad("", RuaFault::empty_item, "empty item");
  bad("mailto:a @x.example", RuaFault::bad_uri, "not allowed in a URI");
  bad("mailto:a@b\xC3\xBC.example", RuaFault::bad_uri, "not allowed in a URI");
  bad("\xE2\x80\x9Cmailto:a@x.example\xE2\x80\x9D", RuaFault::bad_uri, "not allowed in a URI");
  bad("mailto:a@x.example\r\nBcc:b", RuaFault::bad_uri, "not allowed in a URI");
  bad(std::string_view("mailto:a@x.example\0", 19), RuaFault::bad_uri, "not allowed in a URI");
  bad("https://x.example/" + std::string(2048, 'a'), RuaFault::bad_uri, "2048 octets");
}

TEST(RuaUri, MessagesShowHostileUrisEscapedAndCut) {
  const RuaReading reading = read_rua_uri("\x1B[2J" + std::string(500, 'x'));
  ASSERT_EQ(reading.warnings.size(), 1U);
  EXPECT_EQ(reading.warnings[0].message.find('\x1B'), std::string::npos);
  EXPECT_LT(reading.warnings[0].message.size(), 250U);
}

TEST(RuaUri, EqualDestinationsHaveEqualTexts) {
  const auto text = [](std::string_view uri) { return parse_destination(uri)->text(); };
  EXPECT_EQ(text("MAILTO:a@X.example"), text("mailto:%61@x.example."));
  EXPECT_EQ(text("mailto:%22a%22@x.example"), text("mailto:a@x.example"));
  EXPECT_EQ(text("HTTPS://X.example:443"), text("https://x.example/"));
  EXPECT_NE(text("mailto:A@x.example"), text("mailto:a@x.example"));
  EXPECT_NE(text("https://x.example/A"), text("https://x.example/a"));
}

TEST(RuaUri, FaultsHaveWords) {
  EXPECT_EQ(to_text(RuaFault::missing_scheme), "missing-scheme");
  EXPECT_EQ(to_text(RuaFault::over_limit), "over-limit");
  EXPECT_EQ(to_text(static_cast<RuaFault>(200)), "");
}

}  // namespace
}  // namespace tlsrpt::policy
