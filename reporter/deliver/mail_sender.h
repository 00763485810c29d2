// MailSender: hands a message over to whatever carries mail (option mail_transport).
//
// A sender belongs to one thread, which it may keep busy for as long as its time-outs allow;
// several senders work side by side. "Delivered" means that the next hop has taken the message
// over, not that anybody has read it (RFC 8460, 5.5 leaves it at that).
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "policy/result.h"
#include "reporter/deliver/outcome.h"

namespace tlsrpt::reporter {

struct OutgoingMail {
  std::string message;    // Whole message, lines end in CRLF.
  std::string recipient;  // Envelope recipient, an addr-spec.
  std::string disk_name;  // File name for the transport that writes files; always the same for it.
};

// Whether TEXT can stand in an envelope at all: printable ASCII of at most 320 octets. Recipients
// were parsed from a URI long before; this is the last gate before a program or a server.
bool is_envelope_address(std::string_view text);

// The longest that any transport takes for one message, all time-outs together. A claim on a
// delivery must last longer.
inline constexpr std::chrono::seconds max_mail_hand_over{15 * 60};

class MailSender {
 public:
  virtual ~MailSender() = default;

  // Hands MAIL over once. Never throws for what the other side does.
  virtual DeliveryOutcome send(const OutgoingMail& mail) = 0;
  // Whether handing the same mail over again changes nothing, so that it does no harm when a crash
  // comes between the hand-over and its record.
  virtual bool is_repeatable() const { return false; }
};

// The sender that TRANSPORT, as option mail_transport has it, stands for; MAIL_FROM is the envelope
// sender. Opens nothing yet. Errc::syntax: no such transport.
policy::Result<std::unique_ptr<MailSender>> make_mail_sender(const std::string& transport,
                                                             const std::string& mail_from);

}  // namespace tlsrpt::reporter
