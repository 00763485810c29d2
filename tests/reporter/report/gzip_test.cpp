#include "reporter/report/gzip.h"

#include <gtest/gtest.h>

namespace tlsrpt::reporter {
namespace {

using policy::Errc;

std::string compressed(std::string_view data) { return gzip_compress(data).value(); }

Errc failure(std::string_view data, std::size_t limit = 1000) {
  const auto result = gzip_decompress(data, limit);
  EXPECT_FALSE(result.ok());
  return result.ok() ? Errc::internal : result.error().code();
}

TEST(Gzip, HeaderHasNoTimeNameOrSystem) {
  const std::string bytes = compressed("a report");
  // RFC 1952, 2.3: ID1 ID2 CM=8 FLG=0 MTIME=0 XFL=2 (slowest) OS=255 (unknown).
  EXPECT_EQ(bytes.substr(0, 10), std::string("\x1f\x8b\x08\0\0\0\0\0\x02\xff", 10));
}

TEST(Gzip, EqualDataGiveEqualBytesAndComeBack) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{65536}, std::size_t{300'000}}) {
    std::string data;
    for (std::size_t i = 0; i < size; ++i) data += static_cast<char>('a' + i * i % 23);
    EXPECT_EQ(compressed(data), compressed(data));
    EXPECT_EQ(gzip_decompress(compressed(data), size).value(), data);
  }
}

TEST(Gzip, IncompressibleDataFit) {
  std::string data;
  std::uint32_t state = 1;
  for (int i = 0; i < 100'000; ++i) {
    state = state * 1664525U + 1013904223U;
    data += static_cast<char>(static_cast<unsigned char>(state >> 24U));
  }
  EXPECT_EQ(gzip_decompress(compressed(data), data.size()).value(), data);
}

TEST(Gzip, SeveralMembersAreOneText) {
  EXPECT_EQ(gzip_decompress(compressed("one ") + compressed("two"), 100).value(), "one two");
}

TEST(Gzip, WhatIsNoGzipIsRefused) {
  EXPECT_EQ(failure(""), Errc::syntax);
  EXPECT_EQ(failure("{}"), Errc::syntax);
  EXPECT_EQ(failure("\x1f\x8b\x07 wrong method"), Errc::syntax);
}

TEST(Gzip, EveryTruncationIsNoticed) {
  const std::string bytes = compressed("a report that is cut somewhere");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(failure(bytes.substr(0, size)), Errc::syntax) << size;
  }
}

TEST(Gzip, DamageIsNoticed) {
  std::string bytes = compressed("a report");
  bytes[bytes.size() - 6] = static_cast<char>(bytes[bytes.size() - 6] ^ 1);  // In the CRC.
  EXPECT_EQ(failure(bytes), Errc::syntax);
}

TEST(Gzip, SomethingAfterTheEndIsNoticed) {
  EXPECT_EQ(failure(compressed("a report") + "x"), Errc::syntax);
  EXPECT_EQ(failure(compressed("a report") + std::string(1, '\0')), Errc::syntax);
}

TEST(Gzip, ABombStopsAtTheLimit) {
  const std::string bomb = compressed(std::string(5'000'000, 'x'));
  EXPECT_LT(bomb.size(), 10'000U);
  EXPECT_EQ(failure(bomb, 4'999'999), Errc::limit);
  EXPECT_TRUE(gzip_decompress(bomb, 5'000'000).ok());
  EXPECT_EQ(failure(bomb + bomb, 5'000'001), Errc::limit);
}

}  // namespace
}  // namespace tlsrpt::reporter
