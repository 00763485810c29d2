// Relay hosts: the hosts in brackets that Postfix's configuration sends mail to, whoever it is for.
//
// [host] means that host and not the MX hosts of that name, so a session with it says nothing about
// the recipient's domain. Only the text is looked at: values of relayhost and *_transport,
// and the source text of look-up tables.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/result.h"

namespace tlsrpt::reporter {

// The hosts in brackets in VALUE, such as "relay:[smtp.isp.example]:587" or several of them
// separated by blanks or commas: lower case, addresses as RFC 5952 writes them, unique.
std::vector<std::string> bracketed_hosts(std::string_view value);

// A table named in a parameter such as transport_maps.
struct LookupTable {
  std::string type;  // "hash"
  std::string name;  // "/etc/postfix/transport", or the text of an inline table.
};

// The tables in VALUE: "hash:/etc/postfix/transport, inline:{a=b, {c = d}}" and so on. Total: what
// is no table is left out.
std::vector<LookupTable> lookup_tables(std::string_view value);

// Whether tables of TYPE have a text beside them that postmap(1) compiles (hash, lmdb, ...), or are
// text (texthash): lines `pattern result`.
bool has_source_text(std::string_view type);

// The lines of the table's source at PATH without comments; errors as of a file that cannot be
// read, or is too large.
policy::Result<std::string> read_table_source(const std::string& path);

}  // namespace tlsrpt::reporter
