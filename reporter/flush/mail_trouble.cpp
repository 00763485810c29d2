#include "reporter/flush/mail_trouble.h"

#include <algorithm>
#include <chrono>
#include <string_view>

#include "policy/rua_uri.h"
#include "reporter/flush/due_queue.h"
#include "reporter/flush/flush_schedule.h"

namespace tlsrpt::reporter {
namespace {

// So many failures and no success are nobody else's doing, even where one aggregator receives all.
constexpr std::size_t many = 5;

void erase_all(std::string& text, std::string_view part) {
  if (part.empty()) return;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at)) {
    text.erase(at, part.size());
  }
}

// The error of DELIVERY without what is of its receiver only.
std::string common_error(const Delivery& delivery) {
  std::string text = delivery.last_error;
  const auto uri = policy::parse_destination(delivery.destination);
  if (!uri.ok()) return text;
  erase_all(text, uri->target);
  erase_all(text, uri->host);
  return text;
}

// Whether FAILURES are of several receivers, and all the same.
bool are_alike(const std::vector<Delivery>& failures) {
  const Delivery& first = failures.front();
  const std::string receiver = receiver_of(first.destination);
  const std::string error = common_error(first);
  bool several = false;
  for (const Delivery& each : failures) {
    if (common_error(each) != error) return false;
    if (receiver_of(each.destination) != receiver) several = true;
  }
  return several;
}

bool is_own_fault(const Delivery& delivery) {
  return delivery.state == DeliveryState::expired || was_never_taken(delivery);
}

}  // namespace

policy::Result<std::string> mail_trouble(Store& store, policy::UtcSeconds now) {
  auto mail = store.recent_mail(now - std::chrono::days(1));
  if (!mail.ok()) return std::move(mail).error();
  // What is damaged in the store is told elsewhere.
  std::erase_if(mail->failures, [](const Delivery& each) { return each.destination.empty(); });
  const auto& failures = mail->failures;
  if (mail->sent || failures.empty()) return std::string();
  const bool own = std::any_of(failures.begin(), failures.end(), is_own_fault);
  return own || failures.size() >= many || are_alike(failures) ? failures.front().last_error
                                                               : std::string();
}

}  // namespace tlsrpt::reporter
