// What smtp_tls_policy_maps of Postfix asks for, as far as its text tells.
#pragma once

#include <string_view>

namespace tlsrpt::reporter {

// Whether a table in VALUE, of that parameter, gives the level `dane` or `dane-only` to anybody:
// one that stands in the value itself (inline, static), or a file with a text. Other tables, and
// files that cannot be read, tell nothing.
bool names_dane(std::string_view value);

}  // namespace tlsrpt::reporter
