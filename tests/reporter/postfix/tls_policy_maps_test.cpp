#include "reporter/postfix/tls_policy_maps.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

TEST(TlsPolicyMaps, DaneStandsInTheValueItself) {
  for (const char* value : {
           "static:dane",
           "static:{dane-only tls_suite=x}",
           "inline:{a.example=dane}",
           "inline:{ b.example=may, { a.example = dane-only match=nexthop } }",
           "socketmap:inet:127.0.0.1:8461:postfix, inline:{{.example = dane}}",
       })
    EXPECT_TRUE(names_dane(value)) << value;
}

TEST(TlsPolicyMaps, OthersAreNone) {
  for (const char* value : {"", "static:may", "inline:{dane.example=encrypt}", "static:half-dane",
                            "socketmap:inet:127.0.0.1:8461:dane", "dane"})
    EXPECT_FALSE(names_dane(value)) << value;
}

TEST(TlsPolicyMaps, DaneStandsInATextFile) {
  const testing_support::TempDir folder;
  const std::string good = folder.write("good", "b.example may\na.example\n  dane\n");
  const std::string pattern = folder.write("pattern", "/\\.example$/ dane-only\n");
  const std::string bad =
      folder.write("bad", "# a.example dane\ndane encrypt\na.example secure match=dane.example\n");
  EXPECT_TRUE(names_dane("hash:" + good));
  EXPECT_TRUE(names_dane("proxy:lmdb:" + good));
  EXPECT_TRUE(names_dane("texthash:" + bad + ", pcre:" + pattern));
  EXPECT_FALSE(names_dane("hash:" + bad));
  EXPECT_FALSE(names_dane("hash:" + folder.file("absent")));
  EXPECT_FALSE(names_dane("ldap:" + good));  // That file is about a server.
}

}  // namespace
}  // namespace tlsrpt::reporter
