// What a delivery status notification means for one of our deliveries.
//
// Only what proves to know a delivery changes anything: the token in its envelope sender (verp.h)
// or its Message-ID, both with random bits that nobody but us and its recipient has. A forged
// notification without either is nobody's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "policy/result.h"
#include "reporter/bounce/bounce_reader.h"
#include "reporter/options/settings.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {

enum class BounceVerdict : std::uint8_t {
  nothing,    // Delayed, relayed, delivered, expanded; or not for every recipient that it names.
  failed,     // Given up, or refused for what is not the address: the next one may arrive.
  too_large,  // Refused for its size.
  dead,       // There is no such address: the next one will fail, too (dead_address.h).
};
BounceVerdict judge_bounce(const Bounce& bounce);

// What the notification says about the failure, on one line, as DeliveryOutcome::text.
std::string bounce_reason(const Bounce& bounce);

// The one delivery that BOUNCE proves to be about, none where there is none. Errors are the
// store's.
policy::Result<std::optional<Delivery>> find_bounced(Store& store, const Bounce& bounce);

enum class BounceEffect : std::uint8_t {
  other_mail,  // No notification at all.
  not_ours,    // About none of our deliveries.
  none,        // About one of them, and no failure, or one that is known.
  noted,       // The delivery has failed.
  smallest,    // It is sent again in the smallest form.
  suppressed,  // And nothing is sent to its address for suppress_time.
};
struct TakenBounce {
  BounceEffect effect = BounceEffect::not_ours;
  std::string text;  // What was found, for -v; may be shown.
};
// Takes MESSAGE in at NOW. Taken in again it changes nothing, as its delivery has failed then.
// Errors are the store's.
policy::Result<TakenBounce> take_bounce(Store& store, const Settings& settings,
                                        policy::UtcSeconds now, std::string_view message);

}  // namespace tlsrpt::reporter
