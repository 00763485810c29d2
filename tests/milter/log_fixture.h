// Feeds log lines to a Correlator and tells in one word each what came out.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "milter/correlate/correlator.h"
#include "policy/text.h"

namespace tlsrpt::milter {

// Sessions as "DOMAIN MX[IP] OUTCOME REASON POLICY", the last two left out where empty or
// no-policy-found; ignored ones as "ignored KIND DOMAIN".
class RecordingSink final : public SessionSink {
 public:
  void count(const Session& session) override {
    messages += session.messages;
    if (session.sessions == 0) return;
    std::string text(session.domain);
    text.append(" ").append(session.mx_host).append("[").append(session.mx_ip).append("] ");
    text += word(session);
    if (!session.reason.empty()) text.append(" ").append(session.reason);
    if (session.policy != policy::PolicyType::no_policy_found)
      text.append(" ").append(policy::to_text(session.policy));
    seen.push_back(text);
    days.push_back(policy::to_text(policy::day_of(session.at)));
  }
  void ignore(policy::Ignored kind, policy::UtcSeconds /*at*/, std::string_view domain) override {
    std::string text = "ignored " + std::string(policy::to_text(kind));
    if (!domain.empty()) text.append(" ").append(domain);
    seen.push_back(text);
  }
  void not_understood(policy::UtcSeconds /*at*/, std::string_view line) override {
    seen.emplace_back("not-understood");
    lines.emplace_back(line);
  }
  void tls_logged(policy::UtcSeconds /*at*/, std::string_view log_host,
                  std::string_view service) override {
    services.push_back(std::string(log_host) + " " + std::string(service));
  }
  bool is_report_message(std::string_view message_id, policy::UtcSeconds /*at*/) override {
    return message_id == own_message_id;
  }

  std::vector<std::string> seen;
  std::vector<std::string> days;
  std::vector<std::string> lines;
  std::vector<std::string> services;
  unsigned messages = 0;
  std::string own_message_id = "<tlsrpt.20261122.a.example.1.0.00ff@relay.example>";

 private:
  static std::string word(const Session& session) {
    if (session.outcome == policy::Outcome::success) return "success";
    if (session.outcome == policy::Outcome::no_tls_seen)
      return session.is_unproven ? "no-tls-seen unproven" : "no-tls-seen";
    return std::string(policy::to_text(policy::to_result_type(session.outcome)));
  }
};

// One log: each line is "HH:MM:SS PROGRAM: MESSAGE" of 2026-11-22 on host relay1 ("+N " before it:
// N days later).
class Log {
 public:
  explicit Log(CorrelatorOptions options = {}) : options_(std::move(options)) { start(); }

  Log& line(std::string_view text) {
    int days = 0;
    if (text.starts_with('+')) {
      const std::size_t blank = text.find(' ');
      days = *policy::parse_number<int>(text.substr(1, blank - 1));
      text.remove_prefix(blank + 1);
    }
    const auto at = policy::parse_instant("2026-11-22T" + std::string(text.substr(0, 8)) + "Z");
    const std::string rest = host + " " + std::string(text.substr(9));
    const auto split = splitter_.split(rest);
    if (split) correlator_->take(*at + std::chrono::days(days), *split, rest);
    if (restart_each_line) restart();
    return *this;
  }
  Log& lines(std::initializer_list<std::string_view> all) {
    for (const std::string_view each : all) line(each);
    return *this;
  }
  // What the milter saw at HH:MM:SS.
  Log& milter(std::string_view time, const ReportMail& mail) {
    correlator_->take(mail, *policy::parse_instant("2026-11-22T" + std::string(time) + "Z"), true);
    if (restart_each_line) restart();
    return *this;
  }
  // Goes on with a correlator that only has the other one's state.
  void restart() {
    const std::string state = correlator_->state();
    start();
    restored = correlator_->restore(state).ok() && correlator_->state() == state && restored;
  }

  const std::vector<std::string>& seen() const { return sink.seen; }

  RecordingSink sink;
  std::string host = "relay1";
  bool restart_each_line = false;
  bool restored = true;

 private:
  void start() { correlator_ = std::make_unique<Correlator>(options_, sink); }

  CorrelatorOptions options_;
  LogLineSplitter splitter_{{"postfix", "postfix-out"}};
  std::unique_ptr<Correlator> correlator_;
};

using Seen = std::vector<std::string>;

inline constexpr std::string_view established =
    "10:00:00 postfix/smtp[7]: Trusted TLS connection established to "
    "mx.a.example[198.51.100.1]:25: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)";
inline constexpr std::string_view sent =
    "10:00:01 postfix/smtp[7]: 2667D10E: to=<u@a.example>, relay=mx.a.example[198.51.100.1]:25, "
    "delay=0.2, delays=0.01/0.1/0.03/0, dsn=2.0.0, status=sent (250 2.0.0 Ok)";

// A delivery line of the same delivery that ends in deferred (REASON).
inline std::string refused(std::string_view reason) {
  return "10:00:01 postfix/smtp[7]: 2667D10E: to=<u@a.example>, "
         "relay=mx.a.example[198.51.100.1]:25, delay=0.2, delays=0.01/0.1/0.03/0, dsn=4.7.5, "
         "status=deferred (" +
         std::string(reason) + ")";
}

// The same with `tls=...` (and ", ") where TLS stands, ending in END.
inline std::string delivery(std::string_view tls, std::string_view end) {
  return "10:00:01 postfix/smtp[7]: 2667D10E: to=<u@a.example>, "
         "relay=mx.a.example[198.51.100.1]:25, delay=0.2, delays=0.01/0.1/0.03/0, " +
         std::string(tls) + std::string(end);
}

}  // namespace tlsrpt::milter
