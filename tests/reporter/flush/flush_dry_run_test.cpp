#include "reporter/flush/flush_dry_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "reporter/flush/flush_schedule.h"
#include "tests/support/flush_world.h"

namespace tlsrpt::reporter {
namespace {

using policy::Outcome;
using ::testing::HasSubstr;
using testing_support::report_fact;

class FlushDryRun : public testing_support::FlushWorld {
 protected:
  std::string show(bool now = false) {
    std::ostringstream out;
    const FlushClock clock(clock_, std::nullopt);
    const auto shown = show_dry_run(*store_, settings_, records_, dns_, clock, {}, now, out);
    EXPECT_TRUE(shown.ok());
    return out.str();
  }
};

TEST_F(FlushDryRun, TellsWhatWouldBeSentWhereAndWhyNot) {
  count({report_fact("a.example", Outcome::success, 2),
         report_fact("b.example", Outcome::success, 1),
         report_fact("c.example", Outcome::success, 1)});
  publish("a.example", "mailto:x@a.example,http://a.example/,https://a.example/r");
  map("c.example discard\n");
  const std::string text = show(true);
  EXPECT_THAT(text, HasSubstr("2026-11-22 a.example: report 20261122.a.example.1@relay.example "
                              "about 2 sessions\n  to mailto:x@a.example now\n"
                              "  to https://a.example/r now\n  not to: "));
  EXPECT_THAT(text, HasSubstr("2026-11-22 b.example: no report: no record\n"));
  EXPECT_THAT(text, HasSubstr("2026-11-22 c.example: report 20261122.c.example.1@relay.example "
                              "about 1 session, discarded\n"));
  EXPECT_TRUE(reports().empty());
  EXPECT_EQ(note("b.example"), "") << "nothing was changed";
  EXPECT_THAT(show(false), HasSubstr("  to mailto:x@a.example at 2026-11-23T"));
}

TEST_F(FlushDryRun, TellsThatTheRecordIsTheOneThatPostfixSaw) {
  count_seen("a.example", "v=TLSRPTv1; rua=mailto:seen@a.example");
  dns_.world().txt["_smtp._tls.a.example"] = testing_support::dns_temporary("timeout");
  EXPECT_THAT(show(true), HasSubstr("a.example: no report: temporary: timeout; after 24 h the "
                                    "record that Postfix saw counts\n"));
  close();
  clock_.advance(std::chrono::hours(24));
  EXPECT_THAT(show(true),
              HasSubstr("about 1 session, by the record that Postfix saw, as DNS failed "
                        "for 24 h: timeout\n  to mailto:seen@a.example now\n"));
}

TEST_F(FlushDryRun, TellsWhatWaits) {
  count("a.example");
  publish("a.example", "mailto:x@a.example");
  close();
  settings_.mail_transport = "directory:" + folder_.file("missing");
  deliver();
  const std::string text = show(true);
  EXPECT_THAT(text, HasSubstr("pending: report 20261122.a.example.1@relay.example to "
                              "mailto:x@a.example at 2026-11-23T00:2"));
  EXPECT_THAT(text, HasSubstr("tried 1 time: "));
  EXPECT_THAT(text, HasSubstr("missing"));
}

TEST_F(FlushDryRun, TellsWhoHasADeliveryAndWhatIsSetAside) {
  count("a.example");
  publish("a.example", "mailto:x@a.example,mailto:y@a.example,mailto:z@a.example");
  close();
  auto held = store_->claim({1, 2}, clock_.now(), std::chrono::minutes(10));
  ASSERT_EQ(held->deliveries.size(), 2U);
  ASSERT_TRUE(store_->record_attempt(set_aside(held->deliveries[1], "too odd")).ok());
  const std::string text = show(true);
  EXPECT_THAT(text, HasSubstr("x@a.example not now: another flush has it, until "
                              "2026-11-23T00:30:00Z at the latest\n"));
  EXPECT_THAT(
      text, HasSubstr("y@a.example not at all: " + std::string(set_aside_prefix()) + "too odd\n"));
  EXPECT_THAT(text, HasSubstr("z@a.example now\n"));
  clock_.advance(std::chrono::minutes(10));
  EXPECT_THAT(show(true), HasSubstr("x@a.example now\n")) << "its owner is dead";
  damage("UPDATE delivery SET set_aside_by = '0.0.1' WHERE id = 2");
  EXPECT_THAT(show(true), HasSubstr("y@a.example now\n")) << "this version will try";
}

}  // namespace
}  // namespace tlsrpt::reporter
