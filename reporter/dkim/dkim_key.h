// DkimKey: a private key that signs, and what its public half looks like in DNS.
//
// RSA (RFC 6376, RFC 8301) and Ed25519 (RFC 8463); the same key and text give the same signature.
#pragma once

#include <openssl/evp.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "policy/result.h"
#include "reporter/secret_file.h"

namespace tlsrpt::reporter {

// RFC 8301, 3.2: signers should use at least 2048 bits, verifiers need not take more than 4096.
inline constexpr unsigned least_rsa_bits = 2048;
inline constexpr unsigned most_rsa_bits = 4096;

enum class DkimKeyType : std::uint8_t { rsa, ed25519 };

// "rsa", "ed25519": k= of a key record.
std::string_view to_text(DkimKeyType type);

class DkimKey {
 public:
  // The first private key in PEM, not encrypted. Errc::syntax: there is none, or it is of another
  // kind. Any size: check_size() judges it.
  static policy::Result<DkimKey> from_pem(std::string_view pem);
  // A new one; BITS are those of RSA. Errc::internal: OpenSSL failed.
  static policy::Result<DkimKey> generate(DkimKeyType type, unsigned bits);

  DkimKeyType type() const;
  unsigned bits() const;
  // Whether recipients take signatures of it: no RSA key that is too short or too long. The error
  // (Errc::limit) says how long it is.
  policy::Status check_size() const;
  // Unencrypted, PKCS#8. Errc::internal: OpenSSL failed.
  policy::Result<std::string> pem() const;
  // p= of its record: base64 of a SubjectPublicKeyInfo for RSA (RFC 6376, 3.6.1), of the key's 32
  // octets for Ed25519 (RFC 8463, 4.2). Errc::internal: OpenSSL failed.
  policy::Result<std::string> public_text() const;
  // Whether OCTETS, p= of a record decoded, are its public half. RSA: a SubjectPublicKeyInfo or, as
  // RFC 6376 can be read, a bare RSAPublicKey.
  bool has_public_half(std::string_view octets) const;
  // The octets of a signature of TEXT by rsa-sha256 or ed25519-sha256. Errc::internal: OpenSSL
  // failed.
  policy::Result<std::string> sign(std::string_view text) const;

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };
  explicit DkimKey(EVP_PKEY* key) : key_(key) {}

  std::unique_ptr<EVP_PKEY, Free> key_;
};

// SHA-256 of TEXT, 32 octets.
std::string sha256(std::string_view text);

// The key in the file PATH, which read_secret_file() reads for READER. Errors are its;
// Errc::syntax: no key; Errc::limit: check_size(). Messages begin with PATH.
policy::Result<DkimKey> load_dkim_key(const std::string& path, const SecretReader& reader);

}  // namespace tlsrpt::reporter
