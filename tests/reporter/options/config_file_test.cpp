#include "reporter/options/config_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "reporter/options/option_table.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

constexpr std::string_view required =
    "organization_name = Example Ltd\n"
    "contact_info = tls@example.com\n";

// Every fault as "LINE: REASON\n".
std::string faults_of(const std::string& text) {
  std::string faults;
  for (const ConfigFault& each : parse_settings(text).faults) {
    faults += std::to_string(each.line) + ": " + each.reason + "\n";
  }
  return faults;
}

// The faults of TEXT after the two required options, which stand in lines 1 and 2.
std::string faults_after_required(std::string_view text) {
  return faults_of(std::string(required) + std::string(text));
}

TEST(ConfigFile, ReadsNamesAndValues) {
  const auto parsed = parse_settings(
      "# comment\n"
      "\n"
      "organization_name = Bäckerei \"Müller\" & Söhne #1  \n"
      "contact_info=tls@example.com\n"
      "\t \n"
      "delivery_spread\t=\t2h\n"
      "bcc =\n"
      "dns_servers = 127.0.0.1:5353, ::1");
  EXPECT_TRUE(parsed.faults.empty());
  EXPECT_EQ(parsed.settings.organization_name, "Bäckerei \"Müller\" & Söhne #1");
  EXPECT_EQ(parsed.settings.delivery_spread, std::chrono::hours(2));
  EXPECT_EQ(parsed.settings.bcc, "");
  EXPECT_EQ(parsed.settings.dns_servers.size(), 2U);
  EXPECT_EQ(parsed.settings.submitter, "example.com");
  EXPECT_EQ(parsed.settings.mail_from, "tls@example.com");
}

TEST(ConfigFile, AValueGoesOnInIndentedLines) {
  const auto parsed = parse_settings(std::string(required) +
                                     "ignore_domains =\n"
                                     "  one.example,\n"
                                     "# a comment between\n"
                                     "\n"
                                     "  # an indented one\n"
                                     "\ttwo.example\n"
                                     "day_grace = 5m\n");
  EXPECT_TRUE(parsed.faults.empty());
  ASSERT_EQ(parsed.settings.ignore_domains.size(), 2U);
  EXPECT_EQ(parsed.settings.ignore_domains[1].text(), "two.example");
  EXPECT_EQ(parsed.settings.day_grace, std::chrono::minutes(5));
}

TEST(ConfigFile, AnOptionIndentedByMistakeIsNotSwallowed) {
  EXPECT_EQ(faults_of("organization_name = Example\n  contact_info = a@example.com\n"),
            "2: the blank before contact_info makes this line part of the option above: remove "
            "it\n");
  EXPECT_EQ(faults_of("  organization_name = Example\ncontact_info = a@example.com\n"),
            "1: the blank before organization_name makes this line part of the option above: "
            "remove it\n");
  EXPECT_EQ(faults_of("  x\n" + std::string(required)),
            "1: line begins with a blank, but there is no option above that it continues\n");
}

TEST(ConfigFile, TellsEveryFaultInTheOrderOfLines) {
  EXPECT_EQ(faults_of("nope = 1\n"
                      "day_grace = 5\n"
                      "contact_info = tls@example.com\n"
                      "contact_info = tls@example.com\n"
                      "rubbish\n"
                      "https_verify = maybe # why\n"),
            "1: unknown option nope\n"
            "2: day_grace: duration needs a unit: s, m, h, d or w\n"
            "4: contact_info: is set again, first in line 3\n"
            "5: expected \"name = value\", found \"rubbish\"\n"
            "6: https_verify: must be yes, fallback or no (a comment needs a line of its own)\n"
            "6: required option organization_name is missing\n");
}

TEST(ConfigFile, FaultsOfLinesNameTheirCause) {
  EXPECT_EQ(faults_after_required("day_grace 5m\n"), "3: \"=\" is missing after day_grace\n");
  EXPECT_EQ(faults_after_required("day_grace: 5m\n"), "3: \"=\" is missing after day_grace\n");
  EXPECT_EQ(faults_after_required("= 5m\n"), "3: expected \"name = value\", found \"= 5m\"\n");
  EXPECT_EQ(faults_after_required("day grace = 5m\n"),
            "3: expected \"name = value\", found \"day grace = 5m\"\n");
  EXPECT_EQ(faults_after_required("day_grase = 5m\n"),
            "3: unknown option day_grase; did you mean day_grace?\n");
  EXPECT_EQ(faults_after_required("day_grace =\n"), "3: day_grace: has no value\n");
  EXPECT_EQ(faults_of("organization_name =\ncontact_info = a@example.com\n"),
            "1: organization_name: has no value\n");
}

