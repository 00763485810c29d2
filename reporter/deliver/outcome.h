// How one attempt to hand a report over ended.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tlsrpt::reporter {

enum class OutcomeKind : std::uint8_t {
  delivered,
  temporary,  // May succeed later.
  permanent,  // The other side refused for good.
};

struct DeliveryOutcome {
  OutcomeKind kind = OutcomeKind::temporary;
  // Why not; for a delivery that succeeded a remark, or empty. Chosen by strangers in part:
  // escaped, cut to max_outcome_text, one line.
  std::string text;
  std::optional<std::chrono::seconds> retry_after;  // The other side asks for this much patience.
  // It was not about this report: the host or program could not be reached, does not work, does
  // not let us in or wants to be left alone, so that others to it would end alike now.
  bool host_failed = false;
  // Permanent, because the report is larger than the other side takes.
  bool too_large = false;

  bool delivered() const { return kind == OutcomeKind::delivered; }
};

// A reply of a stranger's server is shown in --status; more than this tells nobody anything.
inline constexpr std::size_t max_outcome_text = 300;

// TEXT on one line, escaped and cut so that it can be stored and shown.
std::string outcome_text(std::string_view text);

// Whether STATUS (RFC 3463, 3.3 and 3.4) says that a message is larger than the mailbox, or the
// system, takes.
bool is_too_large_status(std::string_view status);
// Whether a server's REPLY to a message says that: by its status, or by 552 (RFC 1870, 6.1 and
// 6.3). A full mailbox may say 552, too.
bool is_too_large_reply(std::string_view reply);

inline DeliveryOutcome delivered_outcome() {
  return {OutcomeKind::delivered, "", std::nullopt, false};
}
DeliveryOutcome temporary_outcome(std::string_view text);
DeliveryOutcome permanent_outcome(std::string_view text);
// A temporary one with host_failed.
DeliveryOutcome host_failure(std::string_view text);

}  // namespace tlsrpt::reporter
