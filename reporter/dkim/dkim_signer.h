// DkimSigner: signs our messages (RFC 6376, RFC 8463), once with each key.
//
// relaxed/relaxed, the whole body (no l=), no t= and no x=: a recipient whose clock is behind would
// refuse a signature from its future. The same message and keys give the same bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/result.h"
#include "reporter/dkim/dkim_key.h"
#include "reporter/options/settings.h"

namespace tlsrpt::reporter {

struct DkimSelectorKey {
  std::string selector;
  DkimKey key;
};

class DkimSigner {
 public:
  DkimSigner(std::string domain, std::vector<DkimSelectorKey> keys)
      : domain_(std::move(domain)), keys_(std::move(keys)) {}

  const std::string& domain() const { return domain_; }
  const std::vector<DkimSelectorKey>& keys() const { return keys_; }
  // MESSAGE, which has CRLF line ends, with a DKIM-Signature of each key before it. Fields that are
  // signed stand twice in h=, so that nobody can add another of that name (RFC 6376, 8.15).
  // Errc::internal: OpenSSL failed.
  policy::Result<std::string> sign(std::string_view message) const;

 private:
  std::string domain_;
  std::vector<DkimSelectorKey> keys_;
};

// The signer that SETTINGS ask for; none where they do not. Key files are read, their permissions
// judged for the user that reports are sent as. The error is load_dkim_key()'s, or
// Errc::not_found where there is no such user.
policy::Result<std::optional<DkimSigner>> make_dkim_signer(const Settings& settings);

}  // namespace tlsrpt::reporter
