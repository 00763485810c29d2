#include "reporter/report/smallest_form.h"

#include <utility>

#include "reporter/report/gzip.h"
#include "reporter/report/report_builder.h"
#include "reporter/report/report_json.h"
#include "reporter/report/report_reader.h"

namespace tlsrpt::reporter {
namespace {

constexpr std::string_view mark = "_smallest";  // At the end of a boundary.

}  // namespace

policy::Result<StoredReport> smallest_form(const StoredReport& report) {
  const auto json = gzip_decompress(report.json_gz, max_report_json);
  if (!json.ok()) return json.error();
  auto read = read_report_json(*json);
  if (!read.ok()) return std::move(read).error();
  // The report-id is the same: the counts are, and whoever got both forms may drop either.
  read->report.day = report.day;
  read->report.domain = report.domain;
  read->report.revision = report.revision;
  auto packed = gzip_compress(fit_report_json(read->report, 0));
  if (!packed.ok()) return std::move(packed).error();
  if (packed->size() >= report.json_gz.size()) {
    return policy::Error(policy::Errc::limit, "it has no smaller form");
  }
  StoredReport smallest = report;
  smallest.json_gz = *std::move(packed);
  smallest.boundary += mark;
  return smallest;
}

bool is_of_full_form(std::string_view boundary) {
  return boundary.starts_with(boundary_prefix) && !boundary.ends_with(mark);
}

}  // namespace tlsrpt::reporter
