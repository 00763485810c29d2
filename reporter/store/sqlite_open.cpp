#include "reporter/store/sqlite_open.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "policy/unique_fd.h"
#include "reporter/store/sqlite_schema.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Result;
using policy::Status;
using policy::Unit;

constexpr mode_t file_mode = 0640;  // The group may look (--summary), nobody else.
// Longest text, blob and row: above any report or pending state, far below SQLite's 1 GB.
constexpr int max_cell = 64 * 1024 * 1024;
constexpr int max_sql = 64 * 1024;

constexpr const char* common_settings =
    "PRAGMA trusted_schema = off; PRAGMA cell_size_check = on; PRAGMA temp_store = memory; "
    // Page cache 4 MiB, no matter how large the store grows.
    "PRAGMA cache_size = -4096; "
    // After a checkpoint the log is cut to this, so that one long reader does not leave a huge
    // file.
    "PRAGMA journal_size_limit = 67108864";

std::string os_message(int error) { return std::generic_category().message(error); }

// Of a store whose file alone was removed, what SQLite keeps beside it is still there. Whoever has
// it open keeps it until they end; the new store must not share it with them. The lock on the
// folder is that of all who make a store, so that nothing is removed beside one that was just made.
void remove_what_is_left(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 || errno != ENOENT) return;
  for (const char* suffix : {"-wal", "-shm"}) (void)::unlink((path + suffix).c_str());
}

// Makes an empty file where there is none; SQLite would take the umask's mode.
Status create_file(const std::string& path) {
  const std::string above = std::filesystem::path(path).parent_path().string();
  const policy::UniqueFd lock(::open(above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (lock.valid() && ::flock(lock.get(), LOCK_EX) == 0) remove_what_is_left(path);
  int descriptor = -1;
  do {
    descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, file_mode);
  } while (descriptor < 0 && errno == EINTR);
  const int error = errno;
  if (descriptor < 0) {
    if (error == EEXIST) return Unit{};
    if (error == ENOENT) {
      const std::string folder = std::filesystem::path(path).parent_path().string();
      return Error(Errc::io, "directory " + folder + " does not exist; create it first");
    }
    return Error(Errc::io, "cannot create: " + os_message(error));
  }
  const policy::UniqueFd file(descriptor);
  const int changed = ::fchmod(file.get(), file_mode);
  const int mode_error = errno;
  if (changed != 0) return Error(Errc::io, "cannot set mode 0640: " + os_message(mode_error));
  return Unit{};
}

Status check_regular_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR) return Error(Errc::not_found, "no store there yet");
    return Error(Errc::io, os_message(error));
  }
  if (!S_ISREG(status.st_mode)) return Error(Errc::syntax, "not a file, so not a tlsrpt store");
  return Unit{};
}

Status configure(SqliteDatabase& database, StoreAccess access,
                 std::chrono::milliseconds busy_timeout) {
  database.set_busy_timeout(busy_timeout);
  (void)sqlite3_limit(database.handle(), SQLITE_LIMIT_LENGTH, max_cell);
  (void)sqlite3_limit(database.handle(), SQLITE_LIMIT_SQL_LENGTH, max_sql);
  (void)sqlite3_limit(database.handle(), SQLITE_LIMIT_ATTACHED, 0);
  (void)sqlite3_db_config(database.handle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  Status done = database.execute(common_settings);
  if (!done.ok()) return done;
  if (access == StoreAccess::read_only) return database.execute("PRAGMA query_only = on");
  // Collector: position and counts fall back together on power loss. Reporter: what it says it has
  // sent stays sent.
  return database.execute(access == StoreAccess::collector ? "PRAGMA synchronous = NORMAL"
                                                           : "PRAGMA synchronous = FULL");
}

Status use_wal(SqliteDatabase& database) {
  Result<SqliteStatement> statement = database.prepare("PRAGMA journal_mode = WAL");
  if (!statement.ok()) return std::move(statement).error();
  const Result<bool> found = statement->step();
  if (!found.ok()) return found.error();
  SqliteRow row(*statement);
  if (row.text("journal_mode") == "wal") return Unit{};
  return Error(Errc::io, "the file system does not allow SQLite's WAL mode; use a local one");
}

Result<SqliteDatabase> open_for_writing(const std::string& path, StoreAccess access,
                                        std::chrono::milliseconds busy_timeout,
                                        std::function<void()> waiting) {
  Status created = create_file(path);
  if (created.ok()) created = check_regular_file(path);
  if (!created.ok()) return std::move(created).error();
  Result<SqliteDatabase> database =
      SqliteDatabase::open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX);
  if (!database.ok()) return database;
  database->tell_waiting(std::move(waiting));
  Status done = configure(*database, access, busy_timeout);
  if (!done.ok()) return std::move(done).error();
  // Looked at before anything is written: somebody else's database stays as it is.
  const Result<SqliteSchemaState> state = check_sqlite_schema(*database);
  if (!state.ok()) return state.error();
  done = use_wal(*database);
  if (!done.ok()) return std::move(done).error();
  if (*state != SqliteSchemaState::current) {
    done = create_sqlite_schema(*database);
    if (!done.ok()) return std::move(done).error();
  }
  return database;
}

