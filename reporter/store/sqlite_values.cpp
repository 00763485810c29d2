#include "reporter/store/sqlite_values.h"

#include "policy/cut_text.h"
#include "policy/text.h"

namespace tlsrpt::reporter {

std::string to_note(std::string_view text) {
  std::string note = policy::is_utf8(text) ? std::string(text) : policy::escape_untrusted(text);
  note.resize(policy::cut_text(note, max_note).size());
  return note;
}

}  // namespace tlsrpt::reporter
