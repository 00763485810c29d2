#include "reporter/flush/flush_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "reporter/flush/flush_clock.h"
#include "tests/support/flush_world.h"
#include "tests/support/unbound.h"

namespace tlsrpt::reporter {
namespace {

using policy::Outcome;
using ::testing::HasSubstr;
using testing_support::report_day;
using testing_support::report_fact;

class FlushCommand : public testing_support::FlushWorld {
 protected:
  FlushCommand() {
    line_.action = "flush";
    // Nobody answers there; whatever asks DNS in these tests ends soon.
    settings_.dns_servers = {{*policy::IpAddress::parse("127.0.0.1"), 9}};
    settings_.dns_timeout = std::chrono::seconds(1);
  }
  int run() {
    out_.str("");
    err_.str("");
    return run_flush({line_, settings_, clock_, out_, err_});
  }
  void use_map(const std::string& text) { settings_.record_map = folder_.write("map", text); }

  CommandLine line_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(FlushCommand, DoesAllThatIsDueInSilence) {
  count({report_fact("a.example", Outcome::success, 1),
         report_fact("b.example", Outcome::success, 1)});
  use_map("a.example v=TLSRPTv1; rua=mailto:x@a.example\n* discard\n");
  line_.now = true;
  EXPECT_EQ(run(), exit_ok);
  EXPECT_EQ(out_.str() + err_.str(), "");
  EXPECT_EQ(mail().size(), 1U);
  EXPECT_EQ(reports().size(), 2U);
  EXPECT_EQ(run(), exit_ok);
  EXPECT_EQ(mail().size(), 1U);
}

TEST_F(FlushCommand, TheSpreadIsKeptWithoutNow) {
  count("a.example");
  use_map("a.example v=TLSRPTv1; rua=mailto:x@a.example\n");
  EXPECT_EQ(run(), exit_ok);
  EXPECT_EQ(reports().size(), 1U);
  EXPECT_TRUE(mail().empty());
  clock_.advance(settings_.delivery_spread);
  EXPECT_EQ(run(), exit_ok);
  EXPECT_EQ(mail().size(), 1U);
}

TEST_F(FlushCommand, ADayThatIsNotOverIsAUsageError) {
  count("a.example");
  line_.day = policy::day_of(clock_.now());
  EXPECT_EQ(run(), exit_usage);
  EXPECT_THAT(err_.str(), HasSubstr("not over"));
  line_.dry_run = true;
  EXPECT_EQ(run(), exit_usage);
  line_.dry_run = false;
  line_.output_dir = folder_.file("out");
  EXPECT_EQ(run(), exit_ok) << err_.str();
}

TEST_F(FlushCommand, SilentDnsServersAreATemporaryFailure) {
  count("a.example");
  EXPECT_EQ(run(), exit_temporary);
  EXPECT_THAT(err_.str(), HasSubstr("no DNS server answered"));
  EXPECT_THAT(note("a.example"), HasSubstr("temporary"));
}

TEST_F(FlushCommand, ABadRecordMapIsAConfigurationError) {
  use_map("a.example\n");
  EXPECT_EQ(run(), exit_config);
  EXPECT_THAT(err_.str(), HasSubstr("map:1"));
}

TEST_F(FlushCommand, TellsWhenNothingCouldBeHandedOver) {
  count("a.example");
  use_map("a.example v=TLSRPTv1; rua=mailto:x@a.example\n");
  settings_.mail_transport = "sendmail:/nonexistent/sendmail";
  line_.now = true;
  EXPECT_EQ(run(), exit_ok) << "what waits is scheduled";
  EXPECT_THAT(err_.str(), HasSubstr("none of 1 messages could be handed over"));
  EXPECT_THAT(err_.str(), HasSubstr("/nonexistent/sendmail"));
}

TEST_F(FlushCommand, WaitEndsWithWhatCannotComeWhileTheClockStandsStill) {
  count("a.example");
  use_map("a.example v=TLSRPTv1; rua=mailto:x@a.example\n");
  line_.now = line_.wait = true;
  EXPECT_EQ(run(), exit_ok) << "everything was delivered at once";
  count("b.example");
  use_map("b.example v=TLSRPTv1; rua=mailto:x@b.example\n");
  settings_.mail_transport = "directory:" + folder_.file("missing");
  settings_.retry_min = settings_.retry_max = std::chrono::hours(20);
  EXPECT_EQ(run(), exit_temporary) << "not due within delivery_spread";
}

TEST_F(FlushCommand, WaitTellsThatSomethingIsSetAside) {
  count("a.example");
  use_map("a.example v=TLSRPTv1; rua=mailto:x@a.example,mailto:y@a.example\n");
  EXPECT_EQ(run(), exit_ok);
  damage("UPDATE delivery SET destination = 'nonsense' WHERE id = 1");
  line_.now = line_.wait = true;
  EXPECT_EQ(run(), exit_temporary);
  EXPECT_THAT(err_.str(), HasSubstr("nonsense: set aside by"));
  EXPECT_EQ(mail().size(), 1U);
  EXPECT_EQ(run(), exit_temporary) << "still pending";
  EXPECT_EQ(err_.str(), "");
}

TEST_F(FlushCommand, WaitEndsWithWhatCannotBeRead) {
  count("a.example");
  use_map("a.example v=TLSRPTv1; rua=mailto:x@a.example\n");
  EXPECT_EQ(run(), exit_ok);
  damage("UPDATE delivery SET attempts = -1, not_before = 0");
  line_.now = line_.wait = true;
  EXPECT_EQ(run(), exit_temporary);
  EXPECT_THAT(err_.str(), HasSubstr("delivery 1: damaged row"));
}

TEST_F(FlushCommand, ALockedStoreIsNamedAndTheNextRunGoesOn) {
  count("a.example");
  auto other = open_sqlite(folder_.file("store.sqlite"), StoreAccess::reporter,
                           std::chrono::milliseconds(1000));
  const auto held = SqliteTransaction::begin(*other);
  ASSERT_TRUE(held.ok());
  EXPECT_EQ(run(), exit_temporary);
  EXPECT_EQ(err_.str(), "tlsrpt-reporter: the store cannot be used now, the next run goes on: " +
                            folder_.file("store.sqlite") + ": SQLite: database is locked (5)\n");
}

TEST_F(FlushCommand, DryRunAndOutputDirReadOnly) {
  count("a.example");
  use_map("* discard\n");
  line_.dry_run = true;
  EXPECT_EQ(run(), exit_ok);
  EXPECT_THAT(out_.str(), HasSubstr("a.example: report"));
  line_.dry_run = false;
  line_.output_dir = folder_.file("out");
  EXPECT_EQ(run(), exit_ok);
  EXPECT_TRUE(reports().empty());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.file("out")), {}), 2);
  settings_.store = "sqlite:" + folder_.file("none.sqlite");
  EXPECT_EQ(run(), exit_no_input);
  EXPECT_FALSE(std::filesystem::exists(folder_.file("none.sqlite")));
}

TEST_F(FlushCommand, OldDaysArePruned) {
  count("a.example");
  use_map("* discard\n");
  EXPECT_EQ(run(), exit_ok);
  clock_.advance(settings_.retention + std::chrono::days(2));
  line_.day = report_day;
  EXPECT_EQ(run(), exit_ok);
  EXPECT_EQ(reports().size(), 1U) << "not by a flush of one day";
  line_.day.reset();
  EXPECT_EQ(run(), exit_ok);
  EXPECT_EQ(reports().size(), 1U) << "not before the clock is believed";
  clock_.advance(doubt_lasts);
  EXPECT_EQ(run(), exit_ok);
  EXPECT_TRUE(reports().empty());
}

TEST_F(FlushCommand, AStoreOfAnotherProgramIsRefused) {
  settings_.store = "sqlite:" + folder_.write("other", "this is no store, but it is long enough");
  EXPECT_EQ(run(), exit_data);
  EXPECT_NE(err_.str(), "");
}

}  // namespace
}  // namespace tlsrpt::reporter
