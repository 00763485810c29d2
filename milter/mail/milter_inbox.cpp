#include "milter/mail/milter_inbox.h"

#include <utility>

namespace tlsrpt::milter {

void MilterInbox::set_rules(MilterRules rules) { *rules_.lock() = std::move(rules); }

void MilterInbox::add(ReportMail mail) {
  auto content = content_.lock();
  if (content->mails.size() >= max_mails) {
    ++content->dropped;
  } else {
    content->mails.push_back(std::move(mail));
  }
}

void MilterInbox::add(const policy::DomainName& domain) {
  auto content = content_.lock();
  if (content->domains.size() < max_domains) content->domains.insert(domain.text());
}

MilterInbox::Content MilterInbox::take() { return std::exchange(*content_.lock(), Content{}); }

}  // namespace tlsrpt::milter
