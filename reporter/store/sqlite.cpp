#include "reporter/store/sqlite.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "policy/text.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Result;
using policy::Status;
using policy::Unit;

// Some 35,000 years from 1970.
constexpr std::int64_t furthest_instant = std::int64_t{1} << 40;

// How long locks are waited for, all in all, by whoever is in a hurry: a clean stop takes less than
// a second.
constexpr std::chrono::milliseconds last_patience{300};

Errc to_errc(int code) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:  // Lost the race for a WAL lock too often.
    case SQLITE_INTERRUPT:
    case SQLITE_SCHEMA:
      return Errc::temporary;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_NOMEM:
    case SQLITE_NOLFS:
      return Errc::io;
    case SQLITE_NOTADB:
      return Errc::syntax;
    case SQLITE_TOOBIG:
      return Errc::limit;
    default:
      return Errc::internal;
  }
}

Error error_of(sqlite3* database, int code) { return sqlite_error(code, sqlite3_errmsg(database)); }

Error error_of(sqlite3_stmt* statement, int code) {
  return error_of(sqlite3_db_handle(statement), code);
}

}  // namespace

policy::Error sqlite_error(int code, std::string_view message) {
  std::string text = "SQLite: ";
  text += message;
  text += " (";
  text += std::to_string(code);
  text += ')';
  return {to_errc(code), std::move(text)};
}

SqliteStatement& SqliteStatement::bind(int index, std::int64_t value) {
  const int code = sqlite3_bind_int64(handle_.get(), index, value);
  if (code != SQLITE_OK) bind_problem_ = code;
  return *this;
}

SqliteStatement& SqliteStatement::bind(int index, std::string_view text) {
  // A null pointer would be bound as NULL, not as the empty text.
  const char* begin = text.empty() ? "" : text.data();
  const int code =
      sqlite3_bind_text64(handle_.get(), index, begin, text.size(), SQLITE_STATIC, SQLITE_UTF8);
  if (code != SQLITE_OK) bind_problem_ = code;
  return *this;
}

SqliteStatement& SqliteStatement::bind_blob(int index, std::string_view bytes) {
  const char* begin = bytes.empty() ? "" : bytes.data();
  const int code = sqlite3_bind_blob64(handle_.get(), index, begin, bytes.size(), SQLITE_STATIC);
  if (code != SQLITE_OK) bind_problem_ = code;
  return *this;
}

SqliteStatement& SqliteStatement::bind_null(int index) {
  const int code = sqlite3_bind_null(handle_.get(), index);
  if (code != SQLITE_OK) bind_problem_ = code;
  return *this;
}

SqliteStatement& SqliteStatement::bind(int index, std::optional<std::int64_t> value) {
  return value ? bind(index, *value) : bind_null(index);
}

Result<bool> SqliteStatement::step() {
  if (bind_problem_ != SQLITE_OK) {
    Error error = error_of(handle_.get(), bind_problem_);
    reset();
    return error;
  }
  const int code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  Error error = error_of(handle_.get(), code);
  reset();
  return error;
}

Status SqliteStatement::run() {
  const Result<bool> row = step();
  if (!row.ok()) return row.error();
  reset();
  return Unit{};
}

void SqliteStatement::reset() {
  (void)sqlite3_reset(handle_.get());  // Repeats the error that step() has already reported.
  (void)sqlite3_clear_bindings(handle_.get());
  bind_problem_ = SQLITE_OK;
}

int SqliteRow::next(std::string_view name, int type) {
  const int column = column_++;
  if (!fault_.empty()) return -1;
  if (sqlite3_column_type(statement_, column) == type) return column;
  fault(name, "has the wrong type");
  return -1;
}

std::int64_t SqliteRow::integer(std::string_view name, std::int64_t least, std::int64_t most) {
  const int column = next(name, SQLITE_INTEGER);
  if (column < 0) return 0;
  const std::int64_t value = sqlite3_column_int64(statement_, column);
  if (value >= least && value <= most) return value;
  fault(name, std::to_string(value) + " is out of range");
  return 0;
}

