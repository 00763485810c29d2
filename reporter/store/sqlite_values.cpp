#include "reporter/store/sqlite_values.h"

#include "policy/text.h"

namespace tlsrpt::reporter {

std::string to_note(std::string_view text) {
  std::string note = policy::is_utf8(text) ? std::string(text) : policy::escape_untrusted(text);
  if (note.size() <= max_note) return note;
  std::size_t end = max_note;
  // Bytes 10xxxxxx go on with a character that began before.
  while (end > 0 && (static_cast<unsigned char>(note[end]) & 0xc0U) == 0x80U) --end;
  note.resize(end);
  return note;
}

}  // namespace tlsrpt::reporter
