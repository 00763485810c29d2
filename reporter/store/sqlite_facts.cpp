#include "reporter/store/sqlite_facts.h"

#include <limits>
#include <utility>

#include "reporter/store/sqlite_sql.h"
#include "reporter/store/sqlite_texts.h"
#include "reporter/store/sqlite_values.h"

namespace tlsrpt::reporter {
namespace {

using policy::Fact;
using policy::Outcome;
using policy::Result;
using policy::Status;

constexpr std::int64_t last_minute = 24L * 60 - 1;

bool is_outcome(std::int64_t number) {
  return (number >= static_cast<std::int64_t>(Outcome::success) &&
          number <= static_cast<std::int64_t>(Outcome::dane_required)) ||
         number == static_cast<std::int64_t>(Outcome::no_tls_seen);
}

std::vector<std::string> read_list(SqliteRow& row, std::string_view name) {
  auto list = decode_list(row.text(name));
  if (list) return *std::move(list);
  row.fault(name, "is no list");
  return {};
}

policy::AppliedPolicy read_policy(SqliteRow& row) {
  policy::AppliedPolicy policy;
  policy.type = static_cast<policy::PolicyType>(row.integer("policy type", 0, 255));
  if (policy::to_text(policy.type).empty()) row.fault("policy type", "is unknown");
  policy.policy_domain = row.text("policy_domain");
  policy.policy_string = read_list(row, "policy_string");
  policy.mx_host = read_list(row, "policy mx_host");
  return policy;
}

Fact read_fact(SqliteRow& row) {
  Fact fact;
  fact.revision = static_cast<std::uint32_t>(row.integer("revision", 0, max_uint32));
  fact.relay = row.text("relay");
  fact.service = row.text("service");
  fact.source = static_cast<policy::Source>(row.integer("source", 1, 3));
  fact.mx_host = row.text("mx_host");
  fact.mx_ip = row.text("mx_ip");
  fact.sending_ip = row.text("sending_ip");
  fact.helo = row.text("helo");
  const std::int64_t outcome = row.integer("outcome");
  if (!is_outcome(outcome)) row.fault("outcome", std::to_string(outcome) + " is unknown");
  fact.outcome = static_cast<Outcome>(outcome);
  fact.reason = row.text("reason");
  fact.policy = read_policy(row);
  fact.epoch = static_cast<std::uint32_t>(row.integer("epoch", 0, max_uint32));
  fact.minute = static_cast<std::int16_t>(row.integer("minute", -1, last_minute));
  fact.sessions = static_cast<std::uint64_t>(row.integer("sessions", 0));
  fact.messages = static_cast<std::uint64_t>(row.integer("messages", 0));
  return fact;
}

}  // namespace

Result<std::vector<std::string>> read_domains(SqliteDatabase& database, policy::UtcDay day) {
  Result<SqliteUse> query = database.use(sql::domains_of_day);
  if (!query.ok()) return std::move(query).error();
  (*query)->bind(1, number_of(day));
  std::vector<std::string> domains;
  for (;;) {
    const Result<bool> found = (*query)->step();
    if (!found.ok()) return found.error();
    if (!*found) return domains;
    SqliteRow row(**query);
    domains.push_back(row.text("domain"));
    Status good = row.check("domains of " + policy::to_text(day));
    if (!good.ok()) return std::move(good).error();
  }
}

Result<std::vector<Fact>> read_facts(SqliteDatabase& database, policy::UtcDay day,
                                     std::string_view domain,
                                     std::optional<std::uint32_t> revision) {
  Result<SqliteUse> query = database.use(sql::facts);
  if (!query.ok()) return std::move(query).error();
  (*query)->bind(1, number_of(day)).bind(2, domain);
  if (revision) (*query)->bind(3, std::int64_t{*revision});
  std::vector<Fact> facts;
  for (;;) {
    const Result<bool> found = (*query)->step();
    if (!found.ok()) return found.error();
    if (!*found) return facts;
    SqliteRow row(**query);
    Fact fact = read_fact(row);
    Status good = row.check("facts of " + std::string(domain) + " on " + policy::to_text(day));
    if (!good.ok()) return std::move(good).error();
    fact.day = day;
    fact.domain = domain;
    facts.push_back(std::move(fact));
  }
}

}  // namespace tlsrpt::reporter
