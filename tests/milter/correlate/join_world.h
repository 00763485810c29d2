// Log lines and datagrams of one relay, joined; what was counted is told in words.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "milter/correlate/correlator.h"
#include "milter/correlate/datagram_join.h"
#include "policy/text.h"

namespace tlsrpt::milter {

inline const policy::UtcSeconds join_start = *policy::parse_instant("2026-11-22T10:00:00Z");

// Sessions as "DAY DOMAIN MX[IP] OUTCOME REASON SOURCE POLICY:STRINGS helo=.. from=..".
class JoinedSink final : public SessionSink {
 public:
  void count(const Session& session) override {
    messages += session.messages;
    if (!session.record.empty()) records.emplace_back(session.record);
    if (session.sessions > 0) seen.push_back(words(session));
  }
  void take_back(const Session& session) override { lose(words(session)); }
  void ignore(policy::Ignored kind, policy::UtcSeconds /*at*/,
              std::string_view /*domain*/) override {
    seen.push_back(words(kind));
  }
  void take_back(policy::Ignored kind, policy::UtcSeconds /*at*/) override { lose(words(kind)); }
  void not_understood(policy::UtcSeconds /*at*/, std::string_view /*line*/) override {}
  void tls_logged(policy::UtcSeconds /*at*/, std::string_view /*log_host*/,
                  std::string_view /*service*/) override {}
  bool is_report_message(std::string_view message_id, policy::UtcSeconds /*at*/) override {
    return message_id == "<tlsrpt.1.0.00ff@relay.example>";
  }

  // What was told and not taken back.
  std::vector<std::string> seen;
  std::vector<std::string> never_told;  // What was taken back.
  std::vector<std::string> records;     // That Postfix saw, of each session that has one.
  unsigned messages = 0;

 private:
  void lose(std::string words) {
    const auto told = std::find(seen.begin(), seen.end(), words);
    if (told == seen.end()) {
      never_told.push_back(std::move(words));
    } else {
      seen.erase(told);
    }
  }
  static std::string words(policy::Ignored kind) {
    return "ignored " + std::string(policy::to_text(kind));
  }
  static std::string words(const Session& session) {
    std::string text = policy::to_text(policy::day_of(session.at)).substr(8) + " ";
    text.append(session.domain).append(" ").append(session.mx_host).append("[");
    text.append(session.mx_ip).append("] ");
    text += session.outcome == policy::Outcome::success
                ? "success"
                : policy::to_text(policy::to_result_type(session.outcome));
    if (!session.reason.empty()) text.append(" ").append(session.reason);
    text += session.source == policy::Source::log        ? " log"
            : session.source == policy::Source::datagram ? " datagram"
                                                         : " both";
    if (session.applied != nullptr) {
      text.append(" ").append(policy::to_text(session.applied->type));
      text.append(":").append(session.applied->policy_domain);
      for (const std::string& line : session.applied->policy_string) text.append("|").append(line);
    }
    if (!session.helo.empty()) text.append(" helo=").append(session.helo);
    if (!session.sending_ip.empty()) text.append(" from=").append(session.sending_ip);
    return text;
  }
};

class JoinWorld {
 public:
  explicit JoinWorld(JoinOptions options = {true, true, true, true, "relay1"})
      : options_(std::move(options)) {
    live();
  }

  // TEXT is "postfix/smtp[7]: message", logged SECONDS after join_start.
  JoinWorld& line(int seconds, const std::string& text) { return line_of("relay1", seconds, text); }
  JoinWorld& line_of(const std::string& host, int seconds, const std::string& text) {
    const std::string rest = host + " " + text;
    const auto split = splitter_.split(rest);
    const policy::UtcSeconds at = join_start + std::chrono::seconds(seconds);
    join_->advance(at);
    if (split) correlator_->take(at, *split, rest);
    return *this;
  }
  JoinWorld& datagram(int seconds, int pid, const std::string& json,
                      StampOf stamp = StampOf::sending) {
    const TlsrptDatagram* parsed = parser_.parse(json);
    if (parsed != nullptr)
      join_->take(pid, join_start + std::chrono::seconds(seconds),
                  share_facts(join_->read(*parsed)), stamp);
    return *this;
  }
  JoinWorld& end(int seconds) {
    join_->read_to_end(join_start + std::chrono::seconds(seconds));
    return *this;
  }
  // Goes on in a new life, AT seconds after the start. Whether the state could be read.
  bool restart(int at) {
    const std::string correlator = correlator_->state();
    const std::string join = join_->state(join_start + std::chrono::seconds(at));
    live();
    return correlator_->restore(correlator).ok() && join_->restore(join).ok() &&
           join_->state(join_start + std::chrono::seconds(at)) == join;
  }
  std::vector<std::string> sorted() const {
    auto all = sink.seen;
    std::sort(all.begin(), all.end());
    return all;
  }
  DatagramJoin& join() { return *join_; }
  std::size_t state_size() const { return join_->state(join_start).size(); }

