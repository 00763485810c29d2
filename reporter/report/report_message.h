// The message that carries a report: multipart/report; report-type="tlsrpt" (RFC 8460, 5.3).
//
// A message is made anew for every attempt and has the same bytes each time: all that it says is in
// the stored report and in its addressing. Lines end in CRLF and are at most 998 octets.
#pragma once

#include <string>

#include "policy/result.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {

// Whose message it is. Each text goes into a header and is checked before.
struct MessageAddressing {
  std::string mail_from;   // addr-spec.
  std::string recipient;   // addr-spec, the only one.
  std::string message_id;  // With angle brackets, as stored with the delivery.
};

// The message. Errc::syntax: an address or a name could not stand in a header, or the stored report
// cannot be read.
policy::Result<std::string> render_report_message(const StoredReport& report,
                                                  const MessageAddressing& addressing);

// "Tue, 24 Nov 2026 00:10:00 +0000" (RFC 5322, 3.3).
std::string mail_date(policy::UtcSeconds instant);

}  // namespace tlsrpt::reporter
