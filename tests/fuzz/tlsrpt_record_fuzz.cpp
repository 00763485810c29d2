// Any bytes as TXT records, parted by line feeds: a record is used only where it is the only one,
// and written anew from what was read it means the same.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "policy/text.h"
#include "policy/tlsrpt_record.h"

namespace {

using tlsrpt::policy::Errc;
using tlsrpt::policy::TlsrptRecord;

// Of the records of one input: a megabyte of line feeds would take minutes.
constexpr std::size_t most_checked = 50;

// An assert() would be gone from a release build.
void require(bool condition) {
  if (!condition) std::abort();
}

void check(const TlsrptRecord& record) {
  require(!record.rua.empty() && record.rua.size() <= tlsrpt::policy::max_rua);
  std::string canonical = "v=TLSRPTv1;rua=";
  for (const auto& uri : record.rua) {
    require(std::count(record.rua.begin(), record.rua.end(), uri) == 1);
    if (canonical.back() != '=') canonical += ',';
    canonical += uri.text();
  }
  const auto again = tlsrpt::policy::parse_tlsrpt_record(canonical);
  require(again.ok() && again->rua == record.rua && again->warnings.empty());
}

void check_one(std::string_view text) {
  const auto record = tlsrpt::policy::parse_tlsrpt_record(text);
  const auto reading = tlsrpt::policy::read_tlsrpt_record(text);
  require(record.ok() == reading.fault.empty());
  if (record.ok()) {
    require(tlsrpt::policy::is_tlsrpt_record(text));
    require(record->text == text && *record == reading.record);
    check(*record);
  } else {
    require(record.error().code() == Errc::syntax);
    const std::string& message = record.error().message();
    require(tlsrpt::policy::escape_untrusted(message) == message);
  }
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check_one(input);
  std::vector<std::string> records;
  for (std::size_t at = 0; at <= input.size();) {
    const std::size_t end = std::min(input.find('\n', at), input.size());
    records.emplace_back(input.substr(at, end - at));
    if (records.size() <= most_checked) check_one(records.back());
    at = end + 1;
  }
  const auto chosen = tlsrpt::policy::choose_tlsrpt_record(records);
  const auto count =
      std::count_if(records.begin(), records.end(), tlsrpt::policy::is_tlsrpt_record);
  if (count != 1) require(!chosen.ok() && chosen.error().code() == Errc::not_found);
  if (chosen.ok()) check(*chosen);
  return 0;
}
