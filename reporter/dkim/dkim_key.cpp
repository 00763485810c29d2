#include "reporter/dkim/dkim_key.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <utility>

#include "policy/text.h"
#include "reporter/report/base64.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Result;

// A key of 4096 bits in PEM has some 3,300 octets.
constexpr std::size_t max_key_file = 64UL * 1024;
constexpr std::size_t ed25519_size = 32;

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using UniqueBio = std::unique_ptr<BIO, FreeBio>;

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using UniqueKey = std::unique_ptr<EVP_PKEY, FreeKey>;

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

// Instead of OpenSSL's own, which asks the terminal.
int no_password(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/) { return -1; }

const unsigned char* octets(std::string_view text) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): OpenSSL's octets.
  return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* octets(std::string& text) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): OpenSSL's octets.
  return reinterpret_cast<unsigned char*>(text.data());
}

// Of an Ed25519 key; empty: OpenSSL failed.
std::string raw_public_key(const EVP_PKEY* key) {
  std::string raw(ed25519_size, '\0');
  std::size_t size = raw.size();
  if (EVP_PKEY_get_raw_public_key(key, octets(raw), &size) != 1) return {};
  return raw;
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

Error openssl_failed(const char* what) {
  return {Errc::internal, std::string("OpenSSL cannot ") + what};
}

}  // namespace

std::string_view to_text(DkimKeyType type) { return type == DkimKeyType::rsa ? "rsa" : "ed25519"; }

std::string sha256(std::string_view text) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(octets(text), text.size(), octets(digest));
  return digest;
}

Result<DkimKey> DkimKey::from_pem(std::string_view pem) {
  if (pem.size() > max_key_file) return Error(Errc::limit, "is too large for a key");
  const UniqueBio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (bio == nullptr) return openssl_failed("allocate memory");
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr);
  if (key == nullptr) {
    return Error(Errc::syntax, "holds no private key in PEM that can be read without a password");
  }
  DkimKey made(key);
  const int kind = EVP_PKEY_get_base_id(key);
  if (kind != EVP_PKEY_RSA && kind != EVP_PKEY_ED25519) {
    return Error(Errc::syntax, "holds neither an RSA nor an Ed25519 key");
  }
  return made;
}

Result<DkimKey> DkimKey::generate(DkimKeyType type, unsigned bits) {
  EVP_PKEY* key = type == DkimKeyType::rsa
                      ? EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(bits))
                      : EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  if (key == nullptr) return openssl_failed("make a key");
  return DkimKey(key);
}

DkimKeyType DkimKey::type() const {
  return EVP_PKEY_get_base_id(key_.get()) == EVP_PKEY_RSA ? DkimKeyType::rsa : DkimKeyType::ed25519;
}

unsigned DkimKey::bits() const { return static_cast<unsigned>(EVP_PKEY_get_bits(key_.get())); }

policy::Status DkimKey::check_size() const {
  if (type() != DkimKeyType::rsa || (bits() >= least_rsa_bits && bits() <= most_rsa_bits)) {
    return policy::Unit{};
  }
  return Error(Errc::limit, "is an RSA key of " + std::to_string(bits()) +
                                " bits; recipients take 2048 to 4096");
}

Result<std::string> DkimKey::pem() const {
  const UniqueBio bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0,
                                                      nullptr, nullptr) != 1) {
    return openssl_failed("write a key");
  }
  return text_of(bio.get());
}

Result<std::string> DkimKey::public_text() const {
  if (type() == DkimKeyType::ed25519) {
    const std::string raw = raw_public_key(key_.get());
    return raw.empty() ? Result<std::string>(openssl_failed("give the public key"))
                       : base64_encode(raw);
  }
  const UniqueBio bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || i2d_PUBKEY_bio(bio.get(), key_.get()) != 1) {
    return openssl_failed("give the public key");
  }
  return base64_encode(text_of(bio.get()));
}

bool DkimKey::has_public_half(std::string_view der) const {
  if (type() == DkimKeyType::ed25519) return der == raw_public_key(key_.get());
  for (const bool is_bare : {false, true}) {
    const unsigned char* at = octets(der);
    const auto size = static_cast<long>(der.size());
    const UniqueKey other(is_bare ? d2i_PublicKey(EVP_PKEY_RSA, nullptr, &at, size)
                                  : d2i_PUBKEY(nullptr, &at, size));
    if (other != nullptr && EVP_PKEY_eq(key_.get(), other.get()) == 1) return true;
  }
  return false;
}

Result<std::string> DkimKey::sign(std::string_view text) const {
  const bool is_rsa = type() == DkimKeyType::rsa;
  // RFC 8463, 3: ed25519-sha256 signs the hash as its text.
  const std::string digest = is_rsa ? std::string() : sha256(text);
  if (!is_rsa) text = digest;
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  std::size_t size = 0;
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, is_rsa ? EVP_sha256() : nullptr, nullptr,
                         key_.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, octets(text), text.size()) != 1) {
    return openssl_failed("sign");
  }
  std::string signature(size, '\0');
  if (EVP_DigestSign(context.get(), octets(signature), &size, octets(text), text.size()) != 1) {
    return openssl_failed("sign");
  }
  signature.resize(size);
  return signature;
}

Result<DkimKey> load_dkim_key(const std::string& path, const SecretReader& reader) {
  const std::string shown = policy::escape_untrusted(path);
  const auto pem = read_secret_file(path, reader, max_key_file);
  if (!pem.ok()) return pem.error();
  auto key = DkimKey::from_pem(*pem);
  if (!key.ok()) return std::move(key).error().context(shown);
  if (auto size = key->check_size(); !size.ok()) return std::move(size).error().context(shown);
  return key;
}

}  // namespace tlsrpt::reporter