  JoinedSink sink;

 private:
  void live() {
    join_ = std::make_unique<DatagramJoin>(options_, FilterOptions(), sink);
    correlator_ = std::make_unique<Correlator>(CorrelatorOptions(), *join_);
  }

  JoinOptions options_;
  LogLineSplitter splitter_{{"postfix"}};
  DatagramParser parser_;
  std::unique_ptr<DatagramJoin> join_;
  std::unique_ptr<Correlator> correlator_;
};

inline std::string success_datagram(const std::string& domain) {
  return R"({"dpv":"1","d":")" + domain +
         R"(","pr":"v=TLSRPTv1;rua=mailto:r@x.example","policies":[{"policy-type":2,)"
         R"("policy-string":["version: STSv1","mode: enforce"],"mx-host":["*.x.example"],)"
         R"("t":0,"f":0}]})";
}

inline std::string failure_datagram(const std::string& domain, int code = 204,
                                    const std::string& ip = "198.51.100.1") {
  return R"({"dpv":"1","d":")" + domain + R"(","policies":[{"policy-type":9,"policy-domain":")" +
         domain + R"(","failure-details":[{"c":)" + std::to_string(code) +
         R"(,"s":"192.0.2.25","n":"MX.)" + domain + R"(","h":"250-mta.)" + domain +
         R"( hi\r\n250 SIZE","r":")" + ip + R"("}],"t":1,"f":1}]})";
}

inline std::string tlsrpt_line(int pid, const std::string& domain, bool success = true) {
  return "postfix/smtp[" + std::to_string(pid) +
         "]: TLSRPT: status=" + (success ? "success" : "failure") + ", domain=" + domain +
         ", receiving_mx=mx." + domain + "[198.51.100.1]" +
         (success ? "" : ", failure_type=certificate_expired");
}

inline std::string established_line(int pid, const std::string& domain, bool success = true) {
  return "postfix/smtp[" + std::to_string(pid) + "]: " + (success ? "Trusted" : "Untrusted") +
         " TLS connection established to mx." + domain + "[198.51.100.1]:25: TLSv1.3";
}

inline std::string delivery_line(int pid, const std::string& domain, bool success = true,
                                 const std::string& delays = "0.01/0.1/0.03/0") {
  return "postfix/smtp[" + std::to_string(pid) + "]: 2667D10E: to=<u@" + domain + ">, relay=mx." +
         domain + "[198.51.100.1]:25, delay=0.2, delays=" + delays +
         (success ? ", dsn=2.0.0, status=sent (250 Ok)"
                  : ", dsn=4.7.5, status=deferred (Server certificate not verified)");
}

// The lines of one handshake and its delivery. Of a failure Postfix reports before the summary.
inline void log_session(JoinWorld& world, int seconds, int pid = 7, bool success = true,
                        const std::string& domain = "a.example") {
  const auto established = established_line(pid, domain, success);
  if (success) world.line(seconds, established);
  world.line(seconds, tlsrpt_line(pid, domain, success));
  if (!success) world.line(seconds, established);
  world.line(seconds, delivery_line(pid, domain, success));
}

// How many were counted, by source: "both", "log", "datagram".
using Sources = std::map<std::string, int>;

inline Sources by_source(const JoinWorld& world) {
  Sources found;
  for (const std::string& seen : world.sink.seen) {
    for (const char* source : {" both", " log", " datagram"}) {
      if (seen.find(source) != std::string::npos) ++found[source + 1];
    }
  }
  return found;
}

}  // namespace tlsrpt::milter
