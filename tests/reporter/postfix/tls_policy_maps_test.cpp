#include "reporter/postfix/tls_policy_maps.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

using Texts = std::vector<std::string>;

bool names_dane(const std::string& value) { return dane_policies(value).are_named; }

TEST(TlsPolicyMaps, DaneStandsInTheValueItself) {
  for (const char* value : {
           "static:dane",
           "static:{dane-only tls_suite=x}",
           "inline:{a.example=dane}",
           "inline:{ b.example=may, { a.example = dane-only match=nexthop } }",
           "socketmap:inet:127.0.0.1:8461:postfix, inline:{{.example = dane}}",
           "regexp:{{/\\.example$/ dane}}",
           "pcre:{ {/^a/ may}, {/^b/ dane-only} }",
           "unionmap:{static:may,inline:{a.example=dane}}",
           "unionmap:{ pipemap:{ static:x, regexp:{ {/x/ dane} } } }",
           "randmap:{may, dane}",
       })
    EXPECT_TRUE(names_dane(value)) << value;
}

TEST(TlsPolicyMaps, OthersAreNone) {
  for (const char* value : {"", "static:may", "inline:{dane.example=encrypt}", "static:half-dane",
                            "socketmap:inet:127.0.0.1:8461:dane", "dane", "regexp:{{/dane/ may}}",
                            "unionmap:{static:may}", "unionmap:{", "unionmap:/etc/postfix/dane"})
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
  EXPECT_EQ(dane_policies("hash:" + good + " pcre:" + pattern).unread, Texts{});
}

TEST(TlsPolicyMaps, OnlyOtherLevelsThanMayAndNoneMayEnforceTls) {
  for (const char* value :
       {"", " ", "static:may", "static:none", "static:{may}", "static:{ may protocols=TLSv1.3 }",
        "inline:{x.example=may}", "inline:{x=none}", "inline:{ x=MAY, { y = may ciphers=high } }",
        "inline:{{x=may},{y=none},,z=may}", "static:may, inline:{x=none} proxy:static:may"})
    EXPECT_FALSE(may_enforce_tls(value)) << value;
  for (const char* value :
       {"static:encrypt", "static:{dane}", "inline:{x=may, y=encrypt}", "inline:{x=may,may=dane}",
        "inline:{ {x = may}, { y = secure match=may } }", "inline:{x=}", "inline:{x}",
        "static:", "hash:/etc/postfix/policy", "static:may socketmap:unix:/x:y", "may",
        "unionmap:{static:may}", "static:mayday"})
    EXPECT_TRUE(may_enforce_tls(value)) << value;
}

TEST(TlsPolicyMaps, APatternsResultMayBeWhatItMatches) {
  const testing_support::TempDir folder;
  const std::string file = folder.write("a", "/^(dane|may)$/ $1\n");
  const std::string folded = folder.write("b", "/^(dane|may)$/\n  ${1}\n");
  const std::string other = folder.write("c", "/^(dane|may)$/ secure match=$1\n/$x/ may\n");
  for (const std::string& table :
       {"regexp:" + file, "pcre:" + folded, std::string("regexp:{{/^(dane|may)$/ $1}}"),
        std::string("pcre:{ { /^(dane|may)$/ $(1) } }")}) {
    EXPECT_EQ(dane_policies(table).unread, Texts{table});
    EXPECT_FALSE(names_dane(table));
  }
  for (const std::string& table :
       {"regexp:" + other, "cidr:" + file, "hash:" + file, std::string("regexp:{{/a$/ may}}"),
        std::string("inline:{a=$1}")})
    EXPECT_EQ(dane_policies(table).unread, Texts{}) << table;
}

TEST(TlsPolicyMaps, WhatTellsNothingIsNamed) {
  EXPECT_EQ(dane_policies("ldap:/etc/tls.cf, proxy:mysql:/etc/my.cf hash:/absent static:may "
                          "unionmap:{inline:{a=may},socketmap:unix:/x:y}")
                .unread,
            (Texts{"ldap:/etc/tls.cf", "mysql:/etc/my.cf", "hash:/absent", "socketmap:unix:/x:y"}));
}

}  // namespace
}  // namespace tlsrpt::reporter
