// Relaxed canonical forms (RFC 6376, 3.4.2 and 3.4.4): what a DKIM signature is made over.
//
// Messages have CRLF line ends. All functions are total: what is no message is one without fields.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tlsrpt::reporter {

struct MessageParts {
  std::vector<std::string_view> fields;  // Each whole, folded as it is, with its last CRLF.
  std::string_view body;
};

// MESSAGE at its first empty line. Views into it.
MessageParts split_message(std::string_view message);

// "name:value" without CRLF: unfolded, the name in lower case, runs of blanks as one, none at the
// ends of name and value.
std::string relaxed_field(std::string_view field);

// Runs of blanks as one, none at the end of a line, no empty lines at the end.
std::string relaxed_body(std::string_view body);

// What is signed (RFC 6376, 3.7): the fields that NAMES mean, each name taking the last field of
// that name that is still left, and SIGNATURE, which is the signature's own field with an empty b=.
std::string signed_text(const std::vector<std::string_view>& fields,
                        const std::vector<std::string_view>& names, std::string_view signature);

}  // namespace tlsrpt::reporter
