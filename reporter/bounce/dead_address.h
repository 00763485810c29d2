// Which failures say that an address takes no mail of anybody, as opposed to: not from us, not this
// one, not now.
#pragma once

#include "reporter/bounce/bounce_reader.h"

namespace tlsrpt::reporter {

// Whether RECIPIENT has failed because there is no such mailbox or domain, or the mailbox is
// disabled. Its status decides; where that names only a class (5.0.0), the enhanced code in its
// diagnostic; where there is none either, an SMTP reply of 550, 551 or 553 there. A temporary reply
// never does: what has expired may be there tomorrow.
bool is_dead_address(const BounceRecipient& recipient);

}  // namespace tlsrpt::reporter
