// DeliveryLine: Postfix's delivery status line,
// `QID: to=<ADDR>, [orig_to=<ADDR>, ]relay=R, [conn_use=N, ]delay=N, delays=A/B/C/D, [tls=F, ]
// dsn=X.Y.Z, status=WORD (REASON)`.
//
// Address and reason hold text that strangers chose: a local part may contain `>, relay=none`, a
// reason may contain a whole line. The fixed fields between them are matched strictly, at the first
// place where all of them fit; a quoted local part is skipped as such. Source: Postfix 3.4 to 3.12,
// global/log_adhoc.c and smtp/smtp_tls_... (`tls=`, 3.11).
#pragma once

#include <optional>
#include <string_view>

#include "milter/postfix/peer.h"

namespace tlsrpt::milter {

// Views into the line.
struct DeliveryLine {
  std::string_view recipient;     // Between the angle brackets of to=.
  std::string_view domain;        // Behind its last '@'; empty without one.
  std::optional<PeerView> relay;  // None: relay=none, or no internet host.
  bool reused = false;            // conn_use= is there.
  std::string_view
      arrival_delays;  // A/B of delays=: the same for all lines of one delivery request.
  std::string_view session_delays;  // A/B/C of delays=: the same for all lines of one connection.
  std::string_view tls;             // Value of tls=; empty: no such field (before 3.11).
  std::string_view status;          // sent, deferred, bounced, deliverable, undeliverable, ...
  std::string_view reason;          // Between the outermost parentheses; without ')' where cut.
};

// TEXT starts at `to=<`. None: not such a line, or not whole up to `status=WORD (`.
std::optional<DeliveryLine> parse_delivery_line(std::string_view text);

}  // namespace tlsrpt::milter
