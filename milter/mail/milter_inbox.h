// MilterInbox: what the milter's threads have learnt, until the daemon's thread takes it.
//
// Bounded: beyond max_mails a message is dropped and counted (the log tells of it, too), beyond
// max_domains a recipient domain is (look-ahead is a convenience). All functions may be called by
// any thread; none waits for anything but the other's copying.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "milter/mail/report_mail.h"
#include "policy/domain_name.h"
#include "policy/lock_guarded.h"

namespace tlsrpt::milter {

struct MilterRules {
  std::vector<std::string> report_senders;  // Lower case.
  bool wants_domains = false;               // Whether somebody looks ahead for recipient domains.
};

class MilterInbox {
 public:
  static constexpr std::size_t max_mails = 100000;
  static constexpr std::size_t max_domains = 10000;

  struct Content {
    std::vector<ReportMail> mails;            // In the order of their ends.
    std::unordered_set<std::string> domains;  // A-labels.
    std::uint64_t dropped = 0;                // Mails that found no room.
  };

  explicit MilterInbox(MilterRules rules) : rules_(std::move(rules)) {}

  MilterRules rules() const { return *rules_.lock(); }
  // From the next message on.
  void set_rules(MilterRules rules);
  void add(ReportMail mail);
  void add(const policy::DomainName& domain);
  // Everything since the last call.
  Content take();

 private:
  mutable policy::LockGuarded<MilterRules> rules_;
  policy::LockGuarded<Content> content_;
};

}  // namespace tlsrpt::milter
