// A fuzz target with a fault for the runner to find: it aborts on three letters, reads behind its
// input on three others.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes as characters.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text == "abo") std::abort();
  if (text == "ove") return data[size];
  return 0;
}
