#include "reporter/check/gather_facts.h"

#include <gtest/gtest.h>

namespace tlsrpt::reporter {
namespace {

TEST(GatherFacts, ServicesAreTheLinesOfMasterCfWithTheirOverrides) {
  const auto services = parse_services(
      "smtp       inet  n       -       y       -       -       smtpd -o x=y\n"
      "smtp       unix  -       -       y       -       -       smtp\n"
      "relay      unix  -       -       n       -       -       smtp -o syslog_name=p/r\n"
      "\nbroken line\n",
      "relay/unix/syslog_name = p/r\nrelay/unix/smtp_tls_loglevel = 0\nsmtp/inet/x = y\n"
      "gone/unix/x = 1\nnonsense = 1\n",
      false);
  ASSERT_EQ(services.size(), 3U);
  EXPECT_EQ(services[0].name, "smtp/inet");
  EXPECT_EQ(services[0].program, "smtpd");
  EXPECT_EQ(value_of(services[0].overrides, "x"), "y");
  EXPECT_TRUE(services[1].is_chrooted);
  EXPECT_TRUE(services[1].overrides.empty());
  EXPECT_EQ(services[2].program, "smtp");
  EXPECT_FALSE(services[2].is_chrooted);
  EXPECT_EQ(value_of(services[2].overrides, "smtp_tls_loglevel"), "0");
}

TEST(GatherFacts, WhetherAServiceIsChrootedMayBeLeftToTheDefault) {
  const char* const master = "smtp inet n - - - - smtpd\n";
  EXPECT_FALSE(parse_services(master, "", false)[0].is_chrooted);
  EXPECT_TRUE(parse_services(master, "", true)[0].is_chrooted);
}

TEST(GatherFacts, PostfixThatIsNotThereIsAProblemNotAnError) {
  const PostfixFacts facts = gather_postfix("/etc/postfix", {"/absent/postconf"});
  EXPECT_NE(facts.problem.find("Postfix is not installed"), std::string::npos);
}

}  // namespace
}  // namespace tlsrpt::reporter
