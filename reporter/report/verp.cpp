#include "reporter/report/verp.h"

#include <array>
#include <charconv>
#include <system_error>

#include "policy/text.h"

namespace tlsrpt::reporter {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

bool is_hex(std::string_view text) {
  return !text.empty() && text.find_first_not_of(hex_digits) == std::string_view::npos;
}

// The first digits of the token in MESSAGE_ID, "<tlsrpt.REPORT.N.TOKEN@submitter>"; empty where
// there is none.
std::string_view token_of(std::string_view message_id) {
  const std::size_t at = message_id.rfind('@');
  if (at == std::string_view::npos) return {};
  message_id = message_id.substr(0, at);
  const std::size_t dot = message_id.rfind('.');
  if (dot == std::string_view::npos) return {};
  const std::string_view token = message_id.substr(dot + 1);
  if (token.size() < verp_token_digits || !is_hex(token)) return {};
  return token.substr(0, verp_token_digits);
}

}  // namespace

std::string verp_obstacle(std::string_view mail_from) {
  const std::size_t at = mail_from.rfind('@');
  if (at == std::string_view::npos || at == 0) return "has no local part";
  if (mail_from.front() == '"') return "has a quoted local part, to which nothing can be added";
  if (at > max_verp_base) {
    return "has a local part of more than " + std::to_string(max_verp_base) +
           " bytes, which leaves no room";
  }
  return "";
}

std::string make_verp_sender(std::string_view mail_from, char delimiter,
                             std::string_view message_id, std::int64_t number) {
  const std::string_view token = token_of(message_id);
  std::array<char, 16> digits{};
  const auto [end, problem] =
      std::to_chars(digits.data(), digits.data() + digits.size(), number, 16);
  const std::string_view shown(digits.data(), static_cast<std::size_t>(end - digits.data()));
  if (!verp_obstacle(mail_from).empty() || token.empty() || problem != std::errc() || number < 1 ||
      shown.size() > max_verp_number_digits) {
    return std::string(mail_from);
  }
  const std::size_t at = mail_from.rfind('@');
  std::string sender(mail_from.substr(0, at));
  return sender.append(1, delimiter).append(token).append(shown).append(mail_from.substr(at));
}

std::optional<VerpSender> parse_verp_sender(std::string_view address) {
  if (address.starts_with('<') && address.ends_with('>')) {
    address = address.substr(1, address.size() - 2);
  }
  const std::string lower = policy::to_lower(address);
  const std::size_t at = lower.rfind('@');
  if (at == std::string::npos) return std::nullopt;
  const std::string_view local = std::string_view(lower).substr(0, at);
  const std::size_t delimiter = local.find_last_of(verp_delimiters);
  if (delimiter == std::string_view::npos || delimiter == 0) return std::nullopt;
  const std::string_view added = local.substr(delimiter + 1);
  if (added.size() <= verp_token_digits ||
      added.size() > verp_token_digits + max_verp_number_digits || !is_hex(added)) {
    return std::nullopt;
  }
  VerpSender sender;
  sender.mail_from = std::string(local.substr(0, delimiter)).append(lower.substr(at));
  sender.token = std::string(added.substr(0, verp_token_digits));
  const std::string_view number = added.substr(verp_token_digits);
  std::from_chars(number.data(), number.data() + number.size(), sender.number, 16);
  return sender;
}

bool is_verp_token(std::string_view token, std::string_view message_id) {
  const std::string_view known = token_of(message_id);
  return !known.empty() && known == token;
}

}  // namespace tlsrpt::reporter
