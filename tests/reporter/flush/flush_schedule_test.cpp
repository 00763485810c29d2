#include "reporter/flush/flush_schedule.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "reporter/options/option_table.h"
#include "tests/support/fake_clock.h"

namespace tlsrpt::reporter {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing_support::at;
using testing_support::day;

const policy::UtcDay the_day = day("2026-11-22");

CollectorInfo collector(const std::string& relay, const std::string& read_until,
                        const std::string& committed_at) {
  CollectorInfo info;
  info.relay = relay;
  info.source = "file:/var/log/mail.log";
  if (!read_until.empty()) info.read_until = at(read_until);
  info.committed_at = at(committed_at);
  return info;
}

TEST(FlushSchedule, ADayClosesWhenAllCollectorsHaveReadPastIt) {
  const Settings settings = default_settings();
  const auto open = [&](const char* now, const std::vector<CollectorInfo>& collectors) {
    return why_open(the_day, at(now), settings, collectors);
  };
  const auto past = collector("one", "2026-11-23T00:10:00Z", "2026-11-23T00:11:00Z");
  const auto behind = collector("two", "2026-11-23T00:09:59Z", "2026-11-23T00:11:00Z");
  const auto nowhere = collector("three", "", "2026-11-23T00:11:00Z");
  EXPECT_NE(open("2026-11-22T23:59:59Z", {past}), "");
  EXPECT_NE(open("2026-11-23T00:09:59Z", {past}), "") << "day_grace";
  EXPECT_EQ(open("2026-11-23T00:11:00Z", {past}), "");
  EXPECT_EQ(open("2026-11-23T00:11:00Z", {}), "") << "nobody to wait for";
  EXPECT_NE(open("2026-11-23T00:11:00Z", {past, behind}).find("waits for two"), std::string::npos);
  EXPECT_NE(open("2026-11-23T00:11:00Z", {nowhere}).find("three"), std::string::npos);
  EXPECT_NE(open("2026-11-23T05:59:59Z", {behind}), "");
  EXPECT_EQ(open("2026-11-23T06:00:00Z", {behind}), "") << "close_latest";
  // Not written for more than a day: it is gone.
  const auto gone = collector("gone", "2026-11-20T00:00:00Z", "2026-11-22T00:10:59Z");
  EXPECT_EQ(open("2026-11-23T00:11:00Z", {past, gone}), "");
}

TEST(FlushSchedule, DaysBeyondReportMaxAgeAreLate) {
  const Settings settings = default_settings();
  EXPECT_FALSE(is_late(the_day, at("2026-11-30T00:00:00Z"), settings));
  EXPECT_TRUE(is_late(the_day, at("2026-11-30T00:00:01Z"), settings));
}

TEST(FlushSchedule, TheSpreadIsSteadyAndEven) {
  EXPECT_EQ(spread_offset("Us", "a.example", hours(4)), spread_offset("Us", "a.example", hours(4)));
  EXPECT_EQ(spread_offset("Us", "a.example", seconds(0)), seconds(0));
  std::array<int, 16> buckets{};
  int moved = 0;
  constexpr int domains = 8000;
  for (int i = 0; i < domains; ++i) {
    const std::string domain = "d" + std::to_string(i) + ".example";
    const seconds offset = spread_offset("Us", domain, hours(4));
    ASSERT_GE(offset, seconds(0));
    ASSERT_LT(offset, hours(4));
    ++buckets.at(static_cast<std::size_t>(offset / minutes(15)));
    if (spread_offset("Others", domain, hours(4)) != offset) ++moved;
  }
  EXPECT_GT(moved, domains - 20) << "each organisation has moments of its own";
  for (const int bucket : buckets) {
    EXPECT_NEAR(bucket, domains / 16, 5 * 22) << "five standard deviations";
  }
}

TEST(FlushSchedule, RetriesBackOffWithinTheirBounds) {
  Settings settings = default_settings();
  settings.retry_min = minutes(5);
  settings.retry_max = hours(4);
  for (unsigned attempts = 1; attempts < 40; ++attempts) {
    const seconds nominal = attempts < 7 ? seconds(300 * (1 << (attempts - 1))) : seconds(hours(4));
    for (const char* key : {"1 mailto:a@b.example", "2 mailto:a@b.example", "3 https://x/"}) {
      const seconds delay = retry_delay(attempts, key, settings);
      EXPECT_GE(delay, nominal * 3 / 4) << attempts;
      EXPECT_LE(delay, nominal * 5 / 4) << attempts;
    }
  }
  EXPECT_NE(retry_delay(3, "1", settings), retry_delay(3, "2", settings)) << "jitter";
  EXPECT_EQ(retry_delay(3, "1", settings), retry_delay(3, "1", settings));
}

class AfterAttempt : public ::testing::Test {
 protected:
  Delivery attempt(Delivery delivery, OutcomeKind kind, const char* now,
                   std::optional<seconds> retry_after = std::nullopt) {
    return after_attempt(std::move(delivery), {kind, "text", retry_after, false}, at(now), at(now),
                         settings_);
  }
  static Delivery to(const std::string& destination) {
    Delivery delivery;
    delivery.report_id = 7;
    delivery.destination = destination;
    return delivery;
  }

