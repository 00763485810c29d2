// Any bytes as a datagram: a value whose every part can be read, or a fault with a text; and the
// same again when they come a second time, so that one datagram leaves nothing to the next.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "milter/datagram/tlsrpt_datagram.h"
#include "policy/text.h"

namespace {

using tlsrpt::milter::DatagramFailure;
using tlsrpt::milter::DatagramParser;
using tlsrpt::milter::DatagramPolicy;
using tlsrpt::milter::TlsrptDatagram;

void need(bool condition) {
  if (!condition) std::abort();
}

// All texts of DATAGRAM, each read to its end.
std::string text_of(const TlsrptDatagram& datagram) {
  std::string all(datagram.domain);
  all.append(1, '\n').append(datagram.record);
  for (const DatagramPolicy& policy : datagram.policies) {
    all.append(1, '\n').append(policy.policy_domain).append(to_text(policy.type));
    for (const std::string_view line : policy.policy_string) all.append(1, '\n').append(line);
    for (const std::string_view pattern : policy.mx_host) all.append(1, '\n').append(pattern);
    for (const DatagramFailure& failure : policy.failures) {
      need(failure.outcome != tlsrpt::policy::Outcome::success);
      all += to_text(tlsrpt::policy::to_result_type(failure.outcome));
      for (const std::string_view text :
           {failure.sending_ip, failure.mx_host, failure.helo, failure.mx_ip,
            failure.additional_information, failure.reason})
        all.append(1, '\n').append(text);
    }
  }
  return all;
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes as characters.
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  static DatagramParser parser;
  const TlsrptDatagram* datagram = parser.parse(octets);
  if (datagram == nullptr) {
    const auto fault = parser.fault();
    need(!to_text(fault).empty());
    need(parser.parse(octets) == nullptr && parser.fault() == fault);
    return 0;
  }
  need(!datagram->domain.empty() && !datagram->policies.empty());
  const std::string first = text_of(*datagram);
  need(tlsrpt::policy::is_utf8(first));
  const TlsrptDatagram* again = parser.parse(octets);
  need(again != nullptr && text_of(*again) == first);
  return 0;
}