TEST(ConfigFile, FaultsOfBytesNameTheirCause) {
  EXPECT_EQ(faults_after_required(std::string("bcc = a\0b\n", 10)), "3: line holds a NUL byte\n");
  EXPECT_EQ(faults_after_required("relay_name = \xFF\xFE\n"), "3: line is not valid UTF-8\n");
  EXPECT_EQ(faults_after_required("relay_name = a\x1B[31m\n"),
            "3: line holds a control character\n");
  EXPECT_EQ(faults_after_required("relay_name = " + std::string(9000, 'x') + "\n"),
            "3: line is longer than 8192 bytes\n");
  EXPECT_EQ(faults_of("\xEF\xBB\xBF" + std::string(required)),
            "1: file begins with a byte order mark: remove it\n"
            "2: required option organization_name is missing\n");
  EXPECT_EQ(faults_of(std::string(2 * max_config_size, '#')),
            "1: file is larger than 1 MiB: this is no configuration file\n");
  EXPECT_EQ(faults_of(""),
            "1: required option contact_info is missing\n"
            "1: required option organization_name is missing\n");
}

TEST(ConfigFile, WindowsLineEndsAreToldOnce) {
  EXPECT_EQ(faults_of("organization_name = A\r\n\r\ncontact_info = a@example.com\r\n"),
            "1: line ends in CR LF: convert the file to Unix line ends\n");
}

TEST(ConfigFile, AValueCannotGrowWithoutBounds) {
  std::string text(required);
  text += "ignore_domains =";
  for (int i = 0; i < 5; ++i) text += "\n " + std::string(2000, 'x');
  EXPECT_EQ(faults_of(text), "3: ignore_domains: value is longer than 8192 bytes\n");
}

TEST(ConfigFile, AFloodOfFaultsIsCut) {
  std::string text(required);
  for (int i = 0; i < 500; ++i) text += "rubbish\n";
  const auto faults = parse_settings(text).faults;
  ASSERT_EQ(faults.size(), max_config_faults + 1);
  EXPECT_EQ(faults.back().reason, "and 400 faults more");
}

TEST(ConfigFile, RulesBetweenOptionsBlameTheLaterLine) {
  EXPECT_EQ(faults_after_required("retry_max = 1m\nretry_min = 2m\n"),
            "4: retry_min: must not be longer than retry_max (1m)\n");
  EXPECT_EQ(faults_after_required("retry_max = 1m\nday_grace = 1m\n"),
            "3: retry_min: must not be longer than retry_max (1m)\n");
}

TEST(ConfigFile, AFaultyOptionIsNotComparedWithOthers) {
  EXPECT_EQ(faults_after_required("retry_min = 5h\nretry_max = soon\n"),
            "4: retry_max: is not a duration such as 90s, 15m, 4h, 7d or 2w\n");
}

TEST(ConfigFile, MessagesAreSafeForTerminals) {
  const std::string faults = faults_after_required("\xE2\x80\xAE evil \xC2\x9B\n");
  EXPECT_EQ(faults, "3: expected \"name = value\", found \"\\u{202e} evil \\u{9b}\"\n");
  EXPECT_EQ(faults_after_required(std::string(59, 'x') + "\xC3\xBC\xC3\xBC\n"),
            "3: expected \"name = value\", found \"" + std::string(59, 'x') + "...\"\n");
}

// Files that claim to hold every option: the fuzzer's seed, and the good file that sets them all.
TEST(ConfigFile, SamplesHoldEveryOption) {
  for (const char* name :
       {"/tests/fuzz/corpus/config_file/every_default", "/tests/config/good.everything"}) {
    const auto text = read_small_file(std::string(TLSRPT_SOURCE_DIR) + name, max_config_size);
    ASSERT_TRUE(text.ok()) << text.error().message();
    EXPECT_EQ(faults_of(*text), "");
    for (const Option& option : option_table()) {
      EXPECT_NE(("\n" + *text).find("\n" + std::string(option.name) + " ="), std::string::npos)
          << name << " lacks " << option.name;
    }
  }
}

class LoadSettings : public testing::Test {
 protected:
  std::string write(std::string_view text) const {
    std::string path = directory_.file("tlsrpt.conf");
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  testing_support::TempDir directory_;
};

TEST_F(LoadSettings, GivesFileAndLineOfEveryFault) {
  const std::string path = write(std::string(required) + "nope = 1\nday_grace = x\n");
  const auto settings = load_settings(path);
  ASSERT_FALSE(settings.ok());
  EXPECT_EQ(settings.error().code(), policy::Errc::syntax);
  EXPECT_EQ(settings.error().message(),
            path + ":3: unknown option nope\n" + path +
                ":4: day_grace: is not a duration such as 90s, 15m, 4h, 7d or 2w");
}

TEST_F(LoadSettings, ReadsAGoodFile) {
  const auto settings = load_settings(write(required));
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->organization_name, "Example Ltd");
}

TEST_F(LoadSettings, TellsAbsentFileDirectoryAndDeviceApart) {
  const auto absent = load_settings(directory_.file("absent"));
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().code(), policy::Errc::not_found);
  const auto directory = load_settings(directory_.path());
  ASSERT_FALSE(directory.ok());
  EXPECT_EQ(directory.error().message(),
            directory_.path().string() + ": cannot read: Is a directory");
  const auto device = load_settings("/dev/zero");
  ASSERT_FALSE(device.ok());
  EXPECT_EQ(device.error().code(), policy::Errc::limit);
}

}  // namespace
}  // namespace tlsrpt::reporter
