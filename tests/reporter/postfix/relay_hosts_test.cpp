#include "reporter/postfix/relay_hosts.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tlsrpt::reporter {
namespace {

using Hosts = std::vector<std::string>;

TEST(RelayHosts, AreTheHostsInBrackets) {
  EXPECT_EQ(bracketed_hosts("[smtp.ISP.example]:587"), Hosts{"smtp.isp.example"});
  EXPECT_EQ(bracketed_hosts("relay:[smtp.isp.example.]"), Hosts{"smtp.isp.example"});
  EXPECT_EQ(bracketed_hosts("[a.example]:25, [b.example] [a.example]"),
            (Hosts{"a.example", "b.example"}));
  EXPECT_EQ(bracketed_hosts("smtp:[192.0.2.1]:25"), Hosts{"192.0.2.1"});
  EXPECT_EQ(bracketed_hosts("[2001:DB8:0::1]:25 [ipv6:2001:db8::2]"),
            (Hosts{"2001:db8::1", "2001:db8::2"}));
  EXPECT_EQ(bracketed_hosts("a.example smtp:[a-gw.example]\nb.example relay:[b-gw.example]:26\n"),
            (Hosts{"a-gw.example", "b-gw.example"}));
}

TEST(RelayHosts, WithoutBracketsItIsADomain) {
  for (const char* value : {"", "isp.example", "smtp:isp.example:25", "[", "]", "[]", "[ ]",
                            "[a b]", "[open", "smtp:", "lmtp:unix:private/dovecot-lmtp"}) {
    EXPECT_EQ(bracketed_hosts(value), Hosts{}) << value;
  }
  EXPECT_EQ(bracketed_hosts("[[a.example]"), Hosts{"a.example"});
}

TEST(RelayHosts, TablesAreFoundInAValue) {
  const auto tables = lookup_tables(
      "hash:/etc/postfix/transport, proxy:lmdb:/etc/postfix/t2\n"
      "inline:{a.example=smtp:[x], {b.example = relay:[y]:25}} $unknown static:{[z]}");
  ASSERT_EQ(tables.size(), 4U);
  EXPECT_EQ(tables[0].type, "hash");
  EXPECT_EQ(tables[0].name, "/etc/postfix/transport");
  EXPECT_EQ(tables[1].type, "lmdb");
  EXPECT_EQ(tables[1].name, "/etc/postfix/t2");
  EXPECT_EQ(tables[2].type, "inline");
  EXPECT_EQ(bracketed_hosts(tables[2].name), (Hosts{"x", "y"}));
  EXPECT_EQ(tables[3].type, "static");
  EXPECT_TRUE(lookup_tables("}{ : :x , {{{").empty());
}

TEST(RelayHosts, KnowsWhichTablesHaveText) {
  EXPECT_TRUE(has_source_text("texthash"));
  EXPECT_TRUE(has_source_text("lmdb"));
  EXPECT_FALSE(has_source_text("pcre"));
  EXPECT_FALSE(has_source_text("ldap"));
}

}  // namespace
}  // namespace tlsrpt::reporter
