// SqliteBounces: what came back, and to whom nothing is sent therefore, in the SQLite store.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "policy/result.h"
#include "reporter/store/sqlite.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {

// See Store for what each function does.
class SqliteBounces {
 public:
  explicit SqliteBounces(SqliteDatabase& database) : database_(database) {}

  policy::Result<std::optional<Delivery>> delivery(std::int64_t id);
  policy::Result<std::vector<Delivery>> deliveries_of_message(std::string_view message_id);
  policy::Result<bool> record_bounce(std::int64_t id, std::string_view reason,
                                     const std::optional<Suppression>& suppression);
  policy::Result<bool> send_smallest(std::int64_t id, std::string_view reason,
                                     policy::UtcSeconds now);
  policy::Result<std::vector<Suppression>> suppressions(policy::UtcSeconds now);
  policy::Result<bool> lift_suppression(std::string_view destination);

 private:
  policy::Status suppress(const Suppression& suppression);

  SqliteDatabase& database_;
};

}  // namespace tlsrpt::reporter
