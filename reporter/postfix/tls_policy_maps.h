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
  // The tables that tell nothing, "ldap:/etc/postfix/tls.cf": others, files that cannot be read,
  // and patterns that put what they match into their result.
  std::vector<std::string> unread;
};

// Of the tables in VALUE, of that parameter; those that unionmap and pipemap are made of, too.
DanePolicies dane_policies(std::string_view value);

// Whether a table in VALUE may give anybody a level that enforces TLS: any but inline and static
// ones with nothing else than `may` and `none`.
bool may_enforce_tls(std::string_view value);

}  // namespace tlsrpt::reporter
