#include "reporter/bounce/bounce_judge.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "policy/rua_uri.h"
#include "policy/text.h"
#include "reporter/bounce/dead_address.h"
#include "reporter/deliver/outcome.h"
#include "reporter/report/smallest_form.h"
#include "reporter/report/verp.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Result;

constexpr std::string_view mailto = "mailto:";

// Either may say so: not every system makes a status of the reply that it got.
bool is_about_size(const BounceRecipient& recipient) {
  return is_too_large_status(recipient.status) || is_too_large_reply(recipient.diagnostic);
}

// The address that DELIVERY goes to, lower case; empty where it is none.
std::string address_of(const Delivery& delivery) {
  constexpr std::string_view bcc = "bcc:";
  if (delivery.destination.starts_with(bcc)) {
    return policy::to_lower(std::string_view(delivery.destination).substr(bcc.size()));
  }
  const auto uri = policy::parse_destination(delivery.destination);
  if (!uri.ok() || uri->scheme != policy::RuaScheme::mailto) return "";
  return policy::to_lower(uri->target);
}

bool names(const Bounce& bounce, const std::string& address) {
  return std::any_of(bounce.recipients.begin(), bounce.recipients.end(),
                     [&](const BounceRecipient& each) {
                       return policy::to_lower(each.original_recipient) == address ||
                              policy::to_lower(each.final_recipient) == address;
                     });
}

// The delivery of which SENDER has number and token.
Result<std::optional<Delivery>> find_by_sender(Store& store, const std::string& sender) {
  const auto verp = parse_verp_sender(sender);
  if (!verp) return std::optional<Delivery>();
  auto found = store.delivery(verp->number);
  if (!found.ok() || !*found) return found;
  const bool is_it =
      is_verp_token(verp->token, (*found)->message_id) && (*found)->destination.starts_with(mailto);
  return is_it ? std::move(found) : std::optional<Delivery>();
}

// The delivery whose message has MESSAGE_ID. An archive copy has the same: of the two, the one that
// BOUNCE names.
Result<std::optional<Delivery>> find_by_message(Store& store, const Bounce& bounce,
                                                const std::string& message_id) {
  auto found = store.deliveries_of_message(message_id);
  if (!found.ok()) return std::move(found).error();
  if (found->size() > 1) {
    std::erase_if(*found, [&](const Delivery& each) { return !names(bounce, address_of(each)); });
  }
  if (found->size() != 1) return std::optional<Delivery>();
  return std::optional(std::move(found->front()));
}

}  // namespace

BounceVerdict judge_bounce(const Bounce& bounce) {
  const auto& all = bounce.recipients;
  const bool all_failed = std::all_of(
      all.begin(), all.end(), [](const BounceRecipient& each) { return each.action == "failed"; });
  if (all.empty() || !all_failed) return BounceVerdict::nothing;
  const auto all_are = [&all](auto is) { return std::all_of(all.begin(), all.end(), is); };
  if (all_are(is_about_size)) return BounceVerdict::too_large;
  return all_are(is_dead_address) ? BounceVerdict::dead : BounceVerdict::failed;
}

std::string bounce_reason(const Bounce& bounce) {
  if (bounce.recipients.empty()) return "";
  const BounceRecipient& first = bounce.recipients.front();
  if (!first.diagnostic.empty()) return outcome_text("came back: " + first.diagnostic);
  if (!first.status.empty()) return "came back: status " + first.status;
  return "came back, without a reason";
}

Result<std::optional<Delivery>> find_bounced(Store& store, const Bounce& bounce) {
  for (const std::string& each : bounce.sent_to) {
    auto found = find_by_sender(store, each);
    if (!found.ok() || *found) return found;
  }
  for (const std::string& each : bounce.message_ids) {
    auto found = find_by_message(store, bounce, each);
    if (!found.ok() || *found) return found;
  }
  return std::optional<Delivery>();
}

Result<TakenBounce> take_bounce(Store& store, const Settings& settings, policy::UtcSeconds now,
                                std::string_view message) {
  const auto bounce = read_bounce(message);
  if (!bounce.ok()) {
    const bool is_other = bounce.error().code() == Errc::not_found;
    return TakenBounce{is_other ? BounceEffect::other_mail : BounceEffect::not_ours,
                       bounce.error().message()};
  }
  const auto found = find_bounced(store, *bounce);
  // A damaged row is told by --status; it is nobody's now.
  if (!found.ok() && found.error().code() != Errc::syntax) return found.error();
  if (!found.ok()) return TakenBounce{BounceEffect::not_ours, found.error().message()};
  if (!*found) return TakenBounce{BounceEffect::not_ours, "about none of our deliveries"};
  const Delivery& delivery = **found;
  const std::string reason = bounce_reason(*bounce);
  const std::string text = policy::escape_untrusted(delivery.destination) + ": " + reason;
  const BounceVerdict verdict = judge_bounce(*bounce);
  if (verdict == BounceVerdict::nothing) return TakenBounce{BounceEffect::none, text};
  if (verdict == BounceVerdict::too_large && !delivery.is_smallest) {
    const auto again = store.send_smallest(delivery.id, reason, now);
    if (!again.ok()) return again.error();
    return TakenBounce{*again ? BounceEffect::smallest : BounceEffect::none, text};
  }
  // What came back is the other form, taken in before: that one was not sent yet, or is not this.
  if (verdict == BounceVerdict::too_large &&
      (delivery.state == DeliveryState::pending || is_of_full_form(bounce->boundary))) {
    return TakenBounce{BounceEffect::none, text};
  }
  std::optional<Suppression> suppression;
  const bool is_rua = delivery.destination.starts_with(mailto);
  if (verdict == BounceVerdict::dead && is_rua && settings.suppress_time.count() > 0) {
    suppression = Suppression{delivery.destination, reason, now, now + settings.suppress_time};
  }
  const auto recorded = store.record_bounce(delivery.id, reason, suppression);
  if (!recorded.ok()) return recorded.error();
  if (!*recorded) return TakenBounce{BounceEffect::none, text};
  return TakenBounce{suppression ? BounceEffect::suppressed : BounceEffect::noted, text};
}

}  // namespace tlsrpt::reporter
