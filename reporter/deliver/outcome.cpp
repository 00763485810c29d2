#include "reporter/deliver/outcome.h"

#include "policy/text.h"

namespace tlsrpt::reporter {

std::string outcome_text(std::string_view text) {
  std::string line;
  bool blank = false;
  for (const char c : text.substr(0, max_outcome_text)) {
    // Replies have several lines; a reader wants one.
    if (c == '\r' || c == '\n' || c == '\t' || c == ' ') {
      blank = !line.empty();
      continue;
    }
    if (blank) line += ' ';
    blank = false;
    line += c;
  }
  line = policy::escape_untrusted(line);
  if (line.size() <= max_outcome_text && text.size() <= max_outcome_text) return line;
  if (line.size() > max_outcome_text) {
    line.resize(max_outcome_text);
    // Not in the middle of a character.
    while (!line.empty() && !policy::is_utf8(line)) line.pop_back();
  }
  return line + "...";
}

DeliveryOutcome temporary_outcome(std::string_view text) {
  return {OutcomeKind::temporary, outcome_text(text), std::nullopt, false};
}

DeliveryOutcome permanent_outcome(std::string_view text) {
  return {OutcomeKind::permanent, outcome_text(text), std::nullopt, false};
}

DeliveryOutcome host_failure(std::string_view text) {
  return {OutcomeKind::temporary, outcome_text(text), std::nullopt, true};
}

}  // namespace tlsrpt::reporter
