// The callbacks that libmilter calls, and what they may do: look on.
//
// Every callback goes through one guard: it never throws, and whatever fails in it, the answer is
// that the message goes on unchanged. The action mask is 0, so that the MTA would refuse any change
// from us; of the protocol only what is needed is asked for, and no reply but that at the end of a
// message. libmilter's threads call; where no inbox is open they answer all the same.
#pragma once

#include <libmilter/mfapi.h>

#include "milter/mail/milter_inbox.h"

namespace tlsrpt::milter {

inline constexpr const char* milter_name = "tlsrpt-milter";

// From now on what the callbacks learn goes to INBOX, until close_inbox() returns. One at a time.
void open_inbox(MilterInbox& inbox);
// No callback touches the inbox after this. Nothing happens where none is open.
void close_inbox();

// For smfi_register(3).
smfiDesc milter_description();

}  // namespace tlsrpt::milter
