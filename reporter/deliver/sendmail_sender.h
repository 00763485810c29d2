// SendmailSender: mail_transport `sendmail:PATH`, the local MTA's sendmail(1).
//
// Runs `PATH -i -f MAIL_FROM -- RECIPIENT` with the message on its standard input: fixed argument
// vector, no shell, an environment of PATH and LC_ALL only, a process group of its own.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "reporter/deliver/mail_sender.h"

namespace tlsrpt::reporter {

// What an exit status of sendmail(1) means for the message (sysexits.h). Permanent is what names
// the message or its recipient: EX_DATAERR, EX_NOUSER, EX_NOHOST, EX_UNAVAILABLE (what Postfix's
// sendmail(1) gives for a message that cleanup(8) refuses). What names neither, but us or the
// installation, is a failure of the host: EX_USAGE, EX_OSERR, EX_OSFILE, EX_NOPERM, EX_CONFIG, and
// a shell's 126 and 127 for a program that is not there. All else is temporary.
DeliveryOutcome sendmail_outcome(int exit_status, std::string_view text);

class SendmailSender : public MailSender {
 public:
  // Postfix answers at once, but a full queue disk or a content filter in the way may not.
  static constexpr std::chrono::seconds default_timeout{120};

  SendmailSender(std::string path, std::string mail_from,
                 std::chrono::milliseconds timeout = default_timeout)
      : path_(std::move(path)), mail_from_(std::move(mail_from)), timeout_(timeout) {}

  // After the time-out the program's process group is killed. A program that ends well without
  // having read the whole message has not taken it over: temporary.
  DeliveryOutcome send(const OutgoingMail& mail) override;

 private:
  std::string path_;
  std::string mail_from_;
  std::chrono::milliseconds timeout_;
};

}  // namespace tlsrpt::reporter
