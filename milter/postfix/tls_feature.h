// TlsFeature: the value of `tls=` in a delivery line of Postfix >= 3.11
// (smtp_log_tls_feature_status).
//
// Features are joined by '/', the first is the TLS level: `!` before it means that the policy was
// violated, `?` behind it that the connection ended before TLS was decided, `:x` that it was
// downgraded to x. REQUIRETLS features behind it say nothing of the recipient and are ignored.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tlsrpt::milter {

enum class TlsState : std::uint8_t {
  not_wanted,  // none
  undecided,   // may?
  violated,    // !secure
  plaintext,   // may:none
  encrypted,   // may, secure, dane:encrypt
};

struct TlsFeature {
  TlsState state = TlsState::undecided;
  bool is_dane = false;             // dane, half-dane or dane-only.
  bool is_unauthenticated = false;  // dane:encrypt: the TLSA records were unusable.
};

// None: a level that no Postfix up to 3.12 logs.
std::optional<TlsFeature> parse_tls_feature(std::string_view text);

}  // namespace tlsrpt::milter
