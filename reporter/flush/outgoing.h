// From a stored delivery to what is handed over: a message and its envelope, or an https post.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "policy/result.h"
#include "policy/rua_uri.h"
#include "reporter/deliver/mail_sender.h"
#include "reporter/dkim/dkim_signer.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {

struct OutgoingPost {
  policy::RuaUri destination;
  std::string json_gz;
};

// Whom our messages are from, and who signs them.
struct OutgoingSender {
  std::string mail_from;
  char verp_delimiter = '\0';          // '\0': the envelope sender is mail_from.
  const DkimSigner* signer = nullptr;  // None: nobody does, or a later hop. Outlives its use.
};

// What DELIVERY of REPORT hands over. SIBLINGS are all deliveries of the report in their order, of
// which it is one: its place there numbers its file, and the archive copy is a copy of the first
// message. Errc::syntax: the stored texts are not what we store; Errc::limit: it was too large, and
// has no smaller form; Errc::internal: it
// cannot be signed.
// An archive copy has no sender of its own: its Message-ID, and so the token, are another's.
policy::Result<std::variant<OutgoingMail, OutgoingPost>> make_outgoing(
    const StoredReport& report, const Delivery& delivery, const std::vector<Delivery>& siblings,
    const OutgoingSender& sender);

}  // namespace tlsrpt::reporter