std::optional<std::int64_t> SqliteRow::integer_or_null(std::string_view name, std::int64_t least,
                                                       std::int64_t most) {
  if (sqlite3_column_type(statement_, column_) == SQLITE_NULL) {
    ++column_;
    return std::nullopt;
  }
  return integer(name, least, most);
}

policy::UtcSeconds SqliteRow::instant(std::string_view name) {
  return policy::from_unix_seconds(integer(name, -furthest_instant, furthest_instant));
}

std::optional<policy::UtcSeconds> SqliteRow::instant_or_null(std::string_view name) {
  const auto seconds = integer_or_null(name, -furthest_instant, furthest_instant);
  if (!seconds) return std::nullopt;
  return policy::from_unix_seconds(*seconds);
}

std::string SqliteRow::text(std::string_view name) {
  std::string value = any_text(name);
  if (policy::is_utf8(value)) return value;
  fault(name, "is not UTF-8");
  return "";
}

std::string SqliteRow::any_text(std::string_view name) {
  const int column = next(name, SQLITE_TEXT);
  if (column < 0) return "";
  const auto* begin = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  return {begin, static_cast<std::size_t>(size)};
}

std::optional<std::string> SqliteRow::text_or_null(std::string_view name) {
  if (sqlite3_column_type(statement_, column_) == SQLITE_NULL) {
    ++column_;
    return std::nullopt;
  }
  return text(name);
}

std::string SqliteRow::blob(std::string_view name) {
  const int column = next(name, SQLITE_BLOB);
  if (column < 0) return "";
  const auto* begin = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  // An empty blob is a null pointer.
  return size == 0 ? std::string() : std::string(begin, static_cast<std::size_t>(size));
}

void SqliteRow::fault(std::string_view name, std::string_view what) {
  if (!fault_.empty()) return;
  fault_ = name;
  fault_ += ' ';
  fault_ += what;
}

Status SqliteRow::check(std::string_view place) const {
  if (fault_.empty()) return Unit{};
  return Error(Errc::syntax, std::string(place) + ": damaged row: " + fault_);
}

Result<SqliteDatabase> SqliteDatabase::open(const std::string& path, int flags) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags | SQLITE_OPEN_EXRESCODE, nullptr);
  SqliteDatabase database(handle);  // Closed also after a failure.
  if (handle == nullptr) return sqlite_error(SQLITE_NOMEM, "out of memory");
  if (code != SQLITE_OK) return error_of(handle, code);
  return database;
}

Status SqliteDatabase::still_there() {
  if (!has_moved()) return Unit{};
  struct stat seen {};
  if (::stat(path().c_str(), &seen) != 0 && errno != ENOENT && errno != ENOTDIR) {
    const int problem = errno;
    return Error(Errc::io, path() + ": " + std::generic_category().message(problem));
  }
  return Error(Errc::not_found, "the store's file was removed or replaced");
}

bool SqliteDatabase::has_moved() {
  int moved = 0;
  const int code = sqlite3_file_control(handle_.get(), nullptr, SQLITE_FCNTL_HAS_MOVED, &moved);
  if (code == SQLITE_OK && moved != 0) return true;
  struct stat seen {};
  const bool is_there = ::stat((path() + "-wal").c_str(), &seen) == 0;
  if (is_there && !log_) log_.emplace(seen.st_dev, seen.st_ino);
  if (!log_ ||
      (is_there && *log_ == std::pair<std::uint64_t, std::uint64_t>(seen.st_dev, seen.st_ino)))
    return false;
  // What others have written meanwhile must not be written over.
  (void)sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  return true;
}

void SqliteDatabase::forget_stale_pages() {
  struct stat seen {};
  if (::stat(path().c_str(), &seen) != 0) return;
  const FileStamp now{seen.st_mtim.tv_sec, seen.st_mtim.tv_nsec, seen.st_size};
  if (now == stamp_) return;
  stamp_ = now;
  (void)sqlite3_db_release_memory(handle_.get());
}

std::string SqliteDatabase::path() const {
  const char* name = sqlite3_db_filename(handle_.get(), nullptr);
  return name == nullptr ? "" : name;
}

void SqliteDatabase::set_busy_timeout(std::chrono::milliseconds timeout) {
  patience_->longest = timeout;
  (void)sqlite3_busy_handler(handle_.get(), wait_more, patience_.get());
}

