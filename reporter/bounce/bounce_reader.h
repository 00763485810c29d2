// Reader of delivery status notifications (RFC 3464 in a multipart/report of RFC 6522): what a mail
// system says became of a message.
//
// Total: any bytes give a notification or an error. All of it was written by strangers; what it
// claims counts only for deliveries that it proves to know (bounce_judge.h).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "policy/result.h"

namespace tlsrpt::reporter {

// Our messages have one recipient; some lists expand to a few. What is beyond is left out, and
// hides that it was: so much would be no notification about a report.
inline constexpr std::size_t max_bounce_recipients = 100;
// Senders and Message-IDs that a notification may name.
inline constexpr std::size_t max_bounce_names = 50;
// What is read of one: a report with its largest attachment comes back whole from some systems.
inline constexpr std::size_t max_bounce_size = std::size_t{32} * 1024 * 1024;

// The fields of one recipient (RFC 3464, 2.3), without address types and comments; empty where
// absent.
struct BounceRecipient {
  std::string final_recipient;
  std::string original_recipient;
  std::string action;      // Lower case: failed, delayed, delivered, relayed, expanded.
  std::string status;      // "5.1.1".
  std::string diagnostic;  // "550 5.1.1 User unknown", on one line.
};

struct Bounce {
  std::vector<std::string> sent_to;      // Addresses that the notification came to, as it says.
  std::vector<std::string> message_ids;  // Of what came back, with angle brackets.
  std::vector<BounceRecipient> recipients;
  std::string boundary;  // Between the parts of what came back; empty: it does not say.
};

// Whether TEXT has the form of an enhanced status code, such as "5.1.10" (RFC 3463, 2).
bool is_status_code(std::string_view text);

// The addresses that MESSAGE, a bounce or not, came to, as its header says: at most
// max_bounce_names.
std::vector<std::string> addresses_of(std::string_view message);

// What MESSAGE says. Errc::not_found: it is no notification; Errc::syntax: it is one, damaged.
policy::Result<Bounce> read_bounce(std::string_view message);

}  // namespace tlsrpt::reporter
