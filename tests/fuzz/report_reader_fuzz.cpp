// Any bytes as a report file: what is read can be written and read again, and is shown without
// control characters.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "policy/text.h"
#include "reporter/command/table.h"
#include "reporter/report/report_file.h"
#include "reporter/report/report_json.h"

namespace {

using tlsrpt::reporter::PolicyResult;
using tlsrpt::reporter::ReadReport;

constexpr std::uint64_t max_exact_number = (std::uint64_t{1} << 53U) - 1;

// An assert() would be gone from a release build.
void require(bool condition) {
  if (!condition) std::abort();
}

void check_policy(const PolicyResult& result) {
  require(result.successful_sessions <= max_exact_number);
  require(result.failed_sessions <= max_exact_number);
  require(result.failure_details.size() <= tlsrpt::reporter::max_read_details);
  for (const auto& detail : result.failure_details) {
    require(detail.failed_session_count <= max_exact_number);
    require(tlsrpt::policy::is_utf8(detail.failure_reason_code));
  }
}

void check(const ReadReport& read) {
  require(read.complaints.list().size() <= tlsrpt::reporter::max_complaints + 1);
  require(read.report.policies.size() <= tlsrpt::reporter::max_read_policies);
  for (const PolicyResult& each : read.report.policies) check_policy(each);
  for (const std::string& complaint : read.complaints.list()) {
    const std::string shown = tlsrpt::policy::escape_untrusted(complaint);
    require(tlsrpt::policy::is_utf8(shown));
    for (const std::string& line : tlsrpt::reporter::wrap_text(shown, 20, 3)) {
      require(tlsrpt::reporter::display_width(line) <= 20);
    }
  }
  const auto again = tlsrpt::reporter::read_report_json(tlsrpt::reporter::report_json(read.report));
  if (!again.ok()) {
    require(again.error().code() == tlsrpt::policy::Errc::limit);
    return;
  }
  require(again->report.policies.size() == read.report.policies.size());
  for (std::size_t i = 0; i < read.report.policies.size(); ++i) {
    const PolicyResult& before = read.report.policies[i];
    const PolicyResult& after = again->report.policies[i];
    require(after.successful_sessions == before.successful_sessions);
    require(after.failed_sessions == before.failed_sessions);
    require(after.failure_details == before.failure_details);
  }
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  // The name is taken from the bytes, too: up to the first line end.
  const std::string_view name = bytes.substr(0, bytes.find('\n'));
  const auto read = tlsrpt::reporter::read_report_file(bytes, name);
  if (read.ok()) {
    check(*read);
  } else {
    require(!read.error().message().empty());
  }
  return 0;
}
