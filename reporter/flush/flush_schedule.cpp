#include "reporter/flush/flush_schedule.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include "policy/text.h"
#include "reporter/report/report_name.h"

namespace tlsrpt::reporter {
namespace {

using std::chrono::seconds;

// 64 bits that look random and depend on TEXT only.
std::uint64_t hash_of(std::string_view text) {
  const std::string digits = short_hash(text);
  std::uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + 16, value, 16);
  return value;
}

// Deliveries made at the same moment to the same receiver must not come back together.
std::string retry_key(const Delivery& delivery) {
  return std::to_string(delivery.report_id) + " " + delivery.destination;
}

}  // namespace

std::string suppressed_text(const Suppression& suppression) {
  return "suppressed until " + policy::to_text(suppression.until) + ": " + suppression.reason;
}

std::string why_open(policy::UtcDay day, policy::UtcSeconds now, const Settings& settings,
                     const std::vector<CollectorInfo>& collectors) {
  const policy::UtcSeconds end = end_of(day);
  if (now < end) return "the day is not over";
  if (now >= end + settings.close_latest) return "";
  if (now < end + settings.day_grace) return "waits for late log lines (day_grace)";
  const auto missing = missing_collectors(day, now, settings, collectors);
  if (missing.empty()) return "";
  std::string text = "waits for " + missing.front();
  for (std::size_t i = 1; i < missing.size(); ++i) text += "; " + missing[i];
  return text;
}

std::vector<std::string> missing_collectors(policy::UtcDay day, policy::UtcSeconds now,
                                            const Settings& settings,
                                            const std::vector<CollectorInfo>& collectors) {
  std::vector<std::string> missing;
  for (const CollectorInfo& each : collectors) {
    if (each.committed_at < now - collector_silence) continue;
    // A log whose stamps are ahead of the time at which they were read proves nothing, nor does a
    // collector whose clock was ahead.
    std::optional<policy::UtcSeconds> read = each.read_until;
    if (read) read = std::min(*read, each.committed_at);
    const bool is_ahead = each.committed_at > now + clocks_differ;
    if (read && !is_ahead && *read >= end_of(day) + settings.day_grace) continue;
    missing.push_back(policy::escape_untrusted(each.relay) + " (" +
                      policy::escape_untrusted(each.source) + "), which has read up to " +
                      (read ? policy::to_text(*read) : std::string("nowhere")) +
                      (is_ahead ? ", by a clock that was ahead" : ""));
  }
  return missing;
}

bool is_late(policy::UtcDay day, policy::UtcSeconds now, const Settings& settings) {
  return now > end_of(day) + settings.report_max_age;
}

seconds spread_offset(std::string_view organization, std::string_view domain, seconds spread) {
  if (spread.count() <= 0) return seconds(0);
  std::string key(organization);
  key.append(1, '\0').append(domain);
  return seconds(
      static_cast<std::int64_t>(hash_of(key) % static_cast<std::uint64_t>(spread.count())));
}

seconds retry_delay(unsigned attempts, std::string_view key, const Settings& settings) {
  seconds delay = settings.retry_min;
  for (unsigned i = 1; i < attempts && delay < settings.retry_max; ++i) delay *= 2;
  delay = std::min(delay, settings.retry_max);
  const std::int64_t half = delay.count() / 2;
  if (half == 0) return delay;
  const std::uint64_t random = hash_of(std::string(key) + " " + std::to_string(attempts));
  const auto shift = static_cast<std::int64_t>(random % static_cast<std::uint64_t>(half + 1));
  return delay - seconds(half / 2) + seconds(shift);
}

std::string_view set_aside_prefix() { return "set aside by " TLSRPT_VERSION ": "; }

Delivery set_aside(Delivery delivery, std::string_view why) {
  delivery.set_aside_by = TLSRPT_VERSION;
  delivery.last_error = std::string(set_aside_prefix()).append(why);
  return delivery;
}

Delivery give_up(Delivery delivery, std::string_view why, policy::UtcSeconds now) {
  delivery.state = DeliveryState::failed;
  delivery.set_aside_by.clear();
  // When it would have been: it is the latest of its destination.
  if (!delivery.first_attempt) delivery.first_attempt = now;
  delivery.last_attempt = now;
  delivery.last_error = why;
  return delivery;
}

Delivery put_off(Delivery delivery, const DeliveryOutcome& outcome, policy::UtcSeconds now,
                 policy::UtcSeconds believed, const Settings& settings) {
  delivery.last_error = outcome.text;
  const seconds longest = std::max(settings.report_max_age, settings.delivery_lifetime);
  if (believed >= delivery.created_at + longest) {
    delivery.state = DeliveryState::expired;
    return delivery;
  }
  seconds delay = retry_delay(delivery.attempts + 1, retry_key(delivery), settings);
  if (outcome.retry_after)
    delay = std::max(delay, std::min<seconds>(*outcome.retry_after, settings.delivery_lifetime));
  delivery.not_before = now + delay;
  if (!delivery.first_attempt) return delivery;
  const policy::UtcSeconds end = *delivery.first_attempt + settings.delivery_lifetime;
  if (now < end) delivery.not_before = std::min(delivery.not_before, end);
  return delivery;
}

Delivery not_taken(Delivery delivery, const DeliveryOutcome& outcome, policy::UtcSeconds now,
                   policy::UtcSeconds believed, const Settings& settings) {
  delivery = put_off(std::move(delivery), outcome, now, believed, settings);
  ++delivery.attempts;
  delivery.last_attempt = now;
  delivery.set_aside_by.clear();
  return delivery;
}

bool was_never_taken(const Delivery& delivery) {
  return delivery.last_attempt && !delivery.first_attempt;
}

Delivery after_attempt(Delivery delivery, const DeliveryOutcome& outcome, policy::UtcSeconds now,
                       policy::UtcSeconds believed, const Settings& settings) {
  ++delivery.attempts;
  delivery.set_aside_by.clear();
  if (!delivery.first_attempt) delivery.first_attempt = now;
  delivery.last_attempt = now;
  delivery.last_error = outcome.text;
  if (outcome.delivered()) {
    delivery.state = DeliveryState::sent;
    return delivery;
  }
  if (outcome.too_large && !delivery.is_smallest) {
    delivery.is_smallest = true;
    delivery.not_before = now;
    return delivery;
  }
  if (outcome.too_large) delivery.last_error = "in its smallest form, too: " + outcome.text;
  const bool is_final = outcome.too_large || !delivery.destination.starts_with("https:") ||
                        delivery.attempts >= https_refusals;
  if (outcome.kind == OutcomeKind::permanent && is_final) {
    delivery.state = DeliveryState::failed;
    return delivery;
  }
  const policy::UtcSeconds end = *delivery.first_attempt + settings.delivery_lifetime;
  if (believed >= end) {
    delivery.state = DeliveryState::expired;
    return delivery;
  }
  seconds delay = retry_delay(delivery.attempts, retry_key(delivery), settings);
  if (outcome.retry_after) delay = std::max(delay, *outcome.retry_after);
  // Beyond the end it goes on for as long as the clock is not believed.
  delivery.not_before = now < end ? std::min(now + delay, end) : now + delay;
  return delivery;
}

}  // namespace tlsrpt::reporter
