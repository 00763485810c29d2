#include "milter/correlate/state_codec.h"

#include <gtest/gtest.h>

namespace tlsrpt::milter {
namespace {

TEST(StateCodec, ReadsWhatWasWritten) {
  StateWriter writer;
  writer.number(0);
  writer.number(~std::uint64_t{0});
  writer.text("text with \0 inside");
  writer.flag(true);
  const policy::UtcSeconds at = *policy::parse_instant("1969-11-22T10:00:00Z");
  writer.instant(at);
  const std::string octets = writer.take();
  StateReader reader(octets);
  EXPECT_EQ(reader.number(), 0U);
  EXPECT_EQ(reader.number(), ~std::uint64_t{0});
  EXPECT_EQ(reader.text(), "text with \0 inside");
  EXPECT_TRUE(reader.flag());
  EXPECT_EQ(reader.instant(), at);
  EXPECT_TRUE(reader.ok() && reader.at_end());
}

TEST(StateCodec, NonsenseIsAFailureAndReadsAsNothing) {
  StateReader endless(std::string_view("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 11));
  EXPECT_EQ(endless.number(), 0U);
  EXPECT_FALSE(endless.ok());
  StateReader text(
      "\x05"
      "abc");
  EXPECT_EQ(text.text(), "");
  EXPECT_FALSE(text.ok());
  StateReader count(
      "\x7F"
      "abc");
  EXPECT_EQ(count.count(1000), 0U);  // More elements than octets.
  EXPECT_FALSE(count.ok());
  StateWriter writer;
  writer.number(std::uint64_t{1} << 62U);
  const std::string octets = writer.take();
  StateReader instant(octets);
  EXPECT_EQ(instant.instant(), policy::UtcSeconds());
  EXPECT_FALSE(instant.ok());
  StateReader empty("");
  EXPECT_EQ(empty.number(), 0U);
  EXPECT_FALSE(empty.ok());
}

}  // namespace
}  // namespace tlsrpt::milter
