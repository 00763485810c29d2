// Facts and domains read back from the SQLite store, each row checked as data from outside.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/fact.h"
#include "policy/result.h"
#include "reporter/store/sqlite.h"

namespace tlsrpt::reporter {

// See Store::domains and Store::facts. Facts are ordered by revision, policy, outcome, MX host and
// the rest, so that equal stores give equal lists. Errc::io: a row is damaged, with its place.
policy::Result<std::vector<std::string>> read_domains(SqliteDatabase& database, policy::UtcDay day);
policy::Result<std::vector<policy::Fact>> read_facts(SqliteDatabase& database, policy::UtcDay day,
                                                     std::string_view domain,
                                                     std::optional<std::uint32_t> revision);

}  // namespace tlsrpt::reporter
