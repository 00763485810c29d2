// RecordMap: TLSRPT records from a file, which override DNS (option record_map).
//
// A line is empty, a comment (`#` first) or `DOMAIN TXT-RECORD` or `DOMAIN discard`, separated by
// blanks. Several lines for a domain are several TXT records, as DNS would answer them, whatever
// they hold; `discard` is the only line of its domain. The domain `*` stands for every domain that
// has no line of its own. Record texts are taken as they stand, without quoting.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/domain_name.h"
#include "policy/result.h"

namespace tlsrpt::reporter {

// One line for each domain of a large site's map; bounds what a wrong file name can cost.
inline constexpr std::size_t max_record_map_size = 64UL * 1024 * 1024;
// A TXT record holds at most 65,535 octets (RFC 1035, 3.2.1).
inline constexpr std::size_t max_record_map_line = 66000;

// What the map says about a domain.
struct MappedRecords {
  // The report is made and stored, counts as delivered and goes nowhere, as with discard(8).
  // --output-dir renders it with a placeholder as its recipient.
  bool discard = false;
  std::vector<std::string> records;  // TXT records; empty exactly where discard is set.

  friend bool operator==(const MappedRecords&, const MappedRecords&) = default;
};

class RecordMap {
 public:
  // An empty map: DNS is asked for every domain.
  RecordMap() = default;

  // The map that TEXT writes. Errc::syntax: the message holds every fault (at most 100) as
  // "FILE:LINE: REASON", one a line.
  static policy::Result<RecordMap> parse(std::string_view text, const std::string& file);
  // The map in the file PATH; an empty path gives an empty map. Errc::not_found, Errc::io,
  // Errc::limit, or as parse().
  static policy::Result<RecordMap> load(const std::string& path);

  // What the map says about DOMAIN, null where DNS is to be asked. Valid as long as the map.
  const MappedRecords* find(const policy::DomainName& domain) const;

 private:
  // Adds one line; the reason why it cannot be added, empty where it was.
  std::string add(std::string_view line);

  std::map<policy::DomainName, MappedRecords> domains_;
  std::optional<MappedRecords> others_;
};

}  // namespace tlsrpt::reporter
