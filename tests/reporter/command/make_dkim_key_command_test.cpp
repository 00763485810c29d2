#include "reporter/command/make_dkim_key_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sstream>

#include "reporter/options/option_table.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

using ::testing::HasSubstr;

class MakeDkimKeyCommandTest : public testing::Test {
 protected:
  MakeDkimKeyCommandTest() { line.arguments = {folder.file("key.pem")}; }

  int run() {
    out.str("");
    err.str("");
    return run_make_dkim_key({line, settings, clock, out, err});
  }

  testing_support::TempDir folder;
  testing_support::FakeClock clock{"2026-11-22T12:00:00Z"};
  CommandLine line;
  Settings settings = default_settings();
  std::ostringstream out;
  std::ostringstream err;
};

TEST_F(MakeDkimKeyCommandTest, NeedsToKnowTheDomain) {
  EXPECT_EQ(run(), exit_usage);
  EXPECT_THAT(err.str(), HasSubstr("give --domain"));
  EXPECT_NE(::access(line.arguments[0].c_str(), F_OK), 0) << "no key without a record";
  settings.mail_from = "tls@mail.example";
  EXPECT_EQ(run(), exit_ok);
  EXPECT_THAT(out.str(), HasSubstr("\ntlsrpt._domainkey.mail.example. IN TXT (\n"));
  settings.dkim_domain = "signs.example";
  EXPECT_EQ(run(), exit_ok);
  EXPECT_THAT(out.str(), HasSubstr("\ntlsrpt._domainkey.signs.example. IN TXT (\n"));
  line.domain = "given.example";
  EXPECT_EQ(run(), exit_ok);
  EXPECT_THAT(out.str(), HasSubstr("\ntlsrpt._domainkey.given.example. IN TXT (\n"));
}

// Recipients still look for the old key.
TEST_F(MakeDkimKeyCommandTest, ANewKeyNeedsASelectorOfItsOwn) {
  settings.dkim_domain = "a.example";
  settings.dkim_selector = {"tlsrpt"};
  settings.dkim_key_file = {"/etc/tlsrpt/old.pem"};
  EXPECT_EQ(run(), exit_usage);
  EXPECT_THAT(err.str(), HasSubstr("tlsrpt is that of /etc/tlsrpt/old.pem"));
  EXPECT_NE(::access(line.arguments[0].c_str(), F_OK), 0);
  line.selector = "20261127";
  EXPECT_EQ(run(), exit_ok);
  EXPECT_THAT(out.str(), HasSubstr("\n20261127._domainkey.a.example. IN TXT (\n"));
  EXPECT_THAT(out.str(), HasSubstr("dkim_selector = tlsrpt 20261127\n"));
  EXPECT_THAT(out.str(), HasSubstr("dkim_key_file = /etc/tlsrpt/old.pem " + line.arguments[0]));
  line.selector = "tlsrpt";
  line.domain = "b.example";
  EXPECT_EQ(run(), exit_ok) << "another domain has selectors of its own";
  EXPECT_THAT(out.str(), HasSubstr("dkim_selector = tlsrpt\n"));
}

TEST_F(MakeDkimKeyCommandTest, TakesTheSelectorThatTheFileHas) {
  settings.dkim_domain = "a.example";
  settings.dkim_selector = {"one", "two"};
  settings.dkim_key_file = {"/elsewhere", line.arguments[0]};
  EXPECT_EQ(run(), exit_ok);
  EXPECT_THAT(out.str(), HasSubstr("\ntwo._domainkey.a.example. IN TXT (\n"));
  line.selector = "three";
  EXPECT_EQ(run(), exit_ok);
  EXPECT_THAT(out.str(), HasSubstr("\nthree._domainkey.a.example. IN TXT (\n"));
}

TEST_F(MakeDkimKeyCommandTest, AFileThatHoldsNoKeyStays) {
  line.domain = "a.example";
  folder.write("key.pem", "mine\n");
  ASSERT_EQ(::chmod(line.arguments[0].c_str(), S_IRUSR | S_IWUSR), 0);
  EXPECT_EQ(run(), exit_data);
  EXPECT_THAT(err.str(), HasSubstr("holds no private key"));
  EXPECT_EQ(folder.read("key.pem"), "mine\n");
}

}  // namespace
}  // namespace tlsrpt::reporter
