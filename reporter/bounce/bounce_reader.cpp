#include "reporter/bounce/bounce_reader.h"

#include <algorithm>
#include <array>
#include <utility>

#include "policy/text.h"
#include "reporter/report/mime_reader.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Result;

// RFC 5322, 2.1.1: a line; a diagnostic may be several.
constexpr std::size_t max_name = 998;
constexpr std::size_t max_diagnostic = 2000;

// RFC 3464 and RFC 6533, 3 and 4.
bool is_status(std::string_view type) {
  return type == "message/delivery-status" || type == "message/global-delivery-status";
}

bool is_returned(std::string_view type) {
  constexpr auto types = std::to_array<std::string_view>(
      {"message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"});
  return std::find(types.begin(), types.end(), type) != types.end();
}

// TEXT without comments (RFC 5322, 3.2.2), which may be in each other.
std::string without_comments(std::string_view text) {
  std::string out;
  std::size_t depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '(') {
      ++depth;
    } else if (text[i] == ')' && depth > 0) {
      --depth;
    } else if (depth > 0 && text[i] == '\\') {
      ++i;
    } else if (depth == 0) {
      out += text[i];
    }
  }
  return std::string(policy::trim(out));
}

// What follows the type in "rfc822; user@a.example" (RFC 3464, 2.1.2); all where there is none.
std::string_view without_type(std::string_view text) {
  const std::size_t semicolon = text.find(';');
  return policy::trim(semicolon == std::string_view::npos ? text : text.substr(semicolon + 1));
}

std::string address(std::string_view field) {
  std::string_view text = without_type(field);
  if (text.starts_with('<') && text.ends_with('>')) text = text.substr(1, text.size() - 2);
  return std::string(text.substr(0, max_name));
}

// "5.1.1" of "5.1.1 (bad destination mailbox address)"; empty for others.
std::string status_code(std::string_view field) {
  const std::string text = without_comments(field);
  const std::string_view code = std::string_view(text).substr(0, text.find_first_of(" \t"));
  return is_status_code(code) ? std::string(code) : "";
}

BounceRecipient read_recipient(const MimeHeader& fields) {
  BounceRecipient recipient;
  recipient.final_recipient = address(fields.value("final-recipient"));
  recipient.original_recipient = address(fields.value("original-recipient"));
  recipient.action = policy::to_lower(without_comments(fields.value("action")));
  recipient.status = status_code(fields.value("status"));
  recipient.diagnostic =
      std::string(without_type(fields.value("diagnostic-code")).substr(0, max_diagnostic));
  return recipient;
}

// Appends NAME, if there is any and room for it.
void add(std::vector<std::string>& names, std::string_view name) {
  name = policy::trim(name);
  if (name.empty() || name.size() > max_name || names.size() >= max_bounce_names) return;
  names.emplace_back(name);
}

// RFC 3464, 2.1: fields about the message, an empty line, then a group for each recipient.
void read_status(std::string_view body, Bounce& bounce) {
  while (!body.empty() && bounce.recipients.size() < max_bounce_recipients) {
    const MimeHeader fields = take_mime_header(body);
    // Gmail names the message here.
    add(bounce.message_ids, fields.value("x-original-message-id"));
    if (fields.has("action") || fields.has("final-recipient") || fields.has("status")) {
      bounce.recipients.push_back(read_recipient(fields));
    }
  }
}

// The addresses in a field such as To: what stands in angle brackets, or a word with an @.
void add_addresses(std::string_view field, std::vector<std::string>& addresses) {
  constexpr std::string_view separators = " \t,;<>\"()";
  std::size_t at = field.find_first_not_of(separators);
  while (at != std::string_view::npos) {
    const std::size_t end = std::min(field.find_first_of(separators, at), field.size());
    const std::string_view word = field.substr(at, end - at);
    if (word.find('@') != std::string_view::npos) add(addresses, word);
    at = field.find_first_not_of(separators, end);
  }
}

// What local(8), virtual(8) and others note of the envelope; To of a bounce is the sender of what
// came back.
void add_sent_to(const MimeHeader& header, std::vector<std::string>& addresses) {
  for (const std::string_view name :
       {"delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "to"}) {
    for (const std::string_view value : header.values(name)) add_addresses(value, addresses);
  }
}

}  // namespace

std::vector<std::string> addresses_of(std::string_view message) {
  std::vector<std::string> addresses;
  add_sent_to(take_mime_header(message), addresses);
  return addresses;
}

bool is_status_code(std::string_view text) {
  std::size_t dots = 0;
  std::size_t digits = 0;
  for (const char c : text) {
    if (c == '.') {
      if (digits == 0 || ++dots > 2) return false;
      digits = 0;
    } else if (c < '0' || c > '9' || ++digits > 3) {
      return false;
    }
  }
  return dots == 2 && digits > 0;
}

Result<Bounce> read_bounce(std::string_view message) {
  const MimeMessage read = read_mime(message.substr(0, max_bounce_size));
  Bounce bounce;
  bool is_one = false;
  for (const MimePart& part : read.parts) {
    if (!is_status(part.type) && !is_returned(part.type)) continue;
    const auto body = decode_body(part);
    if (is_status(part.type)) {
      if (!body.ok()) return body.error();
      is_one = true;
      read_status(*body, bounce);
    } else if (body.ok()) {
      std::string_view returned = *body;
      const MimeHeader header = take_mime_header(returned);
      add(bounce.message_ids, header.value("message-id"));
      add_addresses(header.value("return-path"), bounce.sent_to);
      const MimeField type = parse_mime_field(header.value("content-type"));
      const auto boundary = type.parameters.find("boundary");
      if (boundary != type.parameters.end()) bounce.boundary = boundary->second.substr(0, max_name);
    }
  }
  if (!is_one) return Error(Errc::not_found, "no delivery status notification");
  if (bounce.recipients.empty()) return Error(Errc::syntax, "a notification about no recipient");
  add_sent_to(read.header, bounce.sent_to);
  return bounce;
}

}  // namespace tlsrpt::reporter
