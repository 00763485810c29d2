// DirectorySender: mail_transport `directory:PATH`, one .eml file a message and nothing else.
//
// For trying the product out, for tests, and for sites that let something else pick reports up. The
// name of a message is always the same, so a repeated delivery replaces itself.
#pragma once

#include <string>

#include "reporter/deliver/mail_sender.h"

namespace tlsrpt::reporter {

class DirectorySender : public MailSender {
 public:
  // The directory must exist when something is sent; it is not made, because a missing one is more
  // often an unmounted file system or a typing error than an intention.
  explicit DirectorySender(std::string directory) : directory_(std::move(directory)) {}

  // Everything that can go wrong is temporary: the operator can mend it.
  DeliveryOutcome send(const OutgoingMail& mail) override;
  bool is_repeatable() const override { return true; }

 private:
  std::string directory_;
};

}  // namespace tlsrpt::reporter
