#include "policy/cut_text.h"

namespace tlsrpt::policy {

std::string_view cut_text(std::string_view text, std::size_t max) {
  if (text.size() <= max) return text;
  std::size_t end = max;
  // Octets 10xxxxxx go on with a character that began before.
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end);
}

}  // namespace tlsrpt::policy
