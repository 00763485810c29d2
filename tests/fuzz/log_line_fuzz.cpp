// Any bytes as Postfix's delivery log: counts or nothing, never a crash; and where a stranger's
// text stands, no bytes change a count.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "milter/correlate/correlator.h"
#include "milter/log/log_line.h"
#include "policy/domain_name.h"

namespace {

using tlsrpt::milter::Correlator;
using tlsrpt::milter::LogLineSplitter;
using tlsrpt::milter::Session;
using tlsrpt::milter::SessionSink;

constexpr std::size_t longest_counted_reason = 220;

class CountingSink final : public SessionSink {
 public:
  void count(const Session& session) override {
    const auto domain = tlsrpt::policy::DomainName::parse(session.domain);
    if (!domain || domain->text() != session.domain) std::abort();
    if (session.reason.size() > longest_counted_reason) std::abort();
    sessions += session.sessions;
    if (session.domain != "a.example") ++others;
  }
  void ignore(tlsrpt::policy::Ignored /*kind*/, tlsrpt::policy::UtcSeconds /*at*/,
              std::string_view /*domain*/) override {
    ++ignored;
  }
  void not_understood(tlsrpt::policy::UtcSeconds /*at*/, std::string_view /*line*/) override {}
  void tls_logged(tlsrpt::policy::UtcSeconds /*at*/, std::string_view /*log_host*/,
                  std::string_view /*service*/) override {}
  bool is_report_message(std::string_view /*message_id*/,
                         tlsrpt::policy::UtcSeconds /*at*/) override {
    return false;
  }

  unsigned sessions = 0;
  unsigned others = 0;
  unsigned ignored = 0;
};

void take(Correlator& correlator, std::string_view rest) {
  static const LogLineSplitter splitter({"postfix"});
  const auto at = tlsrpt::policy::from_unix_seconds(1795454222);
  if (const auto line = splitter.split(rest)) correlator.take(at, *line, rest);
}

// The input as a log without time stamps. State that was saved is restored to the same state.
void read_as_log(std::string_view text) {
  CountingSink sink;
  Correlator correlator({}, sink);
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    take(correlator, text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  const std::string state = correlator.state();
  Correlator next({}, sink);
  if (!next.restore(state).ok() || next.state() != state) std::abort();
  (void)next.restore(text);
}

// The input in every place of a log where Postfix puts text of strangers.
void read_as_hostile_text(std::string text) {
  for (char& c : text) {
    if (c == '\n') c = ' ';  // Postfix never logs one.
  }
  const std::string smtp = "relay postfix/smtp[7]: ";
  const std::string peer = "mx.a.example[198.51.100.1]:25";
  const std::string fields = ", relay=" + peer + ", delay=1, delays=0/0/0.1/0, dsn=5.1.1, status=";
  const std::vector<std::string> lines = {
      smtp + "warning: 2667D10E: non-ESMTP response from " + peer + ": " + text,
      smtp + "warning: " + peer + ": response longer than 2048: " + text,
      smtp + "warning: tls_text_name: " + peer + ": " + text,
      smtp + "certificate verification failed for " + peer + ": untrusted issuer " + text,
      smtp + "Trusted TLS connection established to " + peer + ": " + text,
      smtp + "2667D10E: host mx.a.example[198.51.100.1] said: " + text,
      smtp + "2667D10E: to=<u@a.example>" + fields +
          "bounced (host mx.a.example[198.51.100.1] said: " + text,
      smtp + "2667D10F: to=<u@a.example>" + fields +
          "deferred (host mx.a.example[198.51.100.1] refused to talk to me: " + text,
  };
  CountingSink sink;
  Correlator correlator({}, sink);
  for (const std::string& line : lines) take(correlator, line);
  // One handshake, and one dialogue that was over before EHLO.
  if (sink.sessions != 1 || sink.others != 0 || sink.ignored != 1) std::abort();
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes as characters.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_as_log(text);
  read_as_hostile_text(std::string(text));
  return 0;
}
