#include "reporter/command/check_domain_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "reporter/options/option_table.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_resolver.h"

namespace tlsrpt::reporter {
namespace {

using ::testing::HasSubstr;

class CheckDomainCommand : public ::testing::Test {
 protected:
  int run(std::vector<std::string> domains, Format format = Format::table) {
    CommandLine line;
    line.arguments = std::move(domains);
    line.format = format;
    out_.str("");
    err_.str("");
    return run_check_domain({line, settings_, clock_, out_, err_}, resolver_);
  }

  Settings settings_ = default_settings();
  testing_support::FakeClock clock_{"2026-11-22T18:00:00Z"};
  testing_support::FakeResolver resolver_{
      {.txt = {{"_smtp._tls.good.example",
                testing_support::dns_found("v=TLSRPTv1; rua=mailto:tls@good.example")},
               {"_smtp._tls.bad.example", testing_support::dns_found("v=TLSRPTv1; rua=tls@bad")},
               {"_smtp._tls.dead.example", testing_support::dns_temporary("timeout")}},
       .addresses = {}}};
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(CheckDomainCommand, TheExitStatusIsTheWorst) {
  EXPECT_EQ(run({"good.example"}), exit_ok);
  EXPECT_THAT(out_.str(), HasSubstr("good.example: good\n"));
  EXPECT_THAT(out_.str(), HasSubstr("mailto:tls@good.example"));
  EXPECT_EQ(run({"absent.example"}), exit_data);
  EXPECT_EQ(run({"bad.example"}), exit_data);
  EXPECT_EQ(run({"dead.example"}), exit_temporary);
  EXPECT_EQ(run({"good.example", "dead.example"}), exit_temporary);
  EXPECT_EQ(run({"dead.example", "good.example", "bad.example"}), exit_data);
}

TEST_F(CheckDomainCommand, SeveralDomainsComeInTheirOrder) {
  run({"good.example", "bad.example"}, Format::json);
  EXPECT_THAT(out_.str(), HasSubstr("{\"domains\":[{\"domain\":\"good.example\","
                                    "\"name\":\"_smtp._tls.good.example\",\"state\":\"good\","
                                    "\"record\":\"v=TLSRPTv1; rua=mailto:tls@good.example\","
                                    "\"rua\":[\"mailto:tls@good.example\"],\"findings\":[]},"
                                    "{\"domain\":\"bad.example\""));
  EXPECT_THAT(out_.str(), HasSubstr("\"severity\":\"error\",\"code\":"));
}

TEST_F(CheckDomainCommand, TheNameOfTheRecordStandsForItsDomain) {
  EXPECT_EQ(run({"_SMTP._tls.good.example"}), exit_ok);
  EXPECT_THAT(out_.str(), HasSubstr("good.example: good\n"));
  EXPECT_EQ(run({"_smtp._tls."}), exit_usage);
}

TEST_F(CheckDomainCommand, LinesFitATerminal) {
  resolver_.world().txt["_smtp._tls.long.example"] = testing_support::dns_found(
      "v=TLSRPTv1; rua=mailto:tls@long.example; x=" + std::string(400, 'y') + "\x1b[31m");
  run({"long.example"});
  std::istringstream lines(out_.str());
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100U) << line;
  EXPECT_EQ(out_.str().find('\x1b'), std::string::npos);
}

TEST_F(CheckDomainCommand, ANameThatIsNoDomainIsAUsageError) {
  EXPECT_EQ(run({"good.example", "not a\x1b domain"}), exit_usage);
  EXPECT_EQ(out_.str(), "");
  EXPECT_EQ(err_.str().find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace tlsrpt::reporter
