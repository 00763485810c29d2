// Any bytes as tlsrpt.conf: settings or faults, never a crash, and what is accepted keeps the
// rules.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "reporter/options/config_file.h"
#include "reporter/options/option_table.h"

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using tlsrpt::reporter::parse_settings;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes as characters.
  const auto parsed = parse_settings({reinterpret_cast<const char*>(data), size});
  std::size_t last_line = 0;
  for (const auto& fault : parsed.faults) {
    // Faults are in the order of lines and have a reason.
    if (fault.line == 0 || fault.line < last_line || fault.reason.empty()) std::abort();
    last_line = fault.line;
  }
  if (parsed.faults.empty()) {
    const auto& settings = parsed.settings;
    if (settings.organization_name.empty() || settings.submitter.empty()) std::abort();
    if (settings.mail_from.empty() || settings.report_senders.empty()) std::abort();
    if (!tlsrpt::reporter::validate(settings).empty()) std::abort();
  }
  return 0;
}
