// MailTrouble: whether mail as a whole does not leave, which is no fault of the receivers.
//
// Each refusal by itself is a matter between a receiver and its record. A small site has one or two
// reports a day, so that only what several attempts have in common tells that it is our own doing.
#pragma once

#include <string>

#include "policy/result.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {

// The latest error of those deliveries by mail that were tried in the day before NOW, if that looks
// like a fault of our own: none was sent, and one was not even taken by mail_transport, or has
// expired, or those to several receivers failed alike, or there are five of them or more. Empty
// otherwise. Errors are the store's.
policy::Result<std::string> mail_trouble(Store& store, policy::UtcSeconds now);

}  // namespace tlsrpt::reporter
