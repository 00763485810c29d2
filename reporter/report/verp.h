// The envelope sender of one delivery (VERP): a bounce to it names the delivery, whatever the host
// that bounces says.
//
// "tls-reports+TTTTTTTTTTTTTTTTTTTTTTTTN@relay.example": T are the first 24 hexadecimal digits of
// the random token in its Message-ID (96 bits that only its recipient knows), N is the number of
// the delivery in hexadecimal. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tlsrpt::reporter {

// RFC 5321, 4.5.3.1.1: octets of a local part; and how many of ours all that is added takes.
inline constexpr std::size_t max_local_part = 64;
inline constexpr std::size_t verp_token_digits = 24;
inline constexpr std::size_t max_verp_number_digits = 10;  // 10^12 deliveries.
inline constexpr std::size_t max_verp_base =
    max_local_part - 1 - verp_token_digits - max_verp_number_digits;
// What may stand between local part and token: what mail systems take as recipient delimiter, and
// can stand in an unquoted local part.
inline constexpr std::string_view verp_delimiters = "+-=_#";

// Why MAIL_FROM permits no such sender, as the rest of a sentence; empty: it does.
std::string verp_obstacle(std::string_view mail_from);

// The sender of delivery NUMBER with MESSAGE_ID, made of MAIL_FROM and DELIMITER. MAIL_FROM itself
// where that permits none, or the Message-ID is not one of ours.
std::string make_verp_sender(std::string_view mail_from, char delimiter,
                             std::string_view message_id, std::int64_t number);

struct VerpSender {
  std::string mail_from;    // Lower case, like all the rest.
  std::string token;        // verp_token_digits.
  std::int64_t number = 0;  // Of the delivery.
};
// The parts of ADDRESS, which may stand in angle brackets; none where it is of another form. Proves
// nothing: see is_verp_token().
std::optional<VerpSender> parse_verp_sender(std::string_view address);

// Whether TOKEN is that of MESSAGE_ID.
bool is_verp_token(std::string_view token, std::string_view message_id);

}  // namespace tlsrpt::reporter
