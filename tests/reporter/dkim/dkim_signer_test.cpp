#include "reporter/dkim/dkim_signer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "reporter/dkim/canonical.h"
#include "reporter/report/base64.h"
#include "tests/support/dkim_samples.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::string_view message =
    "From: a@us.example\r\nTo: b@a.example\r\nSubject: Report\r\n\r\nbody\r\n";

DkimSigner signer() {
  std::vector<DkimSelectorKey> keys;
  keys.push_back({"one", *DkimKey::from_pem(testing_support::rfc8463_ed25519_key)});
  keys.push_back({"two", *DkimKey::generate(DkimKeyType::rsa, 2048)});
  return {"us.example", std::move(keys)};
}

TEST(DkimSigner, PutsASignatureOfEachKeyBeforeTheMessage) {
  const DkimSigner both = signer();
  const auto out = both.sign(message);
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(*both.sign(message), *out) << "the same bytes each time";
  EXPECT_TRUE(out->ends_with("\r\n" + std::string(message)));
  const MessageParts parts = split_message(*out);
  ASSERT_EQ(parts.fields.size(), 5U);
  EXPECT_THAT(std::string(parts.fields[0]),
              StartsWith("DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
                         " d=us.example;\r\n s=one;\r\n h=From:From:To:To:Subject:Subject:"));
  EXPECT_THAT(std::string(parts.fields[1]), HasSubstr("a=rsa-sha256; c=relaxed/relaxed;\r\n"
                                                      " d=us.example;\r\n s=two;\r\n"));
  for (std::size_t i = 0; i < 2; ++i) {
    const std::string field = relaxed_field(parts.fields[i]);
    EXPECT_THAT(field, HasSubstr("TLS-Report-Submitter:TLS-Report-Submitter;"));
    EXPECT_THAT(field, HasSubstr("bh=" + base64_encode(sha256("body\r\n")) + ";"));
    for (const char* absent : {"l=", "t=", "x="}) {
      EXPECT_THAT(field, Not(HasSubstr(std::string(" ") + absent)));
    }
  }
  // RFC 5322, 2.1.1.
  for (std::size_t at = 0; at < out->size();) {
    const std::size_t end = out->find("\r\n", at);
    EXPECT_LE(end - at, 78U) << out->substr(at, end - at);
    at = end + 2;
  }
}

TEST(DkimSigner, IsMadeOfTheSettings) {
  const testing_support::TempDir folder;
  Settings settings;
  const auto none = make_dkim_signer(settings);
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none->has_value());
  settings.dkim_domain = "us.example";
  settings.dkim_selector = {"one"};
  settings.dkim_key_file = {folder.write("key.pem", testing_support::rfc8463_ed25519_key)};
  ASSERT_EQ(::chmod(settings.dkim_key_file[0].c_str(), 0600), 0);
  settings.run_as = "root";
  const auto made = make_dkim_signer(settings);
  ASSERT_TRUE(made.ok()) << made.error().message();
  ASSERT_TRUE(made->has_value());
  EXPECT_EQ((*made)->domain(), "us.example");
  ASSERT_EQ((*made)->keys().size(), 1U);
  EXPECT_EQ((*made)->keys()[0].selector, "one");
  settings.dkim_key_file = {folder.file("absent")};
  EXPECT_FALSE(make_dkim_signer(settings).ok());
}

}  // namespace
}  // namespace tlsrpt::reporter
