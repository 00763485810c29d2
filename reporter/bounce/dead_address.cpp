#include "reporter/bounce/dead_address.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "policy/text.h"

namespace tlsrpt::reporter {
namespace {

// The reply that TEXT begins with, such as "550" (RFC 5321, 4.2); empty where there is none.
std::string_view reply_of(std::string_view text) {
  const std::string_view code = text.substr(0, 3);
  const bool ends = text.size() <= 3 || text[3] == ' ' || text[3] == '-';
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return code.size() == 3 && ends && std::all_of(code.begin(), code.end(), is_digit) ? code : "";
}

// The first enhanced code in TEXT, bare or as in "550-5.7.26" or "550 #5.1.1"; empty where there is
// none. An address of four numbers is none.
std::string_view enhanced_code(std::string_view text) {
  constexpr std::string_view characters = "0123456789.";
  while (!text.empty()) {
    text.remove_prefix(std::min(text.find_first_of(characters), text.size()));
    const std::size_t end = std::min(text.find_first_not_of(characters), text.size());
    std::string_view word = text.substr(0, end);
    if (word.ends_with('.')) word.remove_suffix(1);  // Of a sentence.
    if ((word.starts_with("5.") || word.starts_with("4.")) && is_status_code(word)) return word;
    text.remove_prefix(end);
  }
  return "";
}

bool is_dead_code(std::string_view code, std::string_view diagnostic) {
  // RFC 3463, 3.2 and 3.3: no such mailbox, no such domain, no such syntax, moved, mailbox
  // disabled; 5.1.10: RFC 7505, 4.2, and what Exchange says of a recipient that it does not find.
  constexpr auto codes =
      std::to_array<std::string_view>({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"});
  if (std::find(codes.begin(), codes.end(), code) != codes.end()) return true;
  // Exchange Online, where it is the first to know the mailboxes; of others it is about routes.
  return code == "5.4.1" &&
         policy::to_lower(diagnostic).find("recipient address rejected") != std::string::npos;
}

}  // namespace

bool is_dead_address(const BounceRecipient& recipient) {
  const std::string_view reply = reply_of(recipient.diagnostic);
  if (reply.starts_with('4')) return false;
  const std::string_view status = recipient.status;
  const bool is_generic = status.empty() || status == "5.0.0";
  if (!is_generic) return is_dead_code(status, recipient.diagnostic);
  const std::string_view code = enhanced_code(recipient.diagnostic);
  if (!code.empty()) return is_dead_code(code, recipient.diagnostic);
  // RFC 5321, 4.2.3: unavailable, not local, name not allowed.
  return reply == "550" || reply == "551" || reply == "553";
}

}  // namespace tlsrpt::reporter
