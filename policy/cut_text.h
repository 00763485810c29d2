// Shortening a text in UTF-8 without breaking a character.
#pragma once

#include <cstddef>
#include <string_view>

namespace tlsrpt::policy {

// The beginning of TEXT, of at most MAX octets, that ends where a character ends. REQUIRES: TEXT is
// UTF-8; of another text what is returned may end anywhere up to MAX.
std::string_view cut_text(std::string_view text, std::size_t max);

}  // namespace tlsrpt::policy
