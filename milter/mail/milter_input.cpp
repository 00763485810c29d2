#include "milter/mail/milter_input.h"

#include <unistd.h>

#include <utility>

#include "policy/text.h"
#include "reporter/run_as.h"

namespace tlsrpt::milter {
namespace {

using std::chrono::steady_clock;

constexpr std::string_view unix_prefix = "unix:";
constexpr std::chrono::seconds retry_interval{10};
constexpr std::chrono::seconds look_interval{5};
constexpr const char* trouble = "milter";

MilterRules rules_for(const reporter::Settings& settings, bool wants_domains) {
  MilterRules rules;
  for (const std::string& sender : settings.report_senders)
    rules.report_senders.push_back(policy::to_lower(sender));
  rules.wants_domains = wants_domains;
  return rules;
}

}  // namespace

policy::Status prepare_milter_folder(const reporter::Settings& settings) {
  if (::geteuid() != 0 || !settings.milter_socket.starts_with(unix_prefix)) return policy::Unit{};
  const auto user = reporter::find_run_as_user(settings);
  if (!user) return user.error();
  return make_socket_folder(settings.milter_socket.substr(unix_prefix.size()),
                            *user ? (*user)->uid : 0, settings.milter_socket_group);
}

MilterInput::MilterInput(const reporter::Settings& settings, const reporter::Clock& clock,
                         DaemonLog& log, std::function<void()> ended, LookAhead look_ahead)
    : clock_(clock),
      log_(log),
      ended_(std::move(ended)),
      look_ahead_(std::move(look_ahead)),
      inbox_(rules_for(settings, static_cast<bool>(look_ahead_))),
      server_({settings.milter_socket, settings.milter_socket_group, settings.milter_socket_mode},
              inbox_),
      socket_(settings.milter_socket) {}

bool MilterInput::start() {
  const auto status = server_.start();
  if (status) {
    log_.recovered(trouble, "the milter listens now");
    return true;
  }
  log_.trouble(trouble, "milter_socket: " + status.error().message() +
                            "; reports are known by the log alone until that can be had");
  next_try_ = steady_clock::now() + retry_interval;
  return false;
}

void MilterInput::reload(const reporter::Settings& settings) {
  inbox_.set_rules(rules_for(settings, static_cast<bool>(look_ahead_)));
}

void MilterInput::keep_up() {
  if (server_.state() == MilterServer::State::not_started && steady_clock::now() >= next_try_)
    start();
  if (server_.state() == MilterServer::State::running) look_for_socket();
  if (server_.state() == MilterServer::State::stopped) ended_();
  if (server_.state() == MilterServer::State::failed)
    log_.trouble(trouble,
                 "libmilter has given up; reports are known by the log alone until the "
                 "daemon is started again");
}

// libmilter cannot listen on another one in this process.
void MilterInput::look_for_socket() {
  constexpr const char* socket_trouble = "milter socket";
  const auto now = steady_clock::now();
  if (now < next_look_) return;
  next_look_ = now + look_interval;
  if (server_.is_in_place()) {
    log_.recovered(socket_trouble, socket_ + " is there again");
  } else {
    log_.trouble(socket_trouble,
                 socket_ +
                     " was removed or replaced by somebody; Postfix does not reach the "
                     "milter, and reports are known by the log alone, until the daemon is "
                     "started again");
  }
}

void MilterInput::hand_over(std::span<Collector* const> collectors) {
  keep_up();
  const MilterInbox::Content content = inbox_.take();
  const auto now = clock_.now();
  const auto steady_now = steady_clock::now();
  for (const ReportMail& mail : content.mails) {
    const auto age = std::chrono::floor<std::chrono::seconds>(steady_now - mail.seen);
    bool is_first = true;
    for (Collector* collector : collectors) {
      collector->take(mail, now - age, is_first);
      is_first = false;
    }
  }
  if (content.dropped > 0)
    log_.warning(std::to_string(content.dropped) +
                 " messages that look like reports were too many at once for the milter; they are "
                 "known by the log alone");
  if (look_ahead_ && !content.domains.empty()) look_ahead_(content.domains);
}

}  // namespace tlsrpt::milter
