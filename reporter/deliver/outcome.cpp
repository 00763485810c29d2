#include "reporter/deliver/outcome.h"

#include <algorithm>

#include "policy/cut_text.h"
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
  line.resize(policy::cut_text(line, max_outcome_text).size());
  return line + "...";
}

bool is_too_large_status(std::string_view status) { return status == "5.2.3" || status == "5.3.4"; }

bool is_too_large_reply(std::string_view reply) {
  if (reply.size() < 3) return false;
  const std::string_view text = reply.substr(std::min<std::size_t>(4, reply.size()));
  const std::string_view status = text.substr(0, text.find_first_of(" \r\n"));
  return is_too_large_status(status) || (reply.starts_with("552") && status != "5.2.2");
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
