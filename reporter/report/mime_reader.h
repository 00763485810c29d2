// Reader of MIME messages (RFC 2045, 2046), as far as finding an attachment needs it.
//
// Total: any bytes give parts, at worst one of type text/plain. Views point into the message, which
// must outlive them.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/result.h"

namespace tlsrpt::reporter {

// Multiparts in each other, parts in all, and header fields of one part that are read; mail readers
// have like limits. What is beyond them is left out.
inline constexpr unsigned max_mime_depth = 8;
inline constexpr std::size_t max_mime_parts = 100;
inline constexpr std::size_t max_header_fields = 1000;

// The header of a message or part: fields in their order, names in lower case, values unfolded.
class MimeHeader {
 public:
  void add(std::string name, std::string value);
  // The value of the first field NAME (lower case), empty where there is none.
  const std::string& value(std::string_view name) const;
  bool has(std::string_view name) const;
  // The values of all fields NAME, in their order.
  std::vector<std::string_view> values(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

// The header at the beginning of TEXT, which becomes what follows the empty line behind it.
MimeHeader take_mime_header(std::string_view& text);

// A field with parameters, such as Content-Type. Names are in lower case; the pieces and the
// percent-encoding of RFC 2231 are put together.
struct MimeField {
  std::string value;  // "multipart/report", lower case.
  std::map<std::string, std::string> parameters;
};
MimeField parse_mime_field(std::string_view text);

// A part that is no multipart.
struct MimePart {
  std::string type;       // "application/tlsrpt+gzip"; text/plain where none is given.
  std::string file_name;  // Of Content-Disposition, else name of Content-Type; may be empty.
  std::string encoding;   // Content-Transfer-Encoding, lower case.
  std::string_view body;  // As it stands in the message.
};

// PART's body with its transfer encoding undone. Errc::syntax: damaged, or an unknown encoding.
policy::Result<std::string> decode_body(const MimePart& part);

struct MimeMessage {
  MimeHeader header;
  MimeField content_type;
  std::vector<MimePart> parts;
};

// MESSAGE with line ends LF or CRLF; an mbox "From " line before it is skipped.
MimeMessage read_mime(std::string_view message);

}  // namespace tlsrpt::reporter
