// QuietSink: keeps from the next sink what another log has told already.
//
// Where a collector takes up a log whose lines another one has counted, those are judged all the
// same, so that queue ids and half-told deliveries are known, and counted by nobody.
#pragma once

#include "milter/correlate/session_sink.h"

namespace tlsrpt::milter {

class QuietSink final : public SessionSink {
 public:
  // NEXT outlives the sink.
  explicit QuietSink(SessionSink& next) : next_(next) {}

  // Whether what is told from now on was counted before.
  void set_quiet(bool is_quiet) { is_quiet_ = is_quiet; }

  void count(const Session& session) override {
    if (!is_quiet_) next_.count(session);
  }
  void ignore(policy::Ignored kind, policy::UtcSeconds at, std::string_view domain) override {
    if (!is_quiet_) next_.ignore(kind, at, domain);
  }
  void not_understood(policy::UtcSeconds at, std::string_view line) override {
    if (!is_quiet_) next_.not_understood(at, line);
  }
  void tls_logged(policy::UtcSeconds at, std::string_view log_host,
                  std::string_view service) override {
    next_.tls_logged(at, log_host, service);  // Is no count: told twice it is the same.
  }
  std::uint64_t tlsrpt_line(policy::UtcSeconds at, const LogLine& line,
                            const PostfixMessage& message) override {
    return is_quiet_ ? 0 : next_.tlsrpt_line(at, line, message);
  }
  void settle_tlsrpt(std::uint64_t number) override { next_.settle_tlsrpt(number); }
  bool abandon_tlsrpt(std::uint64_t number) override { return next_.abandon_tlsrpt(number); }
  void tlsrpt_not_sent(const LogLine& line) override {
    if (!is_quiet_) next_.tlsrpt_not_sent(line);
  }
  bool is_report_message(std::string_view message_id, policy::UtcSeconds at) override {
    return next_.is_report_message(message_id, at);
  }

 private:
  SessionSink& next_;
  bool is_quiet_ = false;
};

}  // namespace tlsrpt::milter
