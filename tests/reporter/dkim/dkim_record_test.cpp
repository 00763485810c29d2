#include "reporter/dkim/dkim_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reporter/report/base64.h"
#include "tests/support/dkim_samples.h"

namespace tlsrpt::reporter {
namespace {

using policy::DnsOutcome;
using policy::TxtAnswer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using testing_support::rfc8463_ed25519_public;
using testing_support::rfc8463_rsa_public;

DkimKey ed25519() { return *DkimKey::from_pem(testing_support::rfc8463_ed25519_key); }
DkimKey rsa() { return *DkimKey::from_pem(testing_support::rfc8463_rsa_key); }

// "fault TEXT" or "hint TEXT" of each finding about RECORDS, "%" in them being the key published.
std::vector<std::string> judged(std::vector<std::string> records, const DkimKey& key = ed25519()) {
  for (std::string& record : records) {
    if (const std::size_t at = record.find('%'); at != std::string::npos) {
      record.replace(at, 1, *key.public_text());
    }
  }
  std::vector<std::string> texts;
  for (const DkimRecordFinding& each :
       judge_dkim_record({DnsOutcome::found, std::move(records), "", false}, key)) {
    texts.push_back((each.is_fault ? "fault " : "hint ") + each.text);
  }
  return texts;
}

std::string with_tags(const std::string& tags) { return "v=DKIM1; k=ed25519; " + tags + "p=%"; }

TEST(DkimRecord, OursIsGoodAndFitsItsStrings) {
  const auto key = DkimKey::generate(DkimKeyType::rsa, 4096);
  ASSERT_TRUE(key.ok());
  const std::string record = *make_dkim_record(*key);
  EXPECT_THAT(record, StartsWith("v=DKIM1; k=rsa; s=tlsrpt:email; p="));
  EXPECT_THAT(judged({record}, *key), ElementsAre(StartsWith("hint has s=tlsrpt:email")));
  // RFC 1035, 3.3: at most 255 octets in a string.
  std::string joined;
  std::string text = zone_file_text("a._domainkey.example.com", record);
  EXPECT_THAT(text, StartsWith("a._domainkey.example.com. IN TXT (\n    \"v=DKIM1; "));
  for (std::size_t begin = text.find('"'); begin != std::string::npos;) {
    const std::size_t end = text.find('"', begin + 1);
    EXPECT_LE(end - begin - 1, 255U);
    joined += text.substr(begin + 1, end - begin - 1);
    begin = text.find('"', end + 1);
  }
  EXPECT_EQ(joined, record);
  EXPECT_TRUE(text.ends_with("\" )\n"));
}

TEST(DkimRecord, OfBothKindsIsGood) {
  EXPECT_THAT(judged({"v=DKIM1; k=ed25519; p=%"}), IsEmpty());
  EXPECT_THAT(judged({"v=DKIM1; p=%"}, rsa()), IsEmpty()) << "k=rsa: default";
}

TEST(DkimRecord, IsReadAsRfc6376SaysItMayBeWritten) {
  EXPECT_THAT(judged({"k=ed25519;s= * ;p=%;"}), IsEmpty());
  EXPECT_THAT(judged({" v = DKIM1 ;\t k=ed25519; n=note; xyz_1=; p= %"}), IsEmpty());
  std::string folded(rfc8463_ed25519_public);
  folded.insert(10, "\r\n ");
  EXPECT_THAT(judged({"k=ed25519; h=sha1:sha256; t=s; p=" + folded}), IsEmpty());
}

TEST(DkimRecord, OfABareRsaKeyIsTheSameKey) {
  // An RSAPublicKey (RFC 8017, A.1.1): what stands behind the first 22 octets of the other form.
  const std::string whole = *base64_decode(rfc8463_rsa_public);
  EXPECT_TRUE(rsa().has_public_half(whole));
  EXPECT_TRUE(rsa().has_public_half(whole.substr(22)));
  EXPECT_FALSE(rsa().has_public_half(whole.substr(23)));
  EXPECT_FALSE(rsa().has_public_half(""));
}

TEST(DkimRecord, WhatIsAbsentOrNotToBeHad) {
  const auto found = judge_dkim_record({DnsOutcome::absent, {}, "", false}, ed25519());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found[0].is_fault);
  EXPECT_THAT(found[0].text, StartsWith("is absent"));
  const auto silent = judge_dkim_record({DnsOutcome::temporary, {}, "SERVFAIL", false}, ed25519());
  ASSERT_EQ(silent.size(), 1U);
  EXPECT_FALSE(silent[0].is_fault) << "nothing is known to be wrong";
  EXPECT_THAT(silent[0].text, HasSubstr("SERVFAIL"));
  EXPECT_THAT(judged({with_tags(""), "v=spf1 -all"}), ElementsAre(StartsWith("fault is one of 2")));
}

TEST(DkimRecord, WhatIsNoRecord) {
  for (const char* bad : {"", "v=spf1 -all", "p", "=x; p=%", "k=ed25519; p=%; p=%",
                          "k=ed25519; v=DKIM1; p=%", "k=ed25519;; p=%", "1k=ed25519; p=%"}) {
    EXPECT_THAT(judged({bad}), testing::Contains(StartsWith("fault "))) << bad;
  }
  EXPECT_THAT(judged({"v=DKIM2; k=ed25519; p=%"}), ElementsAre(StartsWith("fault has v=DKIM2")));
}

TEST(DkimRecord, OfAnotherKeyOrNone) {
  EXPECT_THAT(judged({"k=ed25519"}), ElementsAre(StartsWith("fault has no p=")));
  EXPECT_THAT(judged({"k=ed25519; p="}), ElementsAre(testing::EndsWith("the key is revoked")));
  EXPECT_THAT(judged({"k=ed25519; p=%%"}), ElementsAre(testing::EndsWith("not base64")));
  EXPECT_THAT(judged({"k=ed25519; p=" + std::string(rfc8463_rsa_public)}),
              ElementsAre(StartsWith("fault holds another key")));
  EXPECT_THAT(judged({"p=" + std::string(rfc8463_rsa_public)}),
              ElementsAre(StartsWith("fault is for a key of the kind rsa")));
  const auto other = DkimKey::generate(DkimKeyType::rsa, 2048);
  ASSERT_TRUE(other.ok());
  EXPECT_THAT(judged({"p=" + *other->public_text()}, rsa()),
              ElementsAre(StartsWith("fault holds another key")));
}

TEST(DkimRecord, ThatSomeRecipientsPassOver) {
  EXPECT_THAT(judged({"k=ed25519; s=email; p=%"}),
              ElementsAre(StartsWith("hint has s=email without tlsrpt")));
  EXPECT_THAT(judged({"k=ed25519; s=tlsrpt:email; p=%"}),
              ElementsAre(testing::EndsWith("is safest")));
  EXPECT_THAT(judged({"k=ed25519; s=tlsrpt : *; p=%"}),
              ElementsAre(StartsWith("hint has s=tlsrpt : *, which verifiers made with dkimpy")));
  EXPECT_THAT(judged({"k=ed25519; s=tlsrpt; p=%"}), ElementsAre(StartsWith("hint has no email")));
  EXPECT_THAT(judged({"k=ed25519; s=other; p=%"}), ElementsAre(StartsWith("fault has s=other")));
  EXPECT_THAT(judged({with_tags("t=s:y; ")}), ElementsAre(StartsWith("fault has t=y")));
  EXPECT_THAT(judged({with_tags("h=sha1; ")}), ElementsAre(StartsWith("fault has h=sha1")));
}

}  // namespace
}  // namespace tlsrpt::reporter
