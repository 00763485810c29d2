#include "milter/log/log_line.h"

#include <algorithm>
#include <utility>

namespace tlsrpt::milter {
namespace {

// A program name with its service is short; a longer token is no program of Postfix.
constexpr std::size_t max_program_length = 128;

// Several octets are looked for by loops in this floor: string_view's find_first_of() calls
// memchr() for each octet of the text.
bool ends_token(char c) { return c == ' ' || c == ':' || c == '['; }

// The program whose name with its service ends in TEXT, such as "postfix/out-eu/smtp". Told by the
// last octet first: most lines of a log are smtpd's.
std::optional<Program> program_of(std::string_view text) {
  switch (text.empty() ? '\0' : text.back()) {
    case 'p':
      if (text.ends_with("/smtp")) return Program::smtp;
      if (text.ends_with("/cleanup")) return Program::cleanup;
      return std::nullopt;
    case 'r':
      if (text.ends_with("/qmgr")) return Program::qmgr;
      return std::nullopt;
    case 'e':
      if (text.ends_with("/bounce")) return Program::bounce;
      return std::nullopt;
    case 'y':
      if (text.ends_with("/tlsproxy")) return Program::tlsproxy;
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::string_view instance_of(std::string_view program) {
  return program.substr(0, program.find('/'));
}

LogLineSplitter::LogLineSplitter(std::vector<std::string> syslog_names)
    : syslog_names_(std::move(syslog_names)) {}

std::optional<Program> LogLineSplitter::kind_of(std::string_view program) const {
  const auto kind = program_of(program);
  if (!kind || program.size() >= max_program_length ||
      std::any_of(program.begin(), program.end(), ends_token))
    return std::nullopt;
  const bool is_postfix = std::find(syslog_names_.begin(), syslog_names_.end(),
                                    instance_of(program)) != syslog_names_.end();
  return is_postfix ? kind : std::nullopt;
}

std::optional<LogLine> LogLineSplitter::split(std::string_view rest) const {
  const std::size_t host_end = rest.find(' ');
  if (host_end == std::string_view::npos || host_end == 0) return std::nullopt;
  const std::string_view after = rest.substr(host_end + 1);
  const std::size_t at = after.substr(0, max_program_length).find('[');
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view program = after.substr(0, at);
  const auto kind = kind_of(program);
  if (!kind) return std::nullopt;
  LogLine line;
  line.program = program;
  line.instance = instance_of(program);
  std::size_t end = at + 1;
  while (end < after.size() && after[end] >= '0' && after[end] <= '9') ++end;
  constexpr std::string_view closing = "]: ";
  if (end == at + 1 || after.substr(end, closing.size()) != closing) return std::nullopt;
  line.host = rest.substr(0, host_end);
  line.process = rest.substr(0, host_end + 1 + end);
  line.kind = *kind;
  line.message = after.substr(end + closing.size());
  return line;
}

}  // namespace tlsrpt::milter
