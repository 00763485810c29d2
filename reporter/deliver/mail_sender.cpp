#include "reporter/deliver/mail_sender.h"

#include <string_view>
#include <utility>

#include "policy/text.h"
#include "reporter/deliver/directory_sender.h"
#include "reporter/deliver/sendmail_sender.h"
#include "reporter/deliver/smtp_sender.h"
#include "reporter/secret_file.h"

namespace tlsrpt::reporter {

bool is_envelope_address(std::string_view text) {
  constexpr std::size_t max_length = 320;  // RFC 5321, 4.5.3.1: 64 + 1 + 255.
  return !text.empty() && text.size() <= max_length && policy::is_printable(text);
}

namespace {

using policy::Errc;
using policy::Error;

// Why the private key of our certificate is no secret, or cannot be read.
std::optional<TransportFault> find_key_fault(const Settings& settings) {
  constexpr std::size_t max_key_file = std::size_t{256} * 1024;  // With a chain of certificates.
  const bool is_apart = !settings.smtp_tls_key_file.empty();
  const std::string& path = is_apart ? settings.smtp_tls_key_file : settings.smtp_tls_cert_file;
  if (path.empty()) return std::nullopt;
  const auto reader = find_secret_reader(settings);
  const auto key = reader.ok() ? read_secret_file(path, *reader, max_key_file) : reader.error();
  if (key.ok()) return std::nullopt;
  return TransportFault{is_apart ? "smtp_tls_key_file" : "smtp_tls_cert_file",
                        key.error().message()};
}

}  // namespace

std::optional<TransportFault> find_transport_fault(const Settings& settings) {
  if (auto fault = find_key_fault(settings)) return fault;
  const auto transport = load_mail_transport(settings);
  if (transport.ok()) return std::nullopt;
  return TransportFault{"smtp_password_file", transport.error().message()};
}

policy::Result<MailTransport> load_mail_transport(const Settings& settings) {
  constexpr std::size_t max_password_file = 1024;
  MailTransport transport{
      settings.mail_transport,
      settings.mail_from,
      {settings.smtp_tls_level, settings.smtp_tls_ca_file, settings.smtp_tls_cert_file,
       settings.smtp_tls_key_file, settings.smtp_user, ""}};
  if (const auto fault = find_key_fault(settings)) return Error(Errc::io, fault->message);
  if (settings.smtp_user.empty()) return transport;
  const auto reader = find_secret_reader(settings);
  if (!reader.ok()) return reader.error();
  const std::string& path = settings.smtp_password_file;
  const auto text = read_secret_file(path, *reader, max_password_file);
  if (!text.ok()) return text.error();
  transport.smtp.password = text->substr(0, text->find_first_of("\r\n"));
  if (transport.smtp.password.empty()) {
    return policy::Error(policy::Errc::syntax,
                         policy::escape_untrusted(path) + ": the first line holds no password");
  }
  return transport;
}

policy::Result<std::unique_ptr<MailSender>> make_mail_sender(const MailTransport& transport) {
  constexpr std::string_view sendmail = "sendmail:";
  constexpr std::string_view directory = "directory:";
  constexpr std::string_view smtp = "smtp://";
  const std::string& place = transport.place;
  std::unique_ptr<MailSender> sender;
  if (place.starts_with(sendmail)) {
    sender = std::make_unique<SendmailSender>(place.substr(sendmail.size()), transport.mail_from);
  } else if (place.starts_with(directory)) {
    sender = std::make_unique<DirectorySender>(place.substr(directory.size()));
  } else if (place.starts_with(smtp)) {
    sender = std::make_unique<SmtpSender>(place, transport.mail_from, transport.smtp);
  } else {
    return policy::Error(policy::Errc::syntax,
                         "unknown mail_transport " + policy::escape_untrusted(place));
  }
  return sender;
}

}  // namespace tlsrpt::reporter
