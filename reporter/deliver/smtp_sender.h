// SmtpSender: mail_transport `smtp://HOST[:PORT]`, a relay of the site that speaks SMTP.
//
// At SmtpTlsLevel::may, STARTTLS is used where offered, without verification; where it fails the
// message goes in clear: reports are delivered in spite of TLS failures (RFC 8460, 3 and 5.3). At
// the other levels nothing goes in clear, for those who submit with AUTH or a certificate
// (RFC 4954, RFC 6409). An address with UTF-8 in its local part goes only where SMTPUTF8 is offered
// (RFC 6531, 3.1). The connection is kept for the next message. Proxies of the environment are not
// used.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "reporter/deliver/curl_handle.h"
#include "reporter/deliver/mail_sender.h"

namespace tlsrpt::reporter {

struct SmtpTimeouts {
  std::chrono::milliseconds connect{30'000};
  std::chrono::seconds reply{300};               // RFC 5321, 4.5.3.2: 5 minutes for most commands.
  std::chrono::milliseconds total{14 * 60'000};  // Of one message, second attempts included.
};

class SmtpSender : public MailSender {
 public:
  SmtpSender(std::string url, std::string mail_from, SmtpSecurity security = {},
             SmtpTimeouts timeouts = {});

  // Permanent: 5xx to MAIL, RCPT, DATA or the message. A 5xx greeting or EHLO reply speaks of us or
  // of the moment, not of this message: temporary, as are 4xx, time-outs and lost connections.
  // What a server says of authorisation at RCPT (5.7.x, such as "Relay access denied") may be
  // mended on our side: temporary. Permanent, too, where the recipient needs SMTPUTF8 and the
  // server does not offer it.
  DeliveryOutcome send(const OutgoingMail& mail) override;
  // Connects, with TLS and AUTH as for a message, and hands nothing over: whether that works.
  DeliveryOutcome greet();

 private:
  enum class Tls { as_configured, none };
  struct Dialogue;

  // Hands MAIL over, or greets only where there is none: on a new connection where the kept one is
  // stale, and without TLS where that fails.
  CURLcode perform(const OutgoingMail* mail, Dialogue& dialogue);
  CURLcode attempt(const OutgoingMail* mail, Tls tls, bool fresh, Dialogue& dialogue);
  // Whether the server that answered has not let us say who we are.
  bool lacks_authentication() const { return !security_.user.empty() && !is_authenticated_; }
  void set_security(Tls tls);
  void set_connection(Tls tls, bool fresh, Dialogue& dialogue);
  void set_message(const OutgoingMail& mail, Dialogue& dialogue);
  DeliveryOutcome judge(CURLcode code, const Dialogue& dialogue) const;

  std::string url_;
  std::string mail_from_;
  SmtpSecurity security_;
  SmtpTimeouts timeouts_;
  // By the server of the kept connection, which points to it; we have none.
  std::unique_ptr<bool> asked_for_certificate_ = std::make_unique<bool>(false);
  CurlEasy handle_;
  CurlList recipients_;            // The handle points to it while it works.
  bool tls_fails_ = false;         // Seen once; the next message does not try again.
  bool offers_smtputf8_ = false;   // The server of the kept connection.
  bool is_authenticated_ = false;  // To that server, as security_.user.
};

}  // namespace tlsrpt::reporter
