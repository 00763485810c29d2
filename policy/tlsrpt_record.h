// TlsrptRecord: what a domain published at `_smtp._tls.<domain>` (RFC 8460, 3).
//
// Pure functions over TXT records; the look-up itself is the Resolver's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/result.h"
#include "policy/rua_uri.h"

namespace tlsrpt::policy {

// More destinations than this are not sent to: one record must not make us send to the world.
inline constexpr std::size_t max_rua = 10;

struct TlsrptRecord {
  std::string text;                  // The record as published, character-strings joined.
  std::vector<RuaUri> rua;           // In order, without repetition, 1 to max_rua.
  std::vector<std::string> ignored;  // Names of unknown fields, such as "pct".
  std::vector<RuaWarning> warnings;  // URIs that were skipped or mended, each with the reason.

  friend bool operator==(const TlsrptRecord&, const TlsrptRecord&) = default;
};

// "_smtp._tls." before DOMAIN.
std::string tlsrpt_name(std::string_view domain);

// Whether TXT is a TLSRPT record at all: it begins with "v=TLSRPTv1", then blanks or none, then
// ";". RFC 8460, 3 says "v=TLSRPTv1;", its grammar allows the blanks; so do Postfix and mox.
bool is_tlsrpt_record(std::string_view txt);

// TEXT by the grammar of RFC 8460, 3. Errc::syntax: broken, no rua, or none that we can send to;
// the message says which and why.
Result<TlsrptRecord> parse_tlsrpt_record(std::string_view text);

// The record among all TXT records of a name. Errc::not_found: none or more than one is a TLSRPT
// record, which the RFC treats as no TLSRPT at all; Errc::syntax: as parse_tlsrpt_record.
Result<TlsrptRecord> choose_tlsrpt_record(const std::vector<std::string>& txt_records);

// The same for people who look for faults: all that could be read, though the record is broken.
struct TlsrptReading {
  TlsrptRecord record;
  std::string fault;  // Why the record cannot be used; empty where it can.
};
TlsrptReading read_tlsrpt_record(std::string_view text);

}  // namespace tlsrpt::policy
