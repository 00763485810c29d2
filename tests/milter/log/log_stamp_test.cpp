#include "milter/log/log_stamp.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace tlsrpt::milter {
namespace {

policy::UtcSeconds instant(std::string_view text) {
  const auto parsed = policy::parse_instant(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(policy::UtcSeconds());
}

StampParser parser(const std::string& zone) {
  auto made = StampParser::make(zone);
  EXPECT_TRUE(made.ok()) << zone;
  return *made;
}

const policy::UtcSeconds reference = instant("2026-11-24T12:00:00Z");

// The stamp's instant, in a zone, seen from a reference; "" where there is none.
std::string read(const std::string& zone, std::string_view stamp, policy::UtcSeconds seen_from) {
  const std::string line = std::string(stamp) + " relay postfix/smtp[331]: text";
  const auto parsed = parser(zone).parse(line, seen_from);
  if (!parsed) return "";
  EXPECT_EQ(parsed->length, stamp.size() + 1) << stamp;
  return policy::to_text(parsed->instant);
}

TEST(StampParser, ReadsEveryFormThatLogsUse) {
  const auto good = [](std::string_view stamp, std::string_view want) {
    EXPECT_EQ(read("Pacific/Auckland", stamp, reference), want) << stamp;
  };
  good("2026-11-24T06:03:14.001681+13:00", "2026-11-23T17:03:14Z");  // rsyslog
  good("2026-11-23T18:03:18.959Z", "2026-11-23T18:03:18Z");          // rsyslog in UTC
  good("2026-11-23T18:01:39.088443+0000", "2026-11-23T18:01:39Z");   // short-iso-precise
  good("2026-11-23T18:01:39+0000", "2026-11-23T18:01:39Z");          // short-iso
  good("2026-11-23T18:01:39+00", "2026-11-23T18:01:39Z");
  good("2026-11-23T18:01:39-00:00", "2026-11-23T18:01:39Z");
  good("2026-11-23T18:01:39-0930", "2026-11-24T03:31:39Z");
  good("2026-11-23t18:01:39z", "2026-11-23T18:01:39Z");
  good("2026-11-23 18:01:39+01:00", "2026-11-23T17:01:39Z");
  good("2026-11-23T18:01:39,5Z", "2026-11-23T18:01:39Z");
  good("2026-11-23T18:01:39.123456789123456789Z", "2026-11-23T18:01:39Z");
  good("2026-11-24T06:03:14.001681", "2026-11-23T17:03:14Z");  // no offset: local
  good("2026-11-24T06:03:14", "2026-11-23T17:03:14Z");
  good("2026-12-31T23:59:60Z", "2026-12-31T23:59:59Z");  // leap second keeps its day
  good("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z");
  good("Nov 24 06:03:14", "2026-11-23T17:03:14Z");
  good("Nov  3 06:03:14", "2026-11-02T17:03:14Z");
  good("Nov 3 06:03:14", "2026-11-02T17:03:14Z");
  good("Nov 03 06:03:14", "2026-11-02T17:03:14Z");
  good("Nov 24 06:03:14.088443", "2026-11-23T17:03:14Z");   // short-precise
  good("2025 Nov 24 06:03:14", "2025-11-23T17:03:14Z");     // syslog-ng ts_format(full)
  good("2025 Nov  3 06:03:14.12", "2025-11-02T17:03:14Z");  // with frac_digits
}

TEST(StampParser, RefusesEverythingElse) {
  const auto bad = [](std::string_view line) {
    EXPECT_FALSE(parser("UTC").parse(line, reference)) << line;
  };
  bad("");
  bad("postfix/smtp[331]: text");
  bad("2026-11-24T06:03:14");          // nothing after it
  bad("2026-11-24T06:03:14Z");         // no blank after it
  bad("2026-11-24T06:03:14Zx ");       // ditto
  bad("2026-11-24T06:03:14.Z x");      // fraction without digits
  bad("2026-11-24T06:03:14+1 x");      // half an offset
  bad("2026-11-24T06:03:14+01:0 x");   // ditto
  bad("2026-11-24T06:03:14+24:00 x");  // no such offset
  bad("2026-11-24T06:03:14+01:60 x");  // ditto
  bad("2026-11-24T24:00:00Z x");       // no such hour
  bad("2026-11-24T06:60:00Z x");       // no such minute
  bad("2026-11-24T06:00:61Z x");       // no such second
  bad("2026-13-24T06:00:00Z x");       // no such month
  bad("2026-11-31T06:00:00Z x");       // no such day
  bad("2025-02-29T06:00:00Z x");       // no leap year
  bad("2026-1-24T06:00:00Z x");        // one digit
  bad("1969-12-31T06:00:00Z x");       // before any log
  bad(" Nov 24 06:03:14 x");           // a blank first
  bad("nov 24 06:03:14 x");            // no month
  bad("Nov 31 06:03:14 x");            // no such day
  bad("Feb 30 06:03:14 x");            // in no year
  bad("Nov 0 06:03:14 x");             // ditto
  bad("Nov 24 6:03:14 x");             // one digit
  bad("Nov 24  06:03:14 x");           // two blanks
  bad("Nov 24 06:03:14x");             // no blank after it
  bad("Nov 24 06:03:14+01:00 x");      // offset where none is written
  bad(std::string_view("2026-11-24T06:03:14Z\0x", 22));
  bad("2026-11-24T06:03:14." + std::string(31, '1') + "Z x");
}

TEST(StampParser, DateWithoutYearIsTheLatestNotBeyondATomorrow) {
  const auto good = [](std::string_view stamp, std::string_view seen_from, std::string_view want) {
    EXPECT_EQ(read("UTC", stamp, instant(seen_from)), want) << stamp << " from " << seen_from;
  };
  good("Dec 31 23:59:59", "2027-01-01T00:00:01Z", "2026-12-31T23:59:59Z");
  good("Jan  1 00:00:01", "2026-12-31T23:59:59Z", "2027-01-01T00:00:01Z");  // a clock ahead
  good("Nov 25 12:00:00", "2026-11-24T12:00:00Z", "2026-11-25T12:00:00Z");
  good("Nov 25 12:00:01", "2026-11-24T12:00:00Z", "2025-11-25T12:00:01Z");
  good("Feb 29 10:00:00", "2026-11-24T12:00:00Z", "2024-02-29T10:00:00Z");
  good("Feb 29 10:00:00", "2028-02-29T11:00:00Z", "2028-02-29T10:00:00Z");
  good("Feb 29 10:00:00", "2028-02-27T11:00:00Z", "2024-02-29T10:00:00Z");
  good("Feb 29 10:00:00", "2103-01-01T00:00:00Z", "2096-02-29T10:00:00Z");  // 2100 is none
  EXPECT_EQ(read("Pacific/Auckland", "Jan  1 00:30:00", instant("2026-12-31T11:30:00Z")),
            "2026-12-31T11:30:00Z");
  EXPECT_EQ(read("America/Los_Angeles", "Dec 31 23:30:00", instant("2027-01-01T07:30:00Z")),
            "2027-01-01T07:30:00Z");
}

TEST(StampParser, SameTextSeenFromAnotherReferenceIsReadAgain) {
  StampParser stamps = parser("UTC");
  const char* line = "Dec 31 23:59:59 relay x";
  EXPECT_EQ(stamps.parse(line, instant("2026-01-01T00:00:00Z"))->instant,
            instant("2025-12-31T23:59:59Z"));
  EXPECT_EQ(stamps.parse(line, instant("2027-01-01T00:00:00Z"))->instant,
            instant("2026-12-31T23:59:59Z"));
}

TEST(StampParser, RepeatedHourFollowsThePassAndSaysSo) {
  StampParser stamps = parser("Europe/Berlin");
  EXPECT_FALSE(stamps.parse("Oct 25 01:59:59 x", reference)->repeated);
  EXPECT_TRUE(stamps.parse("Oct 25 02:59:59 x", reference)->repeated);
  EXPECT_EQ(stamps.parse("Oct 25 02:59:59 x", reference)->instant, instant("2026-10-25T00:59:59Z"));
  const std::string state = stamps.state();
  EXPECT_EQ(stamps.parse("Oct 25 02:00:00 x", reference)->instant, instant("2026-10-25T01:00:00Z"));
  StampParser second = parser("Europe/Berlin");
  second.restore(state);
  EXPECT_EQ(second.parse("Oct 25 02:00:00 x", reference)->instant, instant("2026-10-25T01:00:00Z"));
  StampParser fresh = parser("Europe/Berlin");
  EXPECT_EQ(fresh.parse("Oct 25 02:00:00 x", reference)->instant, instant("2026-10-25T00:00:00Z"));
}

TEST(StampParser, RestoreForgetsTheRememberedText) {
  StampParser stamps = parser("Europe/Berlin");
  stamps.parse("Oct 25 02:50:00 x", reference);
  stamps.parse("Oct 25 02:10:00 x", reference);
  stamps.restore("");
  EXPECT_EQ(stamps.parse("Oct 25 02:10:00 x", reference)->instant, instant("2026-10-25T00:10:00Z"));
}

// A parser that remembers must say what a fresh one says, whatever lines come, or logs would be
// read differently after a restart.
TEST(StampParser, MemoryOfTheLastTextChangesNothing) {
  const std::string stamps[] = {"2026-11-24T06:03:14.001681+13:00 ",
                                "2026-11-24T06:03:14.001682+13:00 ",
                                "2026-11-24T06:03:145001682+13:00 ",
                                "2026-11-24T06:03:14.0016x2+13:00 ",
                                "2026-11-24T06:03:14.001+13:00 ",
                                "2026-11-24T06:03:14+13:00 ",
                                "2026-11-24T06:03:14+13:30 ",
                                "2026-11-24T06:03:14+1300 ",
                                "2026-11-24T06:03:14Z ",
                                "2026-11-24T06:03:14 ",
                                "2026-11-24T06:03:14",
                                "2026-11-24T06:03:15 ",
                                "Nov 24 06:03:14 ",
                                "Nov 24 06:03:14. ",
                                "Nov 24 06:03:14.5 ",
                                "Nov 24 06:03:14",
                                "2026 Nov 24 06:03:14 ",
                                "2025 Nov 24 06:03:14 ",
                                ""};
  std::mt19937 random(8460);
  StampParser warm = parser("Europe/Berlin");
  for (int i = 0; i < 2000; ++i) {
    const std::string& line = stamps[random() % std::size(stamps)];
    const policy::UtcSeconds seen_from = reference + std::chrono::days(300) * (random() % 2);
    StampParser cold = parser("Europe/Berlin");
    const auto want = cold.parse(line, seen_from);
    const auto have = warm.parse(line, seen_from);
    ASSERT_EQ(have.has_value(), want.has_value()) << line;
    if (!want) continue;
    ASSERT_EQ(have->instant, want->instant) << line;
    ASSERT_EQ(have->length, want->length) << line;
  }
}

TEST(StampParser, AnyBytesGiveAStampOrNone) {
  std::mt19937 random(8461);
  const std::string seed = "2026-11-24T06:03:14.001681+13:00 relay Nov 24 06:03:14 ";
  StampParser stamps = parser("Europe/Berlin");
  for (int i = 0; i < 20000; ++i) {
    std::string line = seed.substr(random() % 2 == 0 ? 0 : 39);
    for (unsigned change = random() % 4; change > 0; --change) {
      line[random() % line.size()] = static_cast<char>(random());
    }
    line.resize(random() % (line.size() + 1));
    const auto stamp =
        stamps.parse(line, policy::from_unix_seconds(static_cast<std::int64_t>(random())));
    EXPECT_LE(stamp ? stamp->length : 0, line.size());
  }
}

TEST(StampParser, UnknownZoneIsAnError) {
  EXPECT_EQ(StampParser::make("Nowhere").error().code(), policy::Errc::not_found);
}

}  // namespace
}  // namespace tlsrpt::milter
