// MailWatch: what is learnt of the message that passes the milter.
//
// Only our own Message-IDs are kept, and of the envelope sender only whether it is one of ours; of
// other people's Message-IDs, addresses and subjects nothing is kept beyond the call that brought
// them (design, section 3). It knows nothing of libmilter. One thread at a time.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "milter/mail/report_mail.h"
#include "policy/domain_name.h"

namespace tlsrpt::milter {

class MailWatch {
 public:
  // A new message; forgets the one before. SENDER_IS_LISTED: see is_listed_sender().
  void begin(bool sender_is_listed);
  // A header, without its colon. The last Message-ID counts, as it does in the log.
  void header(std::string_view name, std::string_view value);
  // The message is complete. None: nothing in it looks like a report, or QUEUE_ID is none.
  std::optional<ReportMail> end(std::string_view queue_id) const;

 private:
  ReportMail mail_;
};

// Whether the reverse-path SENDER, with or without angle brackets, is in SENDERS (lower case), or
// is one of them with what names a delivery added (reporter/report/verp.h).
bool is_listed_sender(std::string_view sender, const std::vector<std::string>& senders);

// The domain of the forward-path RECIPIENT, with or without angle brackets. None: it has none, or
// one that cannot be a recipient domain of a policy.
std::optional<policy::DomainName> recipient_domain(std::string_view recipient);

}  // namespace tlsrpt::milter
