// MailSender: hands a message over to whatever carries mail (option mail_transport).
//
// A sender belongs to one thread, which it may keep busy for as long as its time-outs allow;
// several senders work side by side. "Delivered" means that the next hop has taken the message
// over, not that anybody has read it (RFC 8460, 5.5 leaves it at that).
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "policy/result.h"
#include "reporter/deliver/outcome.h"
#include "reporter/options/settings.h"

namespace tlsrpt::reporter {

// TLS and authentication towards a server that speaks SMTP.
struct SmtpSecurity {
  SmtpTlsLevel level = SmtpTlsLevel::may;
  std::string ca_file;    // Empty: the system's.
  std::string cert_file;  // Ours; empty: none.
  std::string key_file;   // Empty: in cert_file.
  std::string user;       // Empty: no AUTH (RFC 4954).
  std::string password;
};

struct OutgoingMail {
  std::string message;    // Whole message, lines end in CRLF.
  std::string recipient;  // Envelope recipient, an addr-spec.
  std::string disk_name;  // File name for the transport that writes files; always the same for it.
  std::string sender;     // Envelope sender, an addr-spec; empty: that of the transport.
};

// Whether TEXT can stand in an envelope at all: printable text of at most 320 octets. Recipients
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

// How mail leaves, whole: what opens it, and the secret that it takes.
struct MailTransport {
  std::string place;      // As option mail_transport has it.
  std::string mail_from;  // Envelope sender of mail without one.
  SmtpSecurity smtp;
};

// The transport that SETTINGS ask for; the password is read. Errors: those of read_secret_file()
// for smtp_password_file and the file with the private key; Errc::syntax where it holds no
// password.
policy::Result<MailTransport> load_mail_transport(const Settings& settings);

// What keeps load_mail_transport() from it: the option that names the file, and the message.
struct TransportFault {
  std::string_view option;
  std::string message;
};
std::optional<TransportFault> find_transport_fault(const Settings& settings);

// The sender for TRANSPORT. Opens nothing yet. Errc::syntax: no such transport.
policy::Result<std::unique_ptr<MailSender>> make_mail_sender(const MailTransport& transport);

}  // namespace tlsrpt::reporter
