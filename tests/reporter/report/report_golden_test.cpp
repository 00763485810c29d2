// Sample reports against the files in tests/data/golden, and in the eyes of independent readers.
//
// TLSRPT_UPDATE_GOLDEN=1 in the environment rewrites the files: look at the difference then.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "reporter/deliver/child_process.h"
#include "reporter/report/base64.h"
#include "reporter/report/gzip.h"
#include "reporter/report/report_message.h"
#include "reporter/report/report_name.h"
#include "tests/support/report_samples.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

using testing_support::ReportSample;

const std::filesystem::path golden_folder =
    std::filesystem::path(TLSRPT_SOURCE_DIR) / "tests" / "data" / "golden";

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_file(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

std::string message_of(const ReportSample& sample) {
  const auto message = render_report_message(
      sample.report,
      {"tls-reports@" + sample.report.report_id.substr(sample.report.report_id.find('@') + 1),
       sample.recipient,
       make_message_id(sample.report.report_id, 1, "0123456789abcdef0123456789abcdef")});
  EXPECT_TRUE(message.ok()) << sample.name;
  return message.ok() ? *message : "";
}

void expect_golden(const std::string& name, const std::string& text) {
  if (std::getenv("TLSRPT_UPDATE_GOLDEN") != nullptr) write_file(golden_folder / name, text);
  EXPECT_EQ(text, read_file(golden_folder / name)) << name;
}

TEST(GoldenReport, JsonIsAsBefore) {
  for (const ReportSample& sample : testing_support::report_samples()) {
    const auto json = gzip_decompress(sample.report.json_gz, 1'000'000);
    ASSERT_TRUE(json.ok());
    expect_golden(sample.name + ".json", *json + "\n");
  }
}

TEST(GoldenReport, MessagesAreAsBefore) {
  for (const ReportSample& sample : testing_support::report_samples()) {
    std::string message = message_of(sample);
    // Another version of zlib may compress otherwise.
    const std::string attachment = base64_lines(sample.report.json_gz);
    const std::size_t at = message.find(attachment);
    ASSERT_NE(at, std::string::npos);
    message.replace(at, attachment.size(), "(the report)\r\n");
    std::erase(message, '\r');
    expect_golden(sample.name + ".eml.txt", message);
  }
}

TEST(GoldenReport, IndependentReadersAcceptThem) {
  const testing_support::TempDir folder;
  for (const ReportSample& sample : testing_support::report_samples()) {
    write_file(folder.path() / sample.name / disk_name(sample.report.file_name),
               sample.report.json_gz);
    write_file(folder.path() / sample.name / message_disk_name(sample.report.file_name, 1),
               message_of(sample));
  }
  const std::string script = std::filesystem::path(TLSRPT_SOURCE_DIR) / "tests" / "reporter" /
                             "report" / "report_check.py";
  const auto checked =
      run_child({"/usr/bin/python3", script, folder.path().string()}, "", std::chrono::minutes(1));
  ASSERT_TRUE(checked.ok()) << checked.error().message();
  EXPECT_EQ(checked->exit_status, 0) << checked->errors;
  EXPECT_EQ(checked->signal, 0);
}

}  // namespace
}  // namespace tlsrpt::reporter
