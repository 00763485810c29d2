// Any bytes as a bounce: what is read keeps to its limits, is judged, and names a delivery only in
// the form in which we name one.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "policy/text.h"
#include "reporter/bounce/bounce_judge.h"
#include "reporter/bounce/bounce_reader.h"
#include "reporter/report/verp.h"

namespace {

// An assert() would be gone from a release build.
void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using tlsrpt::reporter::BounceVerdict;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto read = tlsrpt::reporter::read_bounce(bytes);
  if (!read.ok()) {
    require(!read.error().message().empty());
    return 0;
  }
  require(!read->recipients.empty());
  require(read->recipients.size() <= tlsrpt::reporter::max_bounce_recipients);
  require(read->sent_to.size() <= tlsrpt::reporter::max_bounce_names);
  require(read->message_ids.size() <= tlsrpt::reporter::max_bounce_names);
  const std::string reason = tlsrpt::reporter::bounce_reason(*read);
  require(tlsrpt::policy::is_utf8(reason));
  require(reason.find_first_of("\r\n") == std::string::npos);
  if (tlsrpt::reporter::judge_bounce(*read) != BounceVerdict::nothing) {
    for (const auto& each : read->recipients) require(each.action == "failed");
  }
  for (const auto& each : read->sent_to) {
    const auto verp = tlsrpt::reporter::parse_verp_sender(each);
    if (!verp) continue;
    require(verp->token.size() == tlsrpt::reporter::verp_token_digits);
    require(verp->number >= 0);
  }
  return 0;
}
