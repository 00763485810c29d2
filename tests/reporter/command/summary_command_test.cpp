#include "reporter/command/summary_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "reporter/command/table.h"
#include "reporter/store/store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/random_report.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

using policy::Outcome;
using ::testing::HasSubstr;
using ::testing::Not;
using testing_support::report_day;
using testing_support::report_fact;

class SummaryCommand : public ::testing::Test {
 protected:
  SummaryCommand() {
    settings_ = testing_support::report_settings();
    settings_.store = "sqlite:" + folder_.file("store.sqlite");
    settings_.max_facts = 2000;
    settings_.max_domains = 200'000;
    line_.action = "summary";
    line_.format = Format::json;
  }

  Batch batch(std::vector<policy::Fact> facts) {
    Batch batch;
    batch.relay = "relay1";
    batch.source = "file:mail.log";
    batch.committed_at = clock_.now();
    batch.facts = std::move(facts);
    return batch;
  }

  void commit(const Batch& batch) {
    auto store = open_store(settings_.store, StoreAccess::collector, {});
    ASSERT_TRUE(store.ok()) << store.error().message();
    const auto committed = (*store)->commit(batch);
    ASSERT_TRUE(committed.ok()) << committed.error().message();
  }

  // Runs the command; its output is in out_ and err_.
  int run() {
    out_.str("");
    err_.str("");
    return run_summary({line_, settings_, clock_, out_, err_});
  }

  std::string json() {
    line_.format = Format::json;
    EXPECT_EQ(run(), exit_ok) << err_.str();
    return out_.str();
  }

  std::string tables() {
    line_.format = Format::table;
    EXPECT_EQ(run(), exit_ok) << err_.str();
    return out_.str();
  }

  testing_support::TempDir folder_;
  testing_support::FakeClock clock_{"2026-11-22T18:00:00Z"};
  Settings settings_;
  CommandLine line_;
  std::ostringstream out_;
  std::ostringstream err_;
};

const std::string no_ignored =
    R"("ignored":{"report-mail":0,"report-mail-untrusted":0,"tls-unknown":0,"tls-not-wanted":0,)"
    R"("other-port":0,"private-address":0,"relay":0,"address-literal":0,"invalid-domain":0,)"
    R"("ignored-domain":0,"before-ehlo":0,"local-fault":0,"unattributed":0,"not-understood":0,)"
    R"("late":0,"over-limit":0})";

TEST_F(SummaryCommand, WithoutStoreThereIsNoInputAndNoneIsMade) {
  EXPECT_EQ(run(), exit_no_input);
  EXPECT_THAT(err_.str(), HasSubstr("store.sqlite"));
  EXPECT_FALSE(std::filesystem::exists(folder_.file("store.sqlite")));
}

TEST_F(SummaryCommand, AnEmptyDayHasNoDomains) {
  commit(batch({report_fact("a.example", Outcome::success, 1)}));
  line_.day = report_day - std::chrono::days(1);
  EXPECT_EQ(json(), R"({"day":"2026-11-21","domains":[],)" + no_ignored + "}\n");
  EXPECT_EQ(tables(), "2026-11-21 (UTC): 0 sessions, 0 domains\n");
}

TEST_F(SummaryCommand, WithoutDayItIsToday) {
  commit(batch({report_fact("a.example", Outcome::success, 3)}));
  EXPECT_EQ(
      json(),
      R"({"day":"2026-11-22","domains":[{"domain":"a.example","messages":3,"policies":)"
      R"([{"policy":{"policy-type":"no-policy-found","policy-domain":"a.example"},)"
      R"("summary":{"total-successful-session-count":3,"total-failure-session-count":0}}]}],)" +
          no_ignored + "}\n");
}

TEST_F(SummaryCommand, DomainsAreSortedAndOneCanBeChosen) {
  commit(batch({report_fact("b.example", Outcome::success, 1),
                report_fact("a.example", Outcome::success, 1)}));
  const std::string both = json();
  EXPECT_LT(both.find("a.example"), both.find("b.example"));
  line_.domain = "b.example";
  EXPECT_THAT(json(), Not(HasSubstr("a.example")));
  line_.domain = "c.example";
  EXPECT_THAT(json(), HasSubstr(R"("domains":[])"));
}

TEST_F(SummaryCommand, SupplementsAreMerged) {
  commit(batch({report_fact("a.example", Outcome::success, 3)}));
  {
    auto store = open_store(settings_.store, StoreAccess::reporter, {});
    ASSERT_TRUE(store.ok());
    StoredReport report;
    report.day = report_day;
    report.domain = "a.example";
    report.revision = 1;
    report.report_id = "20261122.a.example.1@relay.example";
    ASSERT_TRUE((*store)->close_day(report, {}, 3, {}).ok());
  }
  commit(batch({report_fact("a.example", Outcome::success, 4)}));
  EXPECT_THAT(json(), HasSubstr(R"("messages":7)"));
  EXPECT_THAT(json(), HasSubstr(R"("total-successful-session-count":7)"));
}

TEST_F(SummaryCommand, EveryIgnoredKindIsCountedUnderItsName) {
  Batch counts = batch({});
  std::uint64_t number = 1;
  for (const auto kind : policy::all_ignored()) counts.ignored[{report_day, kind}] = number++;
  commit(counts);
  const std::string text = json();
  number = 1;
  for (const auto kind : policy::all_ignored()) {
    EXPECT_THAT(text, HasSubstr("\"" + std::string(policy::to_text(kind)) +
                                "\":" + std::to_string(number++)));
  }
  EXPECT_THAT(tables(), HasSubstr("over-limit                   16\n"));
}

