#include "reporter/deliver/sendmail_sender.h"

#include <sysexits.h>

#include "reporter/deliver/child_process.h"

namespace tlsrpt::reporter {
namespace {

// The message with LF line ends, as sendmail(1) wants it; a CR that ends no line stays.
std::string with_lf(const std::string& message) {
  std::string out;
  out.reserve(message.size());
  for (std::size_t i = 0; i < message.size(); ++i) {
    if (message[i] == '\r' && i + 1 < message.size() && message[i + 1] == '\n') continue;
    out += message[i];
  }
  return out;
}

}  // namespace

DeliveryOutcome sendmail_outcome(int exit_status, std::string_view text) {
  constexpr int not_executable = 126;  // What a shell says, such as that of a wrapper.
  constexpr int not_there = 127;
  switch (exit_status) {
    case EX_OK:
      return delivered_outcome();
    case EX_DATAERR:
    case EX_NOUSER:
    case EX_NOHOST:
    case EX_UNAVAILABLE:
      return permanent_outcome(text);
    case EX_USAGE:
    case EX_OSERR:
    case EX_OSFILE:
    case EX_NOPERM:
    case EX_CONFIG:
    case not_executable:
    case not_there:
      return host_failure(text);
    default:
      return temporary_outcome(text);
  }
}

DeliveryOutcome SendmailSender::send(const OutgoingMail& mail) {
  if (!is_envelope_address(mail.recipient)) {
    return permanent_outcome("unusable recipient " + mail.recipient);
  }
  const std::string& sender = mail.sender.empty() ? mail_from_ : mail.sender;
  const auto ran =
      run_child({path_, "-i", "-f", sender, "--", mail.recipient}, with_lf(mail.message), timeout_);
  if (!ran.ok()) return host_failure(ran.error().message());
  std::string text;
  if (ran->timed_out) {
    text = path_ + " gave no answer for " +
           std::to_string(std::chrono::duration_cast<std::chrono::seconds>(timeout_).count()) +
           " s and was ended";
  } else if (ran->signal != 0) {
    text = path_ + " was ended by signal " + std::to_string(ran->signal);
  } else if (ran->exit_status != 0) {
    text = path_ + " exited with status " + std::to_string(ran->exit_status);
  } else if (!ran->read_all) {
    text = path_ + " did not read the whole message";
  } else {
    return delivered_outcome();
  }
  if (!ran->errors.empty()) text += ": " + ran->errors;
  if (ran->timed_out || ran->signal != 0) return host_failure(text);
  if (ran->exit_status == 0) return temporary_outcome(text);
  DeliveryOutcome outcome = sendmail_outcome(ran->exit_status, text);
  // What Postfix's sendmail(1) says of more than message_size_limit.
  outcome.too_large = outcome.kind == OutcomeKind::permanent &&
                      ran->errors.find("message file too big") != std::string::npos;
  return outcome;
}

}  // namespace tlsrpt::reporter
