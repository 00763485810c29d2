// TextHash: lets a map whose keys are strings be asked by a view of one, without a copy.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

namespace tlsrpt::policy {

// To be used with std::equal_to<>.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>()(text);
  }
};

}  // namespace tlsrpt::policy
