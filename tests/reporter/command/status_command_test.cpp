#include "reporter/command/status_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "tests/support/flush_world.h"

namespace tlsrpt::reporter {
namespace {

using policy::Outcome;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using testing_support::report_day;
using testing_support::report_fact;

class StatusCommand : public testing_support::FlushWorld {
 protected:
  std::string status(Format format) {
    CommandLine line;
    line.action = "status";
    line.format = format;
    std::ostringstream out;
    std::ostringstream err;
    EXPECT_EQ(run_status({line, settings_, clock_, out, err}), exit_ok) << err.str();
    return out.str();
  }
};

TEST_F(StatusCommand, AnEmptyStoreHasNothingToTell) {
  EXPECT_EQ(status(Format::table), "Nothing was counted yet.\n");
  EXPECT_EQ(status(Format::json),
            "{\"days\":[],\"destinations\":[],\"suppressed\":[],\"look-ups\":[],\"unreported\":[],"
            "\"damaged\":[],"
            "\"collectors\":[],\"collector-troubles\":[]}\n");
}

TEST_F(StatusCommand, TellsWhatKeepsCollectorsFromTheirWork) {
  const auto now = clock_.now();
  const std::vector<CollectorTrouble> troubles{
      {"relay1", "file:/a", "/a: no such file", now - std::chrono::hours(1), std::nullopt},
      {"relay1", "commit", "disk full", now - std::chrono::hours(3), now - std::chrono::hours(2)},
      {"relay1", "milter", "long over", {}, now - std::chrono::days(8)}};
  for (const CollectorTrouble& each : troubles)
    ASSERT_TRUE(store_->set_collector_trouble(each).ok());
  const std::string json = status(Format::json);
  EXPECT_THAT(json, HasSubstr("\"collector-troubles\":[{\"relay\":\"relay1\",\"name\":\"commit\","
                              "\"trouble\":\"disk full\",\"since\":"));
  EXPECT_THAT(json, HasSubstr("\"trouble\":\"/a: no such file\",\"since\":\"" +
                              policy::to_text(now - std::chrono::hours(1)) + "\"}]"));
  EXPECT_THAT(json, Not(HasSubstr("long over")));
  const std::string table = status(Format::table);
  EXPECT_THAT(table, HasSubstr("it lasts"));
  EXPECT_THAT(table, HasSubstr("disk full"));
}

TEST_F(StatusCommand, WithoutStoreThereIsNoInput) {
  settings_.store = "sqlite:" + folder_.file("none.sqlite");
  CommandLine line;
  std::ostringstream out;
  EXPECT_EQ(run_status({line, settings_, clock_, out, out}), exit_no_input);
  EXPECT_FALSE(std::filesystem::exists(folder_.file("none.sqlite")));
}

TEST_F(StatusCommand, TellsStatesTroublesAndCollectors) {
  count({report_fact("a.example", Outcome::success, 1),
         report_fact("b.example", Outcome::success, 1)});
  publish("a.example", "mailto:x@a.example,mailto:y@a.example");
  dns_.world().txt["_smtp._tls.b.example"] = testing_support::dns_temporary("SERVFAIL");
  close();
  settings_.mail_transport = "directory:" + folder_.file("missing");
  deliver();
  const std::string json = status(Format::json);
  EXPECT_THAT(json, HasSubstr("{\"day\":\"2026-11-22\",\"reports\":1,\"deliveries\":{\"pending\":2,"
                              "\"set-aside\":0,\"sent\":0,\"failed\":0,\"expired\":0},"
                              "\"open-domains\":1,\"set-aside-domains\":0"));
  EXPECT_THAT(json, HasSubstr("\"oldest-waiting\":\"2026-11-23T00:20:00Z\",\"next-due\":"));
  EXPECT_THAT(json, HasSubstr("{\"destination\":\"mailto:x@a.example\",\"last-error\":\""));
  EXPECT_THAT(json, HasSubstr("\"last-attempt\":\"2026-11-23T00:20:00Z\",\"pending\":1,"));
  EXPECT_THAT(json, HasSubstr("{\"day\":\"2026-11-22\",\"domain\":\"b.example\",\"note\":"
                              "\"temporary: SERVFAIL\",\"since\":\"2026-11-23T00:20:00Z\"}"));
  EXPECT_THAT(json, HasSubstr("{\"relay\":\"relay1\",\"source\":\"file:/var/log/mail.log\","
                              "\"read-until\":\"2026-11-23T00:15:00Z\",\"committed-at\":"
                              "\"2026-11-23T00:20:00Z\"}"));
  const std::string table = status(Format::table);
  EXPECT_THAT(table, HasSubstr("mailto:y@a.example"));
  EXPECT_THAT(table, HasSubstr("b.example"));
  EXPECT_THAT(table, HasSubstr("relay1"));
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100U) << line;
}

TEST_F(StatusCommand, TellsWhichReportsGoByTheRecordThatPostfixSaw) {
  count_seen("a.example", "v=TLSRPTv1; rua=mailto:seen@a.example");
  dns_.world().txt["_smtp._tls.a.example"] = testing_support::dns_temporary("timeout");
  close();
  EXPECT_THAT(status(Format::json), HasSubstr("after 24 h the record that Postfix saw counts"));
  EXPECT_THAT(status(Format::json), HasSubstr("\"reports-by-seen-record\":0"));
  clock_.advance(std::chrono::hours(24));
  close();
  EXPECT_THAT(status(Format::json), HasSubstr("\"reports-by-seen-record\":1"));
  EXPECT_THAT(status(Format::table), HasSubstr("By the record that Postfix saw, as DNS failed for "
                                               "24 h: 1 of the reports of 2026-11-22\n"));
}

TEST_F(StatusCommand, NamesTheCollectorThatADayWaitsFor) {
  count({report_fact("a.example", Outcome::success, 1)}, "2026-11-22T21:00:00Z");
  EXPECT_THAT(status(Format::json), HasSubstr("\"why-open\":\"waits for relay1"));
  EXPECT_THAT(status(Format::table), HasSubstr("waits for relay1"));
}

TEST_F(StatusCommand, TellsWhatWasDroppedAndEscapesIt) {
  Batch batch;
  batch.relay = "relay1";
  batch.source = "file:/var/log/mail.log";
  batch.committed_at = clock_.now();
  batch.ignored[{report_day, policy::Ignored::relay}] = 12;
  batch.not_understood = {{report_day, "odd \x1b[31mline"}};
  ASSERT_TRUE(store_->commit(batch).ok());
  for (const Format format : {Format::json, Format::table}) {
    const std::string text = status(format);
    EXPECT_THAT(text, HasSubstr("relay"));
    EXPECT_THAT(text, HasSubstr("12"));
    EXPECT_THAT(text, HasSubstr("{1b}[31mline"));
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  }
}

TEST_F(StatusCommand, TellsThatTheQueueOfDatagramsWasFull) {
  EXPECT_THAT(status(Format::json), Not(HasSubstr("datagram-queue-full")));
  Batch batch;
  batch.relay = "relay1";
  batch.source = "none";
  batch.lost_datagrams = {{{report_day, policy::DatagramLoss::not_json}, {3, clock_.now()}},
                          {{report_day, policy::DatagramLoss::queue_full}, {17, clock_.now()}}};
  ASSERT_TRUE(store_->commit(batch).ok());
  EXPECT_THAT(status(Format::json),
              HasSubstr("\"lost-datagrams\":{\"not-json\":3,\"queue-full\":17}"));
  EXPECT_THAT(status(Format::table), HasSubstr("2026-11-22  not-json"));
  EXPECT_THAT(status(Format::json), AllOf(HasSubstr("datagram-queue-full"), HasSubstr("17")));
  EXPECT_THAT(status(Format::table), HasSubstr("found full 17 times"));
}

TEST_F(StatusCommand, TellsHowManyQueueIdsWereForgotten) {
  EXPECT_THAT(status(Format::json), Not(HasSubstr("forgotten-queue-ids")));
  EXPECT_THAT(status(Format::table), Not(HasSubstr("forgotten")));
  Batch batch;
  batch.relay = "relay1";
  batch.source = "none";
  batch.forgotten_queue_ids = {{report_day, {0, 17, clock_.now()}}};
  ASSERT_TRUE(store_->commit(batch).ok());
  EXPECT_THAT(status(Format::json),
              HasSubstr("\"forgotten-queue-ids\":{\"of-reports\":0,\"of-lookalikes\":17,"));
  EXPECT_THAT(status(Format::table),
              AllOf(HasSubstr("of mail that imitates our reports     17  "),
                    Not(HasSubstr("of our reports, whose")), HasSubstr("no room for them")));
}

TEST_F(StatusCommand, TellsWhatWasSetAside) {
  count("a.example");
  count("b.example");
  publish("a.example", "mailto:x@a.example,mailto:y@a.example");
  publish("b.example", "mailto:x@b.example");
  damage(
      "UPDATE fact SET outcome = 99 WHERE domain = (SELECT id FROM text WHERE value = "
      "'b.example')");
  close();
  auto aside = deliveries().at(0);
  aside.set_aside_by = TLSRPT_VERSION;
  aside.last_error = "set aside: odd";
  ASSERT_TRUE(store_->record_attempt(aside).ok());
  EXPECT_THAT(status(Format::json),
              AllOf(HasSubstr("\"deliveries\":{\"pending\":1,\"set-aside\":1,\"sent\":0,"),
                    HasSubstr("\"open-domains\":1,\"set-aside-domains\":1"),
                    HasSubstr("\"last-error\":\"set aside: odd\"")));
  EXPECT_THAT(status(Format::table), AllOf(HasSubstr("Set aside"), HasSubstr("1 set aside, see"),
                                           HasSubstr("set aside by " TLSRPT_VERSION)));
}

TEST_F(StatusCommand, TellsHowMuchItLeavesOutAndBeginsWithWhatIsSetAside) {
  std::vector<policy::Fact> facts;
  for (int i = 10; i < 70; ++i) {
    const std::string domain = "d" + std::to_string(i) + ".example";
    facts.push_back(report_fact(domain, Outcome::success, 1));
    dns_.world().txt["_smtp._tls." + domain] = testing_support::dns_temporary("SERVFAIL");
  }
  count(facts);
  damage(
      "UPDATE fact SET outcome = 99 WHERE domain = (SELECT id FROM text WHERE value = "
      "'d69.example')");
  publish("d69.example", "mailto:x@d69.example");
  close();
  const std::string json = status(Format::json);
  EXPECT_THAT(json, ContainsRegex("\"look-ups\":\\[\\{\"day\":\"2026-11-22\",\"domain\":\"d69"));
  EXPECT_THAT(json, AllOf(HasSubstr("d10.example"), HasSubstr("d68.example")));
  const std::string table = status(Format::table);
  EXPECT_THAT(table, AllOf(HasSubstr("d69.example"), HasSubstr("d58.example"),
                           HasSubstr("\n... and 10 more; --format json has all of them\n")));
  EXPECT_THAT(table, Not(HasSubstr("d59.example")));
}

TEST_F(StatusCommand, DestinationsThatWaitForSomebodyComeFirst) {
  for (int i = 10; i < 70; ++i) {
    const std::string domain = "d" + std::to_string(i) + ".example";
    count(domain);
    publish(domain, "mailto:x" + std::to_string(i) + "@a.example");
  }
  close();
  damage(
      "UPDATE delivery SET last_error = 'busy', last_attempt = 1795392000, attempts = 1; "
      "UPDATE delivery SET last_attempt = NULL, set_aside_by = '" TLSRPT_VERSION
      "' WHERE destination LIKE '%x69@%'; "
      "UPDATE delivery SET state = 3 WHERE destination LIKE '%x68@%'");
  EXPECT_THAT(
      status(Format::json),
      ContainsRegex("\"destinations\":\\[\\{\"destination\":\"mailto:x69@[^}]*\"pending\":0,"
                    "\"set-aside\":1,\"given-up\":0\\},\\{\"destination\":\"mailto:x68@"));
  const std::string table = status(Format::table);
  EXPECT_THAT(table, AllOf(HasSubstr("mailto:x69@a.example"), HasSubstr("mailto:x68@a.example"),
                           HasSubstr("... and 10 more")));
}

TEST_F(StatusCommand, TellsThatNoMailLeaves) {
  count("a.example");
  publish("a.example", "mailto:x@a.example");
  close();
  settings_.mail_transport = "sendmail:/nonexistent/sendmail";
  deliver();
  EXPECT_THAT(status(Format::json),
              ContainsRegex("\"mail-trouble\":\"[^\"]*/nonexistent/sendmail"));
  EXPECT_THAT(status(Format::table), HasSubstr("No report by mail was accepted in the last day: "));
  clock_.advance(std::chrono::hours(25));
  EXPECT_THAT(status(Format::json), Not(HasSubstr("mail-trouble")));
}

TEST_F(StatusCommand, TellsWhatNoReportWillHoldAndLateSessionsAsLate) {
  auto old = report_fact("a.example", Outcome::success, 5);
  old.day -= std::chrono::days(9);
  count({old, report_fact("b.example", Outcome::success, 2)});
  close();
  EXPECT_THAT(
      status(Format::json),
      AllOf(HasSubstr("\"open-domains\":0,\"set-aside-domains\":0,\"ignored\":{\"late\":5}"),
            HasSubstr("\"unreported\":[{\"day\":\"2026-11-13\",\"reason\":\"late: older than "
                      "report_max_age\",\"domains\":1,\"sessions\":5},{\"day\":\"2026-11-22\","
                      "\"reason\":\"no record\",\"domains\":1,\"sessions\":2}]")));
  const std::string table = status(Format::table);
  EXPECT_THAT(table, ContainsRegex("2026-11-13  late +5\n"));
  EXPECT_THAT(table, ContainsRegex("2026-11-22  no record +1 +2\n"));
}

TEST_F(StatusCommand, DamageHidesOnlyWhatIsDamaged) {
  count("a.example");
  count("b.example");
  damage(
      "UPDATE domain_day SET last_revision = -1 WHERE domain = (SELECT id FROM text WHERE "
      "value = 'a.example'); UPDATE collector SET committed_at = 9223372036854775807; "
      "INSERT INTO ignored (day, kind, sessions) SELECT day, 99, 1 FROM day; "
      "INSERT INTO lost_datagram (day, kind, count, last) SELECT day, 1, 7, day * 86400 FROM day; "
      "INSERT INTO day (day, domains) VALUES (26062518628, 0)");
  const std::string json = status(Format::json);
  EXPECT_THAT(json, HasSubstr("\"open-domains\":2,\"set-aside-domains\":1"));
  EXPECT_THAT(json, HasSubstr("days: damaged row: day 26062518628 is out of range"));
  EXPECT_THAT(json, ContainsRegex("\"lost-datagrams\":\\{\"[a-z0-9-]+\":7\\}"));
  EXPECT_THAT(json, HasSubstr("\"damaged\":[\"collectors: damaged row: committed_at"));
  EXPECT_THAT(json, HasSubstr("\"ignored sessions of 2026-11-22: damaged row: kind is unknown\""));
  EXPECT_THAT(json, HasSubstr("a.example): damaged row: last_revision -1 is out of range"));
  EXPECT_THAT(status(Format::table), HasSubstr("Damaged in the store"));
}

}  // namespace
}  // namespace tlsrpt::reporter