// PATH as a "file:" URI.
std::string to_uri(const std::string& path) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string uri = "file:";
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '%' || c == '?' || c == '#') {
      uri += '%';
      uri += hex[byte >> 4U];
      uri += hex[byte & 15U];
    } else {
      uri += c;
    }
  }
  return uri;
}

Result<SqliteDatabase> open_reading(const std::string& path, bool immutable,
                                    std::chrono::milliseconds busy_timeout) {
  constexpr int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
  Result<SqliteDatabase> database =
      immutable ? SqliteDatabase::open(to_uri(path) + "?immutable=1", flags | SQLITE_OPEN_URI)
                : SqliteDatabase::open(path, flags);
  if (!database.ok()) return database;
  Status done = configure(*database, StoreAccess::read_only, busy_timeout);
  if (!done.ok()) return std::move(done).error();
  const Result<SqliteSchemaState> state = check_sqlite_schema(*database);
  if (!state.ok()) return state.error();
  if (*state == SqliteSchemaState::empty) return Error(Errc::not_found, "no store there yet");
  if (*state == SqliteSchemaState::older) {
    return Error(Errc::temporary,
                 "of an older version: tlsrpt-milter or the next flush brings it up to date");
  }
  return database;
}

// Whether a writer is at work or was killed: then the file alone is not the whole store.
bool has_log(const std::string& path) {
  struct stat status {};
  return ::stat((path + "-wal").c_str(), &status) == 0 && status.st_size > 0;
}

Result<SqliteDatabase> open_for_reading(const std::string& path,
                                        std::chrono::milliseconds busy_timeout) {
  Status there = check_regular_file(path);
  if (!there.ok()) return std::move(there).error();
  Result<SqliteDatabase> database = open_reading(path, false, busy_timeout);
  if (database.ok() || database.error().code() != Errc::io || has_log(path)) return database;
  // WAL mode wants to make its index beside the file, which a reader may not be allowed to.
  // Without a log there is nothing in that index: the file can be read as it is.
  Result<SqliteDatabase> as_it_is = open_reading(path, true, busy_timeout);
  return as_it_is.ok() ? std::move(as_it_is) : std::move(database);
}

}  // namespace

Result<SqliteDatabase> open_sqlite(const std::string& path, StoreAccess access,
                                   std::chrono::milliseconds busy_timeout,
                                   std::function<void()> waiting) {
  // An absolute path: ":memory:" and "file:" mean nothing special then.
  std::error_code failure;
  const std::string absolute = std::filesystem::absolute(path, failure).string();
  if (failure) return Error(Errc::io, path + ": " + failure.message());
  Result<SqliteDatabase> database =
      access == StoreAccess::read_only
          ? open_for_reading(absolute, busy_timeout)
          : open_for_writing(absolute, access, busy_timeout, std::move(waiting));
  if (!database.ok()) return std::move(database).error().context(path);
  return database;
}

bool tells_of_damage(const policy::Error& error) {
  const std::string_view text = error.message();
  const std::size_t at = text.rfind(" (");  // As sqlite_error() has the code.
  int code = 0;
  if (text.find("SQLite: ") == std::string_view::npos || at == std::string_view::npos ||
      std::from_chars(text.data() + at + 2, text.data() + text.size(), code).ec != std::errc())
    return false;
  return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

}  // namespace tlsrpt::reporter
