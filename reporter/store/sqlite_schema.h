// The SQLite engine's schema: its version, the check of an opened file, and its creation.
//
// A store is recognised by `PRAGMA application_id`, its version is `PRAGMA user_version`. A file of
// a newer version is refused; one of an older version is brought up to date by whoever writes.
#pragma once

#include "policy/result.h"
#include "reporter/store/sqlite.h"

namespace tlsrpt::reporter {

// The version that this program writes and reads.
inline constexpr std::int64_t sqlite_schema_version = 4;
// "TLSR" in ASCII.
inline constexpr std::int64_t sqlite_application_id = 0x544c5352;

enum class SqliteSchemaState : std::uint8_t {
  empty,    // A new file: nothing in it.
  older,    // A store of an older version: who may write brings it up to date first.
  current,  // A store of this version.
};

// What DATABASE holds. Errc::syntax: no store of ours, or one of a newer version; Errc::temporary
// or Errc::io: could not be read.
policy::Result<SqliteSchemaState> check_sqlite_schema(SqliteDatabase& database);

// Makes the tables in an empty DATABASE, or what one of an older version lacks; does nothing where
// another process has just done so.
policy::Status create_sqlite_schema(SqliteDatabase& database);

}  // namespace tlsrpt::reporter
