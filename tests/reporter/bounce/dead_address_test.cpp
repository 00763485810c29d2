#include "reporter/bounce/dead_address.h"

#include <gtest/gtest.h>

#include <string>

namespace tlsrpt::reporter {
namespace {

bool is_dead(const std::string& status, const std::string& diagnostic) {
  return is_dead_address({"x@a.example", "", "failed", status, diagnostic});
}

TEST(DeadAddress, WhatSaysThatThereIsNone) {
  const auto good = [](const std::string& status, const std::string& diagnostic) {
    EXPECT_TRUE(is_dead(status, diagnostic)) << status << ": " << diagnostic;
  };
  good("5.1.1", "550 5.1.1 <x@a.example>: User unknown");
  good("5.1.1", "unknown user: \"x\"");  // X-Postfix.
  good("5.1.1", "");
  good("5.1.2", "550 5.1.2 no such domain");
  good("5.1.3", "501 5.1.3 Bad recipient address syntax");
  good("5.1.6", "551 5.1.6 has moved");
  good("5.1.10", "Domain a.example does not accept mail (nullMX)");
  good("5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found");
  good("5.2.1", "550 5.2.1 mailbox disabled");
  good("5.4.1", "550 5.4.1 Recipient address rejected: Access denied. AS(201806281)");
  good("5.0.0", "550-5.1.1 The email account that you tried to reach\n550 5.1.1 does not exist");
  good("5.0.0", "550 #5.1.1 bad address");
  good("", "550 5.1.1 User unknown");
  good("5.0.0", "550 User unknown");
  good("5.0.0", "550-User\n550 unknown");
  good("", "551 not local");
  good("5.0.0", "553 no such name");
  good("5.0.0", "550");
  good("5.0.0", "550 no user x for 5.6.7.8");  // That is an address.
}

TEST(DeadAddress, WhatSaysAnythingElse) {
  const auto bad = [](const std::string& status, const std::string& diagnostic) {
    EXPECT_FALSE(is_dead(status, diagnostic)) << status << ": " << diagnostic;
  };
  bad("5.7.1", "550 5.7.1 a.example is no customer of ours");
  bad("5.7.23", "550 5.7.23 SPF validation failed");
  bad("5.7.26", "550-5.7.26 This mail is unauthenticated\n550 5.7.26 ...");
  bad("5.1.8", "550 5.1.8 Sender address rejected: Domain not found");
  bad("5.1.0", "550 5.1.0 Sender rejected");
  bad("5.2.2", "552 5.2.2 mailbox full");
  bad("5.3.0", "unable to look up");              // Local.
  bad("5.3.5", "mail system is misconfigured");   // Local.
  bad("5.4.6", "mail for a.example loops back");  // Local.
  bad("5.7.5", "TLS is required, but was not offered");
  bad("5.4.1", "550 5.4.1 no answer from host");
  bad("5.4.4", "Host or domain name not found");
  bad("5.4.7", "451 4.7.1 greylisted");                             // Expired.
  bad("5.4.300", "550 5.4.300 Message expired -> 451 4.4.0 DNS");   // Exchange: expired.
  bad("5.0.0", "451 Try again later: retry timeout exceeded");      // Exim: expired.
  bad("5.1.1", "450 4.1.1 <x@a.example>: unverified address");      // Expired.
  bad("5.4.1", "450 4.4.1 Recipient address rejected: try again");  // Expired.
  bad("5.0.0", "550 5.7.1 no customer of ours");                    // Code in the reply.
  bad("", "550-5.7.26 unauthenticated");
  bad("5.0.0", "550 your mail was rejected. See code 5.7.1.");
  bad("5.0.0", "554 no");
  bad("5.0.0", "");
  bad("", "");
  bad("", "450 later");
  bad("4.4.7", "550 5.1.1 User unknown");
  bad("4.0.0", "550 User unknown");
  bad("5.0.0", "5501 is no reply");
  bad("5.0.0", "connection refused by 550");
}

}  // namespace
}  // namespace tlsrpt::reporter