void SqliteDatabase::hurry_on(const std::atomic<bool>& hurry) { patience_->hurry = &hurry; }

void SqliteDatabase::tell_waiting(std::function<void()> waiting) {
  patience_->waiting = std::move(waiting);
}

// ATTEMPT: how often this lock was tried before. Whether it is tried again.
int SqliteDatabase::wait_more(void* patience, int attempt) {
  constexpr int longest_nap_ms = 25;
  auto& own = *static_cast<Patience*>(patience);
  const auto now = std::chrono::steady_clock::now();
  if (attempt == 0) own.begin = now;
  if (own.hurry != nullptr && *own.hurry) {
    if (!own.hurried_since) own.hurried_since = now;
    if (now - *own.hurried_since >= last_patience) return 0;
  }
  if (now - own.begin >= own.longest) return 0;
  if (own.waiting) own.waiting();
  (void)sqlite3_sleep(std::min(attempt + 1, longest_nap_ms));
  return 1;
}

Status SqliteDatabase::execute(const std::string& sql) {
  const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return error_of(handle_.get(), code);
  return Unit{};
}

Result<SqliteStatement> SqliteDatabase::prepare(std::string_view sql) {
  sqlite3_stmt* handle = nullptr;
  const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &handle, nullptr);
  if (code != SQLITE_OK) return error_of(handle_.get(), code);
  return SqliteStatement(handle);
}

Result<SqliteUse> SqliteDatabase::use(std::string_view sql) {
  auto found = statements_.find(sql.data());
  if (found == statements_.end()) {
    Result<SqliteStatement> made = prepare(sql);
    if (!made.ok()) return std::move(made).error();
    found = statements_.emplace(sql.data(), std::move(*made)).first;
  }
  return SqliteUse(&found->second);
}

Result<std::int64_t> SqliteDatabase::integer(std::string_view sql) {
  Result<SqliteUse> query = use(sql);
  if (!query.ok()) return std::move(query).error();
  const Result<bool> found = (*query)->step();
  if (!found.ok()) return found.error();
  if (!*found) return Error(Errc::internal, "SQLite: no row from: " + std::string(sql));
  SqliteRow row(**query);
  const std::int64_t value = row.integer("value");
  const Status good = row.check(sql);
  if (!good.ok()) return good.error();
  return value;
}

void SqliteDatabase::empty_log() {
  empties_log_ = false;
  (void)sqlite3_wal_checkpoint_v2(handle_.get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr,
                                  nullptr);
}

void SqliteTransaction::Rollback::operator()(SqliteDatabase* database) const noexcept {
  if (database->met_full_disk()) database->empty_log_later();
  // After some errors (disk full) SQLite has rolled back everything by itself.
  if (!database->in_transaction()) return;
  const char* undo =
      nested ? "ROLLBACK TO inner_transaction; RELEASE inner_transaction" : "ROLLBACK";
  (void)sqlite3_exec(database->handle(), undo, nullptr, nullptr, nullptr);
}

Result<SqliteTransaction> SqliteTransaction::begin(SqliteDatabase& database) {
  return begin_with(database, "BEGIN IMMEDIATE");
}

Result<SqliteTransaction> SqliteTransaction::begin_read(SqliteDatabase& database) {
  return begin_with(database, "BEGIN");
}

Result<SqliteTransaction> SqliteTransaction::begin_with(SqliteDatabase& database,
                                                        const char* statement) {
  const bool nested = database.in_transaction();
  if (!nested && database.requires_outer_transaction()) {
    return Error(Errc::io, "SQLite: the transaction was rolled back after an earlier error");
  }
  Status begun = database.execute(nested ? "SAVEPOINT inner_transaction" : statement);
  if (!begun.ok()) return std::move(begun).error();
  return SqliteTransaction(&database, nested);
}

Status SqliteTransaction::commit() {
  const bool nested = database_.get_deleter().nested;
  Status done = database_->execute(nested ? "RELEASE inner_transaction" : "COMMIT");
  if (!done.ok()) return done;
  SqliteDatabase* database = database_.release();
  if (!nested && database->empties_log()) database->empty_log();
  return done;
}

}  // namespace tlsrpt::reporter
