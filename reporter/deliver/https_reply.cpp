#include "reporter/deliver/https_reply.h"

#include <curl/curl.h>

#include <algorithm>
#include <string>

#include "policy/text.h"

namespace tlsrpt::reporter {

std::optional<std::chrono::seconds> parse_retry_after(std::string_view field,
                                                      policy::UtcSeconds now) {
  // More patience than that means never; the delivery's lifetime ends sooner.
  constexpr std::chrono::seconds most{366 * 24 * 3600};
  field = policy::trim(field);
  if (field.empty()) return std::nullopt;
  if (field.find_first_not_of("0123456789") == std::string_view::npos) {
    const auto seconds = policy::parse_number<std::uint32_t>(field);
    return seconds ? std::min(std::chrono::seconds(*seconds), most) : most;
  }
  if (field.front() >= '0' && field.front() <= '9') return std::nullopt;
  const std::time_t instant = curl_getdate(std::string(field).c_str(), nullptr);
  if (instant < 0) return std::nullopt;
  const auto left = policy::from_unix_seconds(instant) - now;
  return std::clamp(left, std::chrono::seconds(0), most);
}

DeliveryOutcome judge_https_reply(long status, std::optional<std::chrono::seconds> retry_after) {
  if (status >= 200 && status <= 299) return delivered_outcome();
  const std::string text = "HTTP " + std::to_string(status);
  if (status >= 300 && status <= 399) return permanent_outcome(text + " (redirect not followed)");
  const bool come_again = status == 408 || status == 425 || status == 429 || status >= 500;
  if (!come_again) {
    DeliveryOutcome refused = permanent_outcome(text);
    refused.too_large = status == 413;  // RFC 9110, 15.5.14: Content Too Large.
    return refused;
  }
  DeliveryOutcome outcome = temporary_outcome(text);
  outcome.retry_after = retry_after;
  outcome.host_failed = status == 429 || status == 503;
  return outcome;
}

}  // namespace tlsrpt::reporter
