#include "reporter/dkim/dkim_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reporter/dkim/canonical.h"
#include "reporter/report/base64.h"
#include "tests/support/dkim_samples.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::vector<std::string_view> rfc8463_names{"from",       "to",   "subject", "date",
                                                  "message-id", "from", "subject", "date"};

std::string signature(std::string_view pem, std::string_view field) {
  const auto key = DkimKey::from_pem(pem);
  if (!key.ok()) return key.error().message();
  const MessageParts parts = split_message(testing_support::rfc8463_message);
  const auto made = key->sign(signed_text(parts.fields, rfc8463_names, field));
  return made.ok() ? base64_encode(*made) : made.error().message();
}

TEST(DkimKey, SignsAsInRfc8463) {
  const MessageParts parts = split_message(testing_support::rfc8463_message);
  EXPECT_EQ(base64_encode(sha256(relaxed_body(parts.body))), testing_support::rfc8463_body_hash);
  EXPECT_EQ(signature(testing_support::rfc8463_ed25519_key, testing_support::rfc8463_ed25519_field),
            testing_support::rfc8463_ed25519_signature);
  EXPECT_EQ(signature(testing_support::rfc8463_rsa_key, testing_support::rfc8463_rsa_field),
            testing_support::rfc8463_rsa_signature);
}

TEST(DkimKey, ShowsItsPublicHalf) {
  const auto ed25519 = DkimKey::from_pem(testing_support::rfc8463_ed25519_key);
  ASSERT_TRUE(ed25519.ok());
  EXPECT_EQ(ed25519->type(), DkimKeyType::ed25519);
  EXPECT_EQ(*ed25519->public_text(), testing_support::rfc8463_ed25519_public);
  EXPECT_TRUE(ed25519->check_size().ok());
  const auto rsa = DkimKey::from_pem(testing_support::rfc8463_rsa_key);
  ASSERT_TRUE(rsa.ok());
  EXPECT_EQ(rsa->type(), DkimKeyType::rsa);
  EXPECT_EQ(rsa->bits(), 1024U);
  EXPECT_EQ(*rsa->public_text(), testing_support::rfc8463_rsa_public);
  ASSERT_FALSE(rsa->check_size().ok());
  EXPECT_THAT(rsa->check_size().error().message(), HasSubstr("1024 bits"));
}

TEST(DkimKey, ANewKeyIsReadBack) {
  for (const DkimKeyType type : {DkimKeyType::rsa, DkimKeyType::ed25519}) {
    const auto made = DkimKey::generate(type, 2048);
    ASSERT_TRUE(made.ok());
    const auto read = DkimKey::from_pem(*made->pem());
    ASSERT_TRUE(read.ok()) << read.error().message();
    EXPECT_EQ(read->type(), type);
    EXPECT_EQ(*read->public_text(), *made->public_text());
    EXPECT_TRUE(read->check_size().ok());
    EXPECT_EQ(*read->sign("text"), *made->sign("text")) << "no randomness in a signature";
  }
}

TEST(DkimKey, WhatIsNoKeyIsRefused) {
  for (const std::string& bad :
       {std::string(), std::string("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"),
        std::string(100'000, 'x'),
        // An elliptic curve of another kind (prime256v1).
        std::string("-----BEGIN PRIVATE KEY-----\n"
                    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgut/s6f/Rg+w3fTpY\n"
                    "DgivR997shXmlE4O6QmT9KwboDmhRANCAAT3YXjRYhhdrHvxettR3+5ep/dlf/Fg\n"
                    "KYtNF1ouPMB4e3aOHuXsmRRNDHAN3AZoKesqi2h+g1y33enjocMRJ5/Y\n"
                    "-----END PRIVATE KEY-----\n"),
        // Encrypted: nobody is there to be asked.
        std::string("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n"
                    "-----END ENCRYPTED PRIVATE KEY-----\n")}) {
    EXPECT_FALSE(DkimKey::from_pem(bad).ok()) << bad.substr(0, 80);
  }
}

class DkimKeyFile : public ::testing::Test {
 protected:
  // "" where the key is taken, else the error.
  std::string load(mode_t mode) {
    EXPECT_EQ(::chmod(path_.c_str(), mode), 0);
    const auto key = load_dkim_key(path_, reader_);
    return key.ok() ? "" : key.error().message();
  }

  testing_support::TempDir folder_;
  std::string path_ = folder_.write("key.pem", testing_support::rfc8463_ed25519_key);
  SecretReader reader_{::geteuid(), ::getegid()};
};

TEST_F(DkimKeyFile, IsNamedWhereItCannotBeUsed) {
  folder_.write("key.pem", testing_support::rfc8463_rsa_key);
  EXPECT_EQ(load(0600), path_ + ": is an RSA key of 1024 bits; recipients take 2048 to 4096");
  folder_.write("key.pem", "nothing");
  EXPECT_THAT(load(0600), StartsWith(path_ + ": holds no private key"));
  path_ = folder_.path().string();
  const auto directory = load_dkim_key(path_, reader_);
  ASSERT_FALSE(directory.ok());
  EXPECT_EQ(directory.error().message(), path_ + ": is no regular file");
  const auto absent = load_dkim_key(folder_.file("absent"), reader_);
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().code(), Errc::not_found);
}

}  // namespace
}  // namespace tlsrpt::reporter