TEST_F(SummaryCommand, UnprovenPlaintextIsUnknownUntilTlsLinesProveIt) {
  policy::Fact unproven = report_fact("a.example", Outcome::no_tls_seen, 5);
  unproven.minute = 600;
  Batch first = batch({unproven});
  first.ignored[{report_day, policy::Ignored::tls_unknown}] = 2;
  commit(first);
  EXPECT_THAT(json(), HasSubstr(R"("tls-unknown":7)"));
  EXPECT_THAT(json(), HasSubstr(R"("domains":[])"));
  line_.all = true;
  EXPECT_THAT(json(), HasSubstr(R"("domains":[{"domain":"a.example","messages":0,"policies":[],)"
                                R"("unreported":[{"why":"tls-unknown","sending-mta-ip":)"
                                R"("192.0.2.25","receiving-mx-hostname":"mx.a.example",)"
                                R"("receiving-ip":"198.51.100.1","sessions":5,"messages":5,)"));
  EXPECT_THAT(tables(), HasSubstr("unknown  tls-unknown, not reported"));
  line_.all = false;
  Batch proof = batch({});
  const policy::UtcSeconds seen = report_day + std::chrono::hours(12);
  proof.tls_logged.push_back({"relay1", "postfix/smtp", seen, seen});
  commit(proof);
  EXPECT_THAT(json(), HasSubstr(R"("tls-unknown":2)"));
  EXPECT_THAT(json(), HasSubstr(R"("result-type":"starttls-not-supported")"));
}

TEST_F(SummaryCommand, PlaintextThatIsNotReportedIsOnlyShownWithAll) {
  settings_.report_plaintext = false;
  commit(batch({report_fact("a.example", Outcome::success, 1),
                report_fact("a.example", Outcome::no_tls_seen, 6, "starttls-not-offered")}));
  EXPECT_THAT(json(), Not(HasSubstr("starttls-not-")));
  EXPECT_THAT(tables(), Not(HasSubstr("starttls-not-")));
  EXPECT_THAT(json(), HasSubstr(R"("messages":1,)"));
  line_.all = true;
  EXPECT_THAT(json(), HasSubstr(R"("why":"plaintext")"));
  EXPECT_THAT(tables(), HasSubstr("plaintext, not reported"));
}

TEST_F(SummaryCommand, NotUnderstoodLinesAreShownEscapedWithAll) {
  Batch odd = batch({});
  odd.not_understood.push_back({report_day, "postfix/smtp[1]: what \x1b[31m"});
  commit(odd);
  EXPECT_THAT(tables(), Not(HasSubstr("postfix/smtp[1]")));
  line_.all = true;
  EXPECT_THAT(tables(), HasSubstr("  postfix/smtp[1]: what \\u{1b}[31m\n"));
  EXPECT_THAT(json(), HasSubstr(R"("not-understood":["postfix/smtp[1]: what \\u{1b}[31m"])"));
}

TEST_F(SummaryCommand, TheTableHasTheColumnsOfTheGuide) {
  policy::Fact sts = report_fact("a.example", Outcome::certificate_expired, 2);
  sts.policy = {policy::PolicyType::sts, "a.example", {}, {}};
  sts.messages = 0;
  commit(batch({report_fact("a.example", Outcome::success, 3), sts,
                report_fact("a.example", Outcome::validation_failure, 1, "tls-handshake-failure"),
                report_fact("b.example", Outcome::success, 1)}));
  EXPECT_EQ(
      tables(),
      "2026-11-22 (UTC): 7 sessions, 2 domains\n"
      "\n"
      "a.example: 6 sessions, 4 messages\n"
      "  sts a.example: 0 successful, 2 failed\n"
      "    Sending IP  MX host       Sessions  Messages  TLS     Failure type         Reason\n"
      "    192.0.2.25  mx.a.example         2         0  failed  certificate-expired\n"
      "  no-policy-found a.example: 3 successful, 1 failed\n"
      "    Sending IP  MX host       Sessions  Messages  TLS     Failure type        Reason\n"
      "    192.0.2.25  mx.a.example         3         3  ok\n"
      "    192.0.2.25  mx.a.example         1         1  failed  validation-failure  "
      "tls-handshake-failure\n"
      "\n"
      "b.example: 1 session, 1 message\n"
      "  no-policy-found b.example: 1 successful, 0 failed\n"
      "    Sending IP  MX host       Sessions  Messages  TLS  Failure type  Reason\n"
      "    192.0.2.25  mx.b.example         1         1  ok\n");
}

TEST_F(SummaryCommand, TablesFitHundredColumnsWhateverStrangersChose) {
  testing_support::RandomReports random(6);
  std::vector<policy::Fact> facts;
  const std::string domain = random.domain();
  for (int i = 0; i < 100; ++i) facts.push_back(random.fact(domain));
  for (auto& fact : facts) fact.domain = "a.example";
  commit(batch(facts));
  line_.all = true;
  std::istringstream lines(tables());
  for (std::string text; std::getline(lines, text);) {
    EXPECT_TRUE(text.find('\x1b') == std::string::npos);
    if (text.starts_with("    ")) {
      EXPECT_LE(display_width(text), table_width) << text;
    }
  }
}

}  // namespace
}  // namespace tlsrpt::reporter
