// Whether a text is JSON (RFC 8259), whatever it means: for texts that simdjson refuses for what a
// number or an escape in them means, before it has seen the rest.
#pragma once

#include <string_view>

namespace tlsrpt::milter {

// TEXT is UTF-8. Any depth; half a surrogate pair and numbers of any size are JSON.
bool is_json(std::string_view text);

}  // namespace tlsrpt::milter
