// The record in DNS from which recipients take a key of ours (RFC 6376, 3.6.1; RFC 8463, 4).
//
// Total: any bytes are judged. Texts are for people and hold what strangers wrote, unescaped.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/resolver.h"
#include "policy/result.h"
#include "reporter/dkim/dkim_key.h"

namespace tlsrpt::reporter {

// "SELECTOR._domainkey.DOMAIN"
std::string dkim_record_name(std::string_view selector, std::string_view domain);

// The record to publish for KEY, for mail and for reports (RFC 8460, 3: s=tlsrpt). Errc::internal:
// OpenSSL failed.
policy::Result<std::string> make_dkim_record(const DkimKey& key);

// RECORD at NAME as it stands in a zone file (RFC 1035, 5.1), in strings of at most 255 octets,
// with line ends.
std::string zone_file_text(std::string_view name, std::string_view record);

struct DkimRecordFinding {
  bool is_fault = true;  // Else a hint: some recipients will not like it.
  std::string text;      // What is wrong with the record: "is absent".
  // About the command that prints what to publish.
  std::string advice = "prints what to publish; the key stays";
};

// What is wrong with ANSWER, the TXT records of a selector, for those who verify signatures of KEY.
// Empty: nothing.
std::vector<DkimRecordFinding> judge_dkim_record(const policy::TxtAnswer& answer,
                                                 const DkimKey& key);

}  // namespace tlsrpt::reporter