  Settings settings_ = default_settings();
};

TEST_F(AfterAttempt, SuccessIsTheEnd) {
  const Delivery done =
      attempt(to("mailto:a@b.example"), OutcomeKind::delivered, "2026-11-23T01:00:00Z");
  EXPECT_EQ(done.state, DeliveryState::sent);
  EXPECT_EQ(done.attempts, 1U);
  EXPECT_EQ(done.first_attempt, at("2026-11-23T01:00:00Z"));
}

TEST_F(AfterAttempt, MailRefusedForGoodIsTheEnd) {
  const Delivery done =
      attempt(to("mailto:a@b.example"), OutcomeKind::permanent, "2026-11-23T01:00:00Z");
  EXPECT_EQ(done.state, DeliveryState::failed);
  EXPECT_EQ(done.last_error, "text");
}

TEST_F(AfterAttempt, WhatIsTooLargeIsDueAtOnceInItsSmallestForm) {
  for (const char* destination : {"mailto:x@a.example", "https://a.example/"}) {
    const auto now = at("2026-11-23T01:00:00Z");
    DeliveryOutcome refused = permanent_outcome("552 too big");
    refused.too_large = true;
    const Delivery again = after_attempt(to(destination), refused, now, now, settings_);
    EXPECT_EQ(again.state, DeliveryState::pending);
    EXPECT_TRUE(again.is_smallest);
    EXPECT_EQ(again.not_before, now);
    const Delivery failed = after_attempt(again, refused, now, now, settings_);
    EXPECT_EQ(failed.state, DeliveryState::failed) << destination;
    EXPECT_EQ(failed.last_error, "in its smallest form, too: 552 too big");
  }
}

TEST_F(AfterAttempt, WhatIsGivenUpWasNotTried) {
  const auto now = at("2026-11-23T01:00:00Z");
  const Delivery failed = give_up(to("mailto:a@b.example"), "suppressed", now);
  EXPECT_EQ(failed.state, DeliveryState::failed);
  EXPECT_EQ(failed.last_error, "suppressed");
  EXPECT_EQ(failed.attempts, 0U);
  EXPECT_EQ(failed.last_attempt, now);
}

TEST_F(AfterAttempt, HttpsRefusedForGoodIsAskedThreeTimes) {
  Delivery delivery = to("https://r.example/");
  for (const char* now : {"2026-11-23T01:00:00Z", "2026-11-23T02:00:00Z"}) {
    delivery = attempt(std::move(delivery), OutcomeKind::permanent, now);
    EXPECT_EQ(delivery.state, DeliveryState::pending);
    EXPECT_GT(delivery.not_before, at(now));
  }
  delivery = attempt(std::move(delivery), OutcomeKind::permanent, "2026-11-23T03:00:00Z");
  EXPECT_EQ(delivery.state, DeliveryState::failed);
}

// RFC 8460, 5.5: for up to 24 hours after the first attempt.
TEST_F(AfterAttempt, TemporaryFailuresAreTriedUntilTheLifetimeIsOver) {
  Delivery delivery = to("mailto:a@b.example");
  policy::UtcSeconds now = at("2026-11-23T01:00:00Z");
  const policy::UtcSeconds end = now + settings_.delivery_lifetime;
  while (delivery.state == DeliveryState::pending) {
    const policy::UtcSeconds before = now;
    delivery = after_attempt(std::move(delivery), temporary_outcome("busy"), now, now, settings_);
    now = delivery.not_before;
    ASSERT_TRUE(delivery.state != DeliveryState::pending || now > before);
    ASSERT_LE(now, end);
    ASSERT_LT(delivery.attempts, 100U);
  }
  EXPECT_EQ(delivery.state, DeliveryState::expired);
  EXPECT_EQ(delivery.last_attempt, end) << "the last chance is at the very end";
  EXPECT_GE(delivery.attempts, 10U);
}

// What our own transport does not take says nothing about the receiver.
TEST_F(AfterAttempt, LifetimeBeginsWhenOurTransportTakesMail) {
  Delivery delivery = to("mailto:a@b.example");
  delivery.created_at = at("2026-11-23T00:15:00Z");
  policy::UtcSeconds now = delivery.created_at;
  const policy::UtcSeconds end = now + settings_.report_max_age;
  unsigned attempts = 0;
  EXPECT_FALSE(was_never_taken(delivery));
  while (now < end) {
    delivery = not_taken(std::move(delivery), host_failure("not there"), now, now, settings_);
    ASSERT_EQ(delivery.state, DeliveryState::pending);
    ASSERT_GT(delivery.not_before, now);
    EXPECT_EQ(delivery.attempts, ++attempts);
    EXPECT_FALSE(delivery.first_attempt);
    EXPECT_EQ(delivery.last_attempt, now);
    EXPECT_TRUE(was_never_taken(delivery));
    now = delivery.not_before;
  }
  EXPECT_LT(attempts, 80U) << "ever more slowly";
  EXPECT_EQ(not_taken(delivery, host_failure("not there"), now, end - seconds(1), settings_).state,
            DeliveryState::pending)
      << "not by a clock that is not believed";
  EXPECT_EQ(put_off(delivery, host_failure("not there"), now, now, settings_).state,
            DeliveryState::expired);
  Settings hasty = settings_;
  hasty.report_max_age = hours(1);
  const policy::UtcSeconds later = delivery.created_at + hours(2);
  EXPECT_EQ(put_off(delivery, host_failure("not there"), later, later, hasty).state,
            DeliveryState::pending)
      << "not before delivery_lifetime is over";
  delivery = not_taken(std::move(delivery), host_failure("not there"), now, now, settings_);
  EXPECT_EQ(delivery.state, DeliveryState::expired);
  EXPECT_EQ(delivery.last_error, "not there");
}

TEST_F(AfterAttempt, RetryAfterIsHonouredWithinTheLifetime) {
  const char* now = "2026-11-23T01:00:00Z";
  const auto patient =
      attempt(to("https://r.example/"), OutcomeKind::temporary, now, seconds(hours(2)));
  EXPECT_EQ(patient.not_before, at(now) + hours(2));
  const auto hasty = attempt(to("https://r.example/"), OutcomeKind::temporary, now, seconds(1));
  EXPECT_GE(hasty.not_before, at(now) + settings_.retry_min * 3 / 4);
  const auto never =
      attempt(to("https://r.example/"), OutcomeKind::temporary, now, seconds(hours(90)));
  EXPECT_EQ(never.not_before, at(now) + settings_.delivery_lifetime);
}

}  // namespace
}  // namespace tlsrpt::reporter
