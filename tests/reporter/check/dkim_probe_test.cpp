#include "reporter/check/dkim_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "reporter/options/option_table.h"
#include "tests/support/dkim_samples.h"
#include "tests/support/scripted_dns.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using testing_support::answer_with_rcode;
using testing_support::ScriptedDns;

constexpr unsigned servfail = 2;
constexpr unsigned nxdomain = 3;

TEST(DkimProbe, WhoDoesNotSignHasNoKeys) {
  EXPECT_THAT(gather_dkim_keys(default_settings()), IsEmpty());
}

TEST(DkimProbe, EachKeyIsAskedForWhereItIsPublished) {
  const testing_support::TempDir folder;
  const std::string good = folder.write("good.pem", testing_support::rfc8463_ed25519_key);
  ASSERT_EQ(::chmod(good.c_str(), S_IRUSR), 0);
  const ScriptedDns dns([](const std::string& query) {
    return answer_with_rcode(query,
                             query.find("silent") == std::string::npos ? nxdomain : servfail);
  });
  Settings settings = default_settings();
  settings.dns_servers = {{policy::IpAddress::v4({127, 0, 0, 1}), dns.port()}};
  settings.dkim_domain = "a.example";
  settings.dkim_selector = {"one", "silent", "three"};
  settings.dkim_key_file = {good, good, folder.file("absent.pem")};
  const auto keys = gather_dkim_keys(settings);
  ASSERT_EQ(keys.size(), 3U);
  EXPECT_EQ(keys[0].record, "one._domainkey.a.example");
  ASSERT_EQ(keys[0].findings.size(), 1U);
  EXPECT_THAT(keys[0].findings[0].text, StartsWith("is absent"));
  ASSERT_EQ(keys[1].findings.size(), 1U);
  EXPECT_FALSE(keys[1].findings[0].is_fault);
  EXPECT_THAT(keys[1].findings[0].text, StartsWith("could not be looked up"));
  EXPECT_THAT(keys[2].key_problem, HasSubstr("absent.pem: No such file"));
  EXPECT_THAT(keys[2].findings, IsEmpty()) << "nothing to compare a record with";
}

}  // namespace
}  // namespace tlsrpt::reporter
