#include "reporter/report/report_maker.h"

#include <gtest/gtest.h>

#include <set>

#include "reporter/flush/flush_schedule.h"
#include "reporter/report/gzip.h"
#include "tests/support/flush_world.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Outcome;
using testing_support::report_day;
using testing_support::report_fact;

class ReportMakerTest : public testing_support::FlushWorld {
 protected:
  policy::Result<MadeReport> make(const std::string& domain, const std::string& record) {
    Discovery discovery;
    discovery.outcome = DiscoveryOutcome::record;
    discovery.record = *policy::parse_tlsrpt_record(record);
    return maker_.make(report_day, domain, 1, discovery, clock_.now());
  }
  ReportMaker maker_{*store_, settings_};
};

TEST(RandomToken, Is128BitsAndNeverTheSame) {
  std::set<std::string> tokens;
  for (int i = 0; i < 100; ++i) {
    const std::string token = random_token();
    EXPECT_EQ(token.size(), 32U);
    EXPECT_EQ(token.find_first_not_of("0123456789abcdef"), std::string::npos);
    tokens.insert(token);
  }
  EXPECT_EQ(tokens.size(), 100U);
}

TEST_F(ReportMakerTest, EveryDestinationIsADeliveryOfItsOwn) {
  count("a.example", 3);
  const auto made = make(
      "a.example", "v=TLSRPTv1; rua=mailto:x@a.example,https://a.example/r,mailto:y%2Cz@a.example");
  ASSERT_TRUE(made.ok()) << made.error().message();
  EXPECT_EQ(made->report.report_id, "20261122.a.example.1@relay.example");
  EXPECT_EQ(made->sessions_seen, 3U);
  ASSERT_GE(made->deliveries.size(), 3U);
  EXPECT_EQ(made->deliveries[0].destination, "mailto:x@a.example");
  EXPECT_EQ(made->deliveries[1].destination, "https://a.example/r");
  EXPECT_TRUE(made->deliveries[0].message_id.starts_with("<tlsrpt.20261122.a.example.1.1."));
  EXPECT_TRUE(made->deliveries[0].message_id.ends_with("@relay.example>"));
  EXPECT_EQ(made->deliveries[1].message_id, "");
  for (const Delivery& each : made->deliveries) {
    EXPECT_EQ(each.not_before, clock_.now() + spread_offset("Example Relay", "a.example",
                                                            settings_.delivery_spread));
  }
}

TEST_F(ReportMakerTest, TheArchiveGetsACopyWithTheSameMessageId) {
  settings_.bcc = "archive@relay.example";
  count("a.example");
  const auto mailed = make("a.example", "v=TLSRPTv1; rua=https://a.example/,mailto:x@a.example");
  ASSERT_TRUE(mailed.ok());
  ASSERT_EQ(mailed->deliveries.size(), 3U);
  EXPECT_EQ(mailed->deliveries[2].destination, "bcc:archive@relay.example");
  EXPECT_EQ(mailed->deliveries[2].message_id, mailed->deliveries[1].message_id);
  const auto posted = make("a.example", "v=TLSRPTv1; rua=https://a.example/");
  ASSERT_TRUE(posted.ok());
  ASSERT_EQ(posted->deliveries.size(), 2U);
  EXPECT_TRUE(posted->deliveries[1].message_id.starts_with("<tlsrpt.20261122.a.example.1.2."));
}

TEST_F(ReportMakerTest, DiscardIsAReportWithoutDeliveries) {
  settings_.bcc = "archive@relay.example";
  count("a.example");
  const auto made = maker_.make(report_day, "a.example", 1,
                                {DiscoveryOutcome::discard, {}, "", false}, clock_.now());
  ASSERT_TRUE(made.ok());
  EXPECT_TRUE(made->deliveries.empty());
  EXPECT_TRUE(gzip_decompress(made->report.json_gz, 1 << 20).ok());
}

TEST_F(ReportMakerTest, PlaintextWithoutProofIsNoReportYet) {
  policy::Fact fact = report_fact("a.example", Outcome::no_tls_seen, 2);
  fact.minute = 600;
  count({fact});
  const auto none = make("a.example", "v=TLSRPTv1; rua=mailto:x@a.example");
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code(), Errc::not_found);
  EXPECT_TRUE(maker_.has_undecided());

  Batch proof;
  proof.relay = "relay1";
  proof.source = "file:/var/log/mail.log";
  proof.committed_at = clock_.now();
  proof.tls_logged = {{"relay1", "postfix/smtp", testing_support::at("2026-11-22T20:00:00Z"),
                       testing_support::at("2026-11-22T20:00:00Z")}};
  ASSERT_TRUE(store_->commit(proof).ok());
  const auto made = make("a.example", "v=TLSRPTv1; rua=mailto:x@a.example");
  ASSERT_TRUE(made.ok()) << made.error().message();
  EXPECT_EQ(made->sessions_seen, 2U);
  EXPECT_EQ(made->proven.size(), 1U);
  EXPECT_TRUE(
      store_->close_day(made->report, made->deliveries, made->sessions_seen, made->proven).ok());
}

TEST_F(ReportMakerTest, NothingAtAllIsNothingToReport) {
  const auto none = make("a.example", "v=TLSRPTv1; rua=mailto:x@a.example");
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code(), Errc::not_found);
  EXPECT_FALSE(maker_.has_undecided());
}

}  // namespace
}  // namespace tlsrpt::reporter
