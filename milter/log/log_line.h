// LogLine: who wrote a log line. What follows the time stamp is split into log host, program and
// pid; only programs of Postfix are of interest.
//
// Design, section 3 "Reading a log": only programs whose first part is in `syslog_name` are taken;
// only those whose last part is smtp or tlsproxy make sessions; cleanup, qmgr and bounce are read
// for queue ids. The message is matched from its first byte, never searched.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tlsrpt::milter {

enum class Program : std::uint8_t { smtp, tlsproxy, cleanup, qmgr, bounce };

// Views into the line that was split.
struct LogLine {
  std::string_view host;      // Log host.
  std::string_view program;   // "postfix/relay/smtp"
  std::string_view instance;  // Its first part, "postfix".
  std::string_view process;   // host to pid, "relay1 postfix/relay/smtp[331": the process's key.
  Program kind = Program::smtp;
  std::string_view message;
};

// The first part of a program's name: "postfix" of "postfix/relay/smtp".
std::string_view instance_of(std::string_view program);

class LogLineSplitter {
 public:
  // SYSLOG_NAMES: first parts of program names that are taken as Postfix.
  explicit LogLineSplitter(std::vector<std::string> syslog_names);

  // Which of the programs that are of interest the whole PROGRAM name, such as
  // "postfix/relay/smtp", is; none: another one.
  std::optional<Program> kind_of(std::string_view program) const;

  // REST is a line after its time stamp. None: a program that is not of interest, or no line of
  // syslog's shape `host program[pid]: message`.
  std::optional<LogLine> split(std::string_view rest) const;

 private:
  std::vector<std::string> syslog_names_;
};

}  // namespace tlsrpt::milter
