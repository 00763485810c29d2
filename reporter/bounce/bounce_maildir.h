// Bounces that lie in a Maildir (option bounce_maildir).
//
// Each message in new/ is taken in, then moved to cur/: as seen, where it was a notification about
// one of our deliveries; as unseen, where it is for a person to read. Nothing in cur/ is replaced.
// A crash in between only has it taken in again, which changes nothing.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "policy/result.h"

namespace tlsrpt::reporter {

// Messages of one run; what is beyond waits for the next.
inline constexpr std::size_t max_bounces_a_run = 10'000;

struct MaildirSummary {
  std::size_t taken = 0;   // Ours.
  std::size_t others = 0;  // Left for a person.
};

// Whether MESSAGE was one of ours. An error ends the reading: the message stays in new/.
using TakeMessage = std::function<policy::Result<bool>(std::string_view message)>;

// Hands every message in new/ of the Maildir at PATH to TAKE, in the order of their names. At most
// max_bounce_size octets of each are read. Errc::not_found: there is no such Maildir, or no new/ or
// cur/ in it; Errc::io: those cannot be written, and nothing was taken, or something in it cannot
// be read or moved (all others were); else TAKE's error.
policy::Result<MaildirSummary> take_maildir(const std::string& path, const TakeMessage& take);

}  // namespace tlsrpt::reporter
