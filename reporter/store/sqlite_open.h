// Opening the SQLite file of a store: creation, rights, settings, and the check of what it holds.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "policy/result.h"
#include "reporter/store/sqlite.h"
#include "reporter/store/store.h"

namespace tlsrpt::reporter {

// The database at PATH, set up for ACCESS, with our schema in it. Errors as open_store(), each with
// the path; a missing directory is Errc::io.
//
// Files are made with mode 0640 whatever the umask. A reader that may not write beside the file
// still reads it as long as no writer left anything in its log. WAITING: as StoreLimits has it, of
// who may write.
policy::Result<SqliteDatabase> open_sqlite(const std::string& path, StoreAccess access,
                                           std::chrono::milliseconds busy_timeout,
                                           std::function<void()> waiting = {});

// Whether ERROR, of a store, says that its file is damaged, or no database at all.
bool tells_of_damage(const policy::Error& error);

}  // namespace tlsrpt::reporter
