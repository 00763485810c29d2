#include "milter/log/log_position.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace tlsrpt::milter {
namespace {

LogPosition sample() {
  LogPosition position;
  position.id = {65024, 18446744073709551615U};
  position.offset = 123456789012;
  position.in_cut_line = true;
  position.fingerprint = Fingerprint::of("abc");
  position.age.first_stamp = policy::from_unix_seconds(1'795'000'000);
  position.age.changed_ns = 1'795'000'000'123'456'789;
  return position;
}

// The store keeps this text across versions: a change of it needs another version number.
TEST(LogPosition, TextStaysAsItIs) {
  EXPECT_EQ(sample().text(),
            "1 65024 18446744073709551615 123456789012 1 3 "
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad "
            "1795000000 1795000000123456789");
}

TEST(LogPosition, TextIsReadBack) {
  LogPosition position = sample();
  for (const bool with_stamp : {true, false}) {
    if (!with_stamp) position.age.first_stamp.reset();
    const auto parsed = LogPosition::parse(position.text());
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(parsed->text(), position.text());
    EXPECT_EQ(parsed->id, position.id);
    EXPECT_EQ(parsed->fingerprint, position.fingerprint);
    EXPECT_EQ(parsed->age.first_stamp, position.age.first_stamp);
  }
}

TEST(LogPosition, RefusesEverythingElse) {
  const std::string sha = Fingerprint::of("abc").sha256;
  const auto bad = [](const std::string& text) {
    const auto parsed = LogPosition::parse(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().code(), policy::Errc::syntax);
  };
  bad("");
  bad("1");
  bad("2 1 2 3 0 3 " + sha + " - 5");                        // a newer version
  bad("1 1 2 3 0 3 " + sha + " -");                          // too few fields
  bad("1 1 2 3 0 3 " + sha + " - 5 6");                      // too many
  bad("1 -1 2 3 0 3 " + sha + " - 5");                       // negative
  bad("1 1 2 3 2 3 " + sha + " - 5");                        // neither yes nor no
  bad("1 1 2 3 0 1025 " + sha + " - 5");                     // longer than any
  bad("1 1 2 3 0 3 " + sha.substr(1) + " - 5");              // too short
  bad("1 1 2 3 0 3 " + sha.substr(1) + "G - 5");             // no digit
  bad("1 1 2 99999999999999999999999 0 3 " + sha + " - 5");  // too large
  bad("1 1 2 3 0 3 " + sha + " x 5");                        // no stamp
}

TEST(LogPosition, AnyBytesAreAPositionOrNone) {
  std::mt19937 random(8460);
  const std::string good = sample().text();
  for (int i = 0; i < 5000; ++i) {
    std::string text = good;
    text[random() % text.size()] = static_cast<char>(random());
    const auto parsed = LogPosition::parse(text);
    if (parsed.ok()) {
      EXPECT_TRUE(LogPosition::parse(parsed->text()).ok());
    }
  }
}

TEST(Fingerprint, OfAShortFileStaysTrueWhenItGrows) {
  const std::string text = "one line\n";
  const Fingerprint young = Fingerprint::of(text);
  EXPECT_TRUE(young.matches(text));
  EXPECT_TRUE(young.matches(text + "and another\n"));
  EXPECT_FALSE(young.matches("one lime\n"));
  EXPECT_FALSE(young.matches("one line"));
  EXPECT_FALSE(young.matches(""));
}

TEST(Fingerprint, OnlyTheFirstKilobyteCounts) {
  const std::string begin(fingerprint_bytes, 'x');
  EXPECT_EQ(Fingerprint::of(begin + "a"), Fingerprint::of(begin + "b"));
  EXPECT_TRUE(Fingerprint::of(begin + "a").matches(begin));
}

TEST(Fingerprint, OfNothingMatchesNothing) {
  EXPECT_FALSE(Fingerprint::of("").matches(""));
  EXPECT_FALSE(Fingerprint::of("").matches("x"));
}

TEST(FileAge, IsByFirstStampThenByLastChange) {
  const auto age = [](std::int64_t first, std::int64_t changed_ns) {
    FileAge made;
    if (first != 0) made.first_stamp = policy::from_unix_seconds(first);
    made.changed_ns = changed_ns;
    return made;
  };
  EXPECT_TRUE(age(10, 90'000'000'000) < age(11, 20'000'000'000));
  EXPECT_TRUE(age(10, 20'000'000'000) < age(10, 20'000'000'001));
  EXPECT_TRUE((age(10, 5) <=> age(10, 5)) == 0);
  EXPECT_TRUE(age(0, 10'000'000'000) < age(11, 12'000'000'000));  // begun when last changed
  EXPECT_EQ(changed_at(age(0, 10'999'999'999)), policy::from_unix_seconds(10));
}

}  // namespace
}  // namespace tlsrpt::milter
