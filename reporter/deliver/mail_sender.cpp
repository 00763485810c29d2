#include "reporter/deliver/mail_sender.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "policy/text.h"
#include "reporter/deliver/directory_sender.h"
#include "reporter/deliver/sendmail_sender.h"
#include "reporter/deliver/smtp_sender.h"

namespace tlsrpt::reporter {

bool is_envelope_address(std::string_view text) {
  constexpr std::size_t max_length = 320;  // RFC 5321, 4.5.3.1: 64 + 1 + 255.
  if (text.empty() || text.size() > max_length) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

policy::Result<std::unique_ptr<MailSender>> make_mail_sender(const std::string& transport,
                                                             const std::string& mail_from) {
  constexpr std::string_view sendmail = "sendmail:";
  constexpr std::string_view directory = "directory:";
  constexpr std::string_view smtp = "smtp://";
  std::unique_ptr<MailSender> sender;
  if (transport.starts_with(sendmail)) {
    sender = std::make_unique<SendmailSender>(transport.substr(sendmail.size()), mail_from);
  } else if (transport.starts_with(directory)) {
    sender = std::make_unique<DirectorySender>(transport.substr(directory.size()));
  } else if (transport.starts_with(smtp)) {
    sender = std::make_unique<SmtpSender>(transport, mail_from);
  } else {
    return policy::Error(policy::Errc::syntax,
                         "unknown mail_transport " + policy::escape_untrusted(transport));
  }
  return sender;
}

}  // namespace tlsrpt::reporter
