// What smtp_tls_policy_maps of Postfix asks for, as far as its text tells.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tlsrpt::reporter {

struct DanePolicies {
  // Whether a table gives the level `dane` or `dane-only` to anybody: one that stands in the value
  // itself (inline, static, regexp:{...} and the like), or a file with a text.
  bool are_named = false;
  // The tables that tell nothing, "ldap:/etc/postfix/tls.cf": others, and files that cannot be
  // read.
  std::vector<std::string> unread;
};

// Of the tables in VALUE, of that parameter; those that unionmap and pipemap are made of, too.
DanePolicies dane_policies(std::string_view value);

}  // namespace tlsrpt::reporter
