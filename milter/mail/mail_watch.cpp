#include "milter/mail/mail_watch.h"

#include <algorithm>

#include "milter/correlate/queue_ids.h"
#include "policy/text.h"
#include "reporter/report/verp.h"

namespace tlsrpt::milter {
namespace {

// Long queue ids have some 20 characters; anything else is none of Postfix.
constexpr std::size_t max_queue_id = 64;

bool is_name(std::string_view name, std::string_view lower_case) {
  return name.size() == lower_case.size() && policy::to_lower(name) == lower_case;
}

std::string_view without_brackets(std::string_view path) {
  path = policy::trim(path);
  if (path.size() >= 2 && path.front() == '<' && path.back() == '>')
    return path.substr(1, path.size() - 2);
  return path;
}

// A field as it stands in the message may be folded before its value or behind it (RFC
// 5322, 2.2.3).
std::string_view unfolded(std::string_view value) {
  constexpr std::string_view folding = " \t\r\n";
  const std::size_t begin = std::min(value.find_first_not_of(folding), value.size());
  return value.substr(begin, value.find_last_not_of(folding) + 1 - begin);
}

bool is_queue_id(std::string_view text) {
  return !text.empty() && text.size() <= max_queue_id &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
         });
}

}  // namespace

void MailWatch::begin(bool sender_is_listed) {
  mail_ = ReportMail{};
  mail_.sender_is_listed = sender_is_listed;
}

void MailWatch::header(std::string_view name, std::string_view value) {
  if (is_name(name, "message-id")) {
    value = unfolded(value);
    mail_.message_id = looks_like_our_message_id(value) ? std::string(value) : std::string();
  } else if (is_name(name, "tls-report-domain") || is_name(name, "tls-report-submitter")) {
    mail_.has_report_headers = true;
  }
}

std::optional<ReportMail> MailWatch::end(std::string_view queue_id) const {
  if (mail_.message_id.empty() && !mail_.has_report_headers) return std::nullopt;
  if (!is_queue_id(queue_id)) return std::nullopt;
  ReportMail mail = mail_;
  mail.queue_id = queue_id;
  mail.seen = std::chrono::steady_clock::now();
  return mail;
}

bool is_listed_sender(std::string_view sender, const std::vector<std::string>& senders) {
  const std::string folded = policy::to_lower(without_brackets(sender));
  if (std::find(senders.begin(), senders.end(), folded) != senders.end()) return true;
  const auto verp = reporter::parse_verp_sender(folded);
  return verp && std::find(senders.begin(), senders.end(), verp->mail_from) != senders.end();
}

std::optional<policy::DomainName> recipient_domain(std::string_view recipient) {
  recipient = without_brackets(recipient);
  const std::size_t at = recipient.rfind('@');
  if (at == std::string_view::npos) return std::nullopt;
  auto name = policy::DomainName::parse(recipient.substr(at + 1));
  if (!name) return std::nullopt;
  return *std::move(name);
}

}  // namespace tlsrpt::milter
