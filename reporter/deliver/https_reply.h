// What an HTTP reply means for a report that was posted.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "policy/utc_day.h"
#include "reporter/deliver/outcome.h"

namespace tlsrpt::reporter {

// The patience that a Retry-After field asks for at NOW: seconds, or an HTTP date (RFC 9110,
// 10.2.3) which counts as zero where it has passed. None: the field says neither.
std::optional<std::chrono::seconds> parse_retry_after(std::string_view field,
                                                      policy::UtcSeconds now);

// RFC 8460, 5.4: 2xx is success ("typically 200 or 201"), nothing else is. 408, 425, 429 and 5xx
// ask to come again, with RETRY_AFTER where given; all other replies, redirects among them (which
// are never followed), are permanent: the same post will be answered the same. 429 and 503 speak
// for the whole host.
DeliveryOutcome judge_https_reply(long status, std::optional<std::chrono::seconds> retry_after);

}  // namespace tlsrpt::reporter
