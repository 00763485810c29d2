#include "reporter/store/sqlite_schema.h"

#include <array>
#include <string>
#include <utility>

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Result;
using policy::Status;
using policy::Unit;

// Days are days since 1970-01-01 (UTC), instants are Unix seconds, enumerations the numbers of
// their C++ types. Texts that repeat are interned in `text`, whose row 0 is the empty text, "not
// known"; columns that hold such a number are named after what the text is.
// This is version 1; what later ones changed stands below.
constexpr const char* schema = R"sql(
-- Every distinct text once: a fact is a row of integers (a fifth of the cost of text keys).
CREATE TABLE text (
  id INTEGER PRIMARY KEY,
  value TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO text (id, value) VALUES (0, '');

-- AppliedPolicy. policy_string and mx_host are lists: "LENGTH:TEXT," for each element, in one text.
CREATE TABLE policy (
  id INTEGER PRIMARY KEY,
  type INTEGER NOT NULL,
  policy_domain INTEGER NOT NULL,
  policy_string INTEGER NOT NULL,
  mx_host INTEGER NOT NULL,
  UNIQUE (type, policy_domain, policy_string, mx_host)
) STRICT;

-- Each UTC day with facts or counts, and how many domains have facts on it.
CREATE TABLE day (
  day INTEGER PRIMARY KEY,
  domains INTEGER NOT NULL
) STRICT;

-- Each (day, domain) with facts. open: a report is still to be made from facts of revision 0.
CREATE TABLE domain_day (
  day INTEGER NOT NULL,
  domain INTEGER NOT NULL,
  open INTEGER NOT NULL,
  last_revision INTEGER NOT NULL,
  PRIMARY KEY (day, domain)
) STRICT, WITHOUT ROWID;
CREATE INDEX domain_day_open ON domain_day (domain, day) WHERE open = 1;

-- The facts (design: Row). The key begins with what every query names and goes on with what tells
-- rows apart soonest. Without rowid: half the size of a table with a unique index, and no slower.
CREATE TABLE fact (
  day INTEGER NOT NULL,
  domain INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  mx_host INTEGER NOT NULL,
  mx_ip INTEGER NOT NULL,
  outcome INTEGER NOT NULL,
  helo INTEGER NOT NULL,
  policy INTEGER NOT NULL,
  service INTEGER NOT NULL,
  relay INTEGER NOT NULL,
  sending_ip INTEGER NOT NULL,
  source INTEGER NOT NULL,
  reason INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  minute INTEGER NOT NULL,
  sessions INTEGER NOT NULL,
  messages INTEGER NOT NULL,
  PRIMARY KEY (day, domain, revision, mx_host, mx_ip, outcome, helo, policy, service, relay,
               sending_ip, source, reason, epoch, minute)
) STRICT, WITHOUT ROWID;

CREATE TABLE ignored (
  day INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  sessions INTEGER NOT NULL,
  PRIMARY KEY (day, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE not_understood (
  day INTEGER NOT NULL,
  number INTEGER NOT NULL,
  line BLOB NOT NULL,
  PRIMARY KEY (day, number)
) STRICT, WITHOUT ROWID;

-- First and last `established to` line of each service and UTC day.
CREATE TABLE tls_logged (
  relay INTEGER NOT NULL,
  service INTEGER NOT NULL,
  day INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  PRIMARY KEY (relay, service, day)
) STRICT, WITHOUT ROWID;

-- The last day on which (MX host, address) completed a handshake.
CREATE TABLE mx_handshake (
  mx_host INTEGER NOT NULL,
  mx_ip INTEGER NOT NULL,
  day INTEGER NOT NULL,
  PRIMARY KEY (mx_host, mx_ip)
) STRICT, WITHOUT ROWID;

-- How far each collector has read; position and pending are its own formats.
CREATE TABLE collector (
  id INTEGER PRIMARY KEY,
  relay TEXT NOT NULL,
  source TEXT NOT NULL,
  read_until INTEGER,
  committed_at INTEGER NOT NULL,
  position BLOB NOT NULL,
  pending BLOB NOT NULL,
  UNIQUE (relay, source)
) STRICT;

-- CollectorTrouble: the last one of each.
CREATE TABLE collector_trouble (
  relay TEXT NOT NULL,
  name TEXT NOT NULL,
  trouble TEXT NOT NULL,
  since INTEGER NOT NULL,
  until INTEGER,
  PRIMARY KEY (relay, name)
) STRICT, WITHOUT ROWID;

-- What the last look-up of a domain's record said.
CREATE TABLE lookup_note (
  day INTEGER NOT NULL,
  domain INTEGER NOT NULL,
  note TEXT NOT NULL,
  first_failure INTEGER,
  PRIMARY KEY (day, domain)
) STRICT, WITHOUT ROWID;

-- Closed reports; a revision above 1 is a supplement. Ids are never used again.
CREATE TABLE report (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  day INTEGER NOT NULL,
  domain INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  report_id TEXT NOT NULL,
  file_name TEXT NOT NULL,
  boundary TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  json_gz BLOB NOT NULL,
  UNIQUE (day, domain, revision)
) STRICT;

-- One destination of one report. A claim is a lease: owner and end, both NULL when nobody has it.
-- set_aside_by: the version of this program that cannot handle it, or empty.
CREATE TABLE delivery (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  report INTEGER NOT NULL,
  destination TEXT NOT NULL,
  message_id TEXT NOT NULL,
  state INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  not_before INTEGER NOT NULL,
  first_attempt INTEGER,
  last_attempt INTEGER,
  last_error TEXT NOT NULL,
  set_aside_by TEXT NOT NULL,
  lease_owner TEXT,
  lease_until INTEGER
) STRICT;
CREATE INDEX delivery_report ON delivery (report);
CREATE INDEX delivery_due ON delivery (not_before, id) WHERE state = 1;
CREATE INDEX delivery_leased ON delivery (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX delivery_message_id ON delivery (message_id) WHERE message_id <> '';

-- One row: the time as the last flush saw it (FlushTime).
CREATE TABLE flush_time (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  seen INTEGER NOT NULL,
  believed INTEGER NOT NULL,
  doubted_since INTEGER
) STRICT;
)sql";

// Number N makes version N + 2 of the version before.
constexpr std::array<const char*, 3> changes{R"sql(
-- Stores of before had it by (day, domain): no order for reading domain by domain.
DROP INDEX domain_day_open;
CREATE INDEX domain_day_open ON domain_day (domain, day) WHERE open = 1;

-- What a flush leaves for later ones: a name, and when it was so.
CREATE TABLE remembered (
  name TEXT PRIMARY KEY,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The TLSRPT record that Postfix saw last; and 1: DNS failed, and the report goes where that record
-- says.
ALTER TABLE domain_day ADD COLUMN record INTEGER NOT NULL DEFAULT 0;
ALTER TABLE report ADD COLUMN by_seen_record INTEGER NOT NULL DEFAULT 0;

-- TLSRPT datagrams that were lost, by DatagramLoss.
CREATE TABLE lost_datagram (
  day INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  count INTEGER NOT NULL,
  last INTEGER NOT NULL,
  PRIMARY KEY (day, kind)
) STRICT, WITHOUT ROWID;
)sql",
                                             R"sql(
-- 1: its report was refused as too large and goes out in its smallest form.
ALTER TABLE delivery ADD COLUMN is_smallest INTEGER NOT NULL DEFAULT 0;

-- Destinations that nothing is sent to for a while (Suppression).
CREATE TABLE suppression (
  destination TEXT PRIMARY KEY,
  reason TEXT NOT NULL,
  since INTEGER NOT NULL,
  until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
)sql",
                                             R"sql(
-- Queue ids that collectors forgot for want of room (ForgottenQueueIds).
CREATE TABLE forgotten_queue_ids (
  day INTEGER PRIMARY KEY,
  ours INTEGER NOT NULL,
  doubtful INTEGER NOT NULL,
  last INTEGER NOT NULL
) STRICT;
)sql"};
static_assert(changes.size() + 1 == sqlite_schema_version);

// REQUIRES: a transaction, so that the three numbers belong together.
Result<SqliteSchemaState> look(SqliteDatabase& database) {
  const Result<std::int64_t> application = database.integer("PRAGMA application_id");
  if (!application.ok()) return application.error();
  const Result<std::int64_t> version = database.integer("PRAGMA user_version");
  if (!version.ok()) return version.error();
  const Result<std::int64_t> tables = database.integer("SELECT count(*) FROM sqlite_schema");
  if (!tables.ok()) return tables.error();

  if (*application == 0 && *version == 0 && *tables == 0) return SqliteSchemaState::empty;
  if (*application != sqlite_application_id) {
    return Error(Errc::syntax, "an SQLite database of another program, not a tlsrpt store");
  }
  if (*version == sqlite_schema_version) return SqliteSchemaState::current;
  if (*version > sqlite_schema_version) {
    return Error(Errc::syntax, "the store has schema version " + std::to_string(*version) +
                                   ", this program knows versions up to " +
                                   std::to_string(sqlite_schema_version) +
                                   ": it was written by a newer tlsrpt");
  }
  if (*version > 0) return SqliteSchemaState::older;
  return Error(Errc::syntax,
               "the store has the impossible schema version " + std::to_string(*version));
}

}  // namespace

Result<SqliteSchemaState> check_sqlite_schema(SqliteDatabase& database) {
  Result<SqliteTransaction> transaction = SqliteTransaction::begin_read(database);
  if (!transaction.ok()) return std::move(transaction).error();
  return look(database);
}

Status create_sqlite_schema(SqliteDatabase& database) {
  Result<SqliteTransaction> transaction = SqliteTransaction::begin(database);
  if (!transaction.ok()) return std::move(transaction).error();
  const Result<SqliteSchemaState> state = look(database);
  if (!state.ok()) return state.error();
  if (*state == SqliteSchemaState::current) return Unit{};
  std::size_t done = 0;  // Changes that it has.
  if (*state == SqliteSchemaState::older) {
    const Result<std::int64_t> version = database.integer("PRAGMA user_version");
    if (!version.ok()) return version.error();
    done = static_cast<std::size_t>(*version) - 1;
  }
  Status made = Unit{};
  if (*state == SqliteSchemaState::empty) made = database.execute(schema);
  for (std::size_t i = done; made.ok() && i < changes.size(); ++i) {
    made = database.execute(changes.at(i));
  }
  if (!made.ok()) return made;
  made = database.execute("PRAGMA application_id = " + std::to_string(sqlite_application_id) +
                          "; PRAGMA user_version = " + std::to_string(sqlite_schema_version));
  if (!made.ok()) return made;
  return transaction->commit();
}

}  // namespace tlsrpt::reporter
