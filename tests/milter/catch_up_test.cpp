#include "milter/catch_up.h"

#include <gtest/gtest.h>

#include "reporter/store/collector_lock.h"
#include "reporter/store/store.h"
#include "tests/milter/program_fixture.h"

namespace tlsrpt::milter {
namespace {

using CatchUp = ProgramTest;

TEST_F(CatchUp, CountsWhatIsNewAndOnlyThat) {
  folder().write("mail.log",
                 "2026-11-22T10:00:00Z relay1 postfix/smtp[7]: Trusted TLS connection established "
                 "to mx.a.example[198.51.100.1]:25: TLSv1.3\n"
                 "2026-11-22T10:00:01Z relay1 postfix/smtp[7]: 2667D10E: to=<u@a.example>, "
                 "relay=mx.a.example[198.51.100.1]:25, delay=1, delays=0/0/1/0, dsn=2.0.0, "
                 "status=sent (250 Ok)\n");
  EXPECT_EQ(run({"-c", config(""), "--catch-up"}), reporter::exit_ok) << err();
  EXPECT_EQ(run({"-c", config(""), "--catch-up"}), reporter::exit_ok) << err();
  const auto opened = reporter::open_store(store(), reporter::StoreAccess::read_only, {});
  ASSERT_TRUE(opened.ok());
  const auto facts = (*opened)->facts(*policy::parse_day("2026-11-22"), "a.example", std::nullopt);
  ASSERT_TRUE(facts.ok());
  ASSERT_EQ(facts->size(), 1U);
  EXPECT_EQ(facts->front().sessions, 1U);
  EXPECT_EQ(facts->front().relay, "relay1");
}

TEST_F(CatchUp, WithoutLogThereIsNoInput) {
  EXPECT_EQ(run({"-c", config(""), "--catch-up"}), reporter::exit_no_input);
  EXPECT_NE(err().find("mail.log"), std::string::npos);
}

TEST_F(CatchUp, AnUnknownTimeZoneIsAFaultOfTheConfiguration) {
  folder().write("mail.log", "");
  const std::string path = folder().write(
      "zone.conf", "organization_name = Test\ncontact_info = r@relay.example\nstore = " + store() +
                       "\nlog_timezone = Mars/Olympus\nlog_source = file:" + log() + "\n");
  EXPECT_EQ(run({"-c", path, "--catch-up"}), reporter::exit_config);
  EXPECT_NE(err().find(path + ":4: log_timezone: "), std::string::npos) << err();
}

TEST_F(CatchUp, AnotherCollectorsLockIsTemporary) {
  folder().write("mail.log", "");
  const auto lock = reporter::CollectorLock::try_lock(store(), "relay1", "file:" + log());
  ASSERT_TRUE(lock.ok());
  EXPECT_EQ(run({"-c", config(""), "--catch-up"}), reporter::exit_temporary);
}

}  // namespace
}  // namespace tlsrpt::milter
