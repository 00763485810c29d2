#include "reporter/deliver/https_reply.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace tlsrpt::reporter {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

TEST(HttpsReply, OnlyTwoHundredsAreSuccess) {
  for (long status = 200; status < 600; ++status) {
    const auto kind = judge_https_reply(status, std::nullopt).kind;
    if (status < 300) {
      EXPECT_EQ(kind, OutcomeKind::delivered) << status;
    } else if (status >= 500 || status == 408 || status == 425 || status == 429) {
      EXPECT_EQ(kind, OutcomeKind::temporary) << status;
    } else {
      EXPECT_EQ(kind, OutcomeKind::permanent) << status;
    }
  }
}

TEST(HttpsReply, PatienceIsPassedOnWhereItMakesSense) {
  EXPECT_EQ(judge_https_reply(503, seconds(120)).retry_after, seconds(120));
  EXPECT_EQ(judge_https_reply(429, seconds(7)).retry_after, seconds(7));
  EXPECT_EQ(judge_https_reply(404, seconds(120)).retry_after, std::nullopt);
  EXPECT_EQ(judge_https_reply(404, std::nullopt).text, "HTTP 404");
}

TEST(HttpsReply, ATooLargeReportIsToldApart) {
  EXPECT_TRUE(judge_https_reply(413, std::nullopt).too_large);
  EXPECT_FALSE(judge_https_reply(414, std::nullopt).too_large);
  EXPECT_FALSE(judge_https_reply(404, std::nullopt).too_large);
}

// RFC 9110, 10.2.3.
TEST(HttpsReply, ReadsRetryAfter) {
  const auto now = testing_support::at("2026-11-24T10:00:00Z");
  EXPECT_EQ(parse_retry_after("120", now), seconds(120));
  EXPECT_EQ(parse_retry_after(" 0 ", now), seconds(0));
  EXPECT_EQ(parse_retry_after("Tue, 24 Nov 2026 12:00:00 GMT", now), hours(2));
  EXPECT_EQ(parse_retry_after("Mon, 23 Nov 2026 12:00:00 GMT", now), seconds(0));
  for (const char* ages : {"4294967295", "5000000000", "99999999999999999999"}) {
    EXPECT_EQ(parse_retry_after(ages, now), hours(366 * 24)) << ages;
  }
  for (const char* bad : {"", "-5", "1.5", "soon", "12 seconds"}) {
    EXPECT_EQ(parse_retry_after(bad, now), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace tlsrpt::reporter
