// RAII wrappers around SQLite's C interface: database, statement, transaction, row.
//
// Result codes become Errors: busy and locked are Errc::temporary; full, I/O errors, damage and
// missing rights Errc::io; "not a database" Errc::syntax; too big Errc::limit; everything else is a
// bug of ours, Errc::internal. A database and all that is made from it belong to one thread.
#pragma once

#include <sqlite3.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "policy/result.h"
#include "policy/utc_day.h"

namespace tlsrpt::reporter {

// The error that result code CODE (extended or not) with SQLite's MESSAGE stands for.
policy::Error sqlite_error(int code, std::string_view message);

// A prepared statement. Texts and blobs bound to it must live until it is reset; a bind that fails
// is remembered and reported by the next step().
class SqliteStatement {
 public:
  // REQUIRES: index is a parameter of the statement, counted from 1.
  SqliteStatement& bind(int index, std::int64_t value);
  SqliteStatement& bind(int index, std::string_view text);
  SqliteStatement& bind_blob(int index, std::string_view bytes);
  SqliteStatement& bind_null(int index);
  SqliteStatement& bind(int index, std::optional<std::int64_t> value);

  // Goes on to the next row: true where there is one, false at the end. After an error the
  // statement is reset.
  policy::Result<bool> step();
  // For statements without rows: runs, and resets.
  policy::Status run();
  // Ready to run again, with nothing bound.
  void reset();

  sqlite3_stmt* handle() const { return handle_.get(); }

 private:
  friend class SqliteDatabase;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
  };
  explicit SqliteStatement(sqlite3_stmt* handle) : handle_(handle) {}

  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
  int bind_problem_ = SQLITE_OK;
};

// A statement borrowed from the database's cache; reset when dropped, so that no read transaction
// stays open.
class SqliteUse {
 public:
  explicit SqliteUse(SqliteStatement* statement) : statement_(statement) {}

  SqliteStatement* operator->() const { return statement_.get(); }
  SqliteStatement& operator*() const { return *statement_; }

 private:
  struct Reset {
    void operator()(SqliteStatement* statement) const noexcept { statement->reset(); }
  };
  std::unique_ptr<SqliteStatement, Reset> statement_;
};

// Reads the columns of a statement's present row from left to right. Stored data is untrusted: the
// first column that breaks its type or range is remembered with its name, and every value read
// from there on is empty; ask check() before using any.
class SqliteRow {
 public:
  explicit SqliteRow(const SqliteStatement& statement) : statement_(statement.handle()) {}

  std::int64_t integer(std::string_view name,
                       std::int64_t least = std::numeric_limits<std::int64_t>::min(),
                       std::int64_t most = std::numeric_limits<std::int64_t>::max());
  std::optional<std::int64_t> integer_or_null(
      std::string_view name, std::int64_t least = std::numeric_limits<std::int64_t>::min(),
      std::int64_t most = std::numeric_limits<std::int64_t>::max());
  // Unix seconds, so near that adding hours to them does not overflow.
  policy::UtcSeconds instant(std::string_view name);
  std::optional<policy::UtcSeconds> instant_or_null(std::string_view name);
  // Text in well-formed UTF-8.
  std::string text(std::string_view name);
  std::optional<std::string> text_or_null(std::string_view name);
  // Text of any bytes: file names and host names as the system gave them.
  std::string any_text(std::string_view name);
  // Blob, any bytes.
  std::string blob(std::string_view name);

  // Reports a fault that the caller found in column NAME.
  void fault(std::string_view name, std::string_view what);
  // Whether no column has broken its rules up to now.
  bool is_good() const { return fault_.empty(); }
  // Errc::syntax "PLACE: damaged row: NAME ..." where a column broke its rules.
  policy::Status check(std::string_view place) const;

 private:
  int next(std::string_view name, int type);

  sqlite3_stmt* statement_;
  int column_ = 0;
  std::string fault_;
};

class SqliteDatabase {
 public:
  // FLAGS are SQLITE_OPEN_*. PATH may be a URI with SQLITE_OPEN_URI.
  static policy::Result<SqliteDatabase> open(const std::string& path, int flags);

  // Waits this long for another connection's lock before Errc::temporary.
  void set_busy_timeout(std::chrono::milliseconds timeout);
  // Once HURRY is set, locks are not waited for any longer than a moment in all. It outlives this.
  void hurry_on(const std::atomic<bool>& hurry);
  // Calls WAITING, which does not throw, again and again while it waits for a lock.
  void tell_waiting(std::function<void()> waiting);
  // Errc::not_found: the file, or its write-ahead log, is no longer where it was opened: SQLite
  // would go on in a deleted one, which nobody else sees. The database is of no use then, and is to
  // be closed. Errc::io: that cannot be told, such as behind a folder that was closed to us.
  policy::Status still_there();
  // Forgets the pages that were read where somebody has written into the file since the last call.
  // In WAL mode SQLite would believe in them for as long as nobody writes by it, however damaged,
  // or mended, the file is. REQUIRES: no transaction.
  void forget_stale_pages();
  // Where it was opened.
  std::string path() const;
  // Runs SQL without rows or parameters, several statements allowed.
  policy::Status execute(const std::string& sql);
  policy::Result<SqliteStatement> prepare(std::string_view sql);
  // The prepared statement of SQL, made at its first use. SQL must be a constant: its address is
  // the key. REQUIRES: the last use of it was dropped.
  policy::Result<SqliteUse> use(std::string_view sql);
  // The one integer that SQL yields.
  policy::Result<std::int64_t> integer(std::string_view sql);

  // Rows changed by the last INSERT, UPDATE or DELETE.
  std::int64_t changes() const { return sqlite3_changes64(handle_.get()); }
  std::int64_t last_insert_id() const { return sqlite3_last_insert_rowid(handle_.get()); }
  // While set, every transaction must be inside one that is already under way: after an error that
  // made SQLite roll everything back, none is begun on its own.
  void require_outer_transaction(bool required) { requires_outer_ = required; }
  bool requires_outer_transaction() const { return requires_outer_; }
  bool in_transaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }
  // Whether the last call met a disk that is full.
  bool met_full_disk() const { return sqlite3_errcode(handle_.get()) == SQLITE_FULL; }
  // After a full disk: the next transaction that succeeds empties the log, which gives its space
  // back, whatever size it had.
  void empty_log_later() { empties_log_ = true; }
  bool empties_log() const { return empties_log_; }
  // Writes all of the log to the file and cuts it to nothing, unless somebody reads just now.
  void empty_log();
  sqlite3* handle() const { return handle_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* database) const noexcept { sqlite3_close_v2(database); }
  };
  explicit SqliteDatabase(sqlite3* handle) : handle_(handle) {}
  bool has_moved();

  // How long another connection's lock is waited for. SQLite asks it again and again.
  struct Patience {
    std::chrono::milliseconds longest{0};
    const std::atomic<bool>* hurry = nullptr;
    std::function<void()> waiting;                  // May be empty.
    std::chrono::steady_clock::time_point begin{};  // Of this wait.
    std::optional<std::chrono::steady_clock::time_point> hurried_since;
  };
  static int wait_more(void* patience, int attempt);
  struct FileStamp {
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
    std::int64_t size = 0;
    friend bool operator==(const FileStamp&, const FileStamp&) = default;
  };

  std::unique_ptr<Patience> patience_ = std::make_unique<Patience>();  // SQLite knows its place.
  FileStamp stamp_;
  std::optional<std::pair<std::uint64_t, std::uint64_t>>
      log_;  // Device and inode, once it is there.
  std::unique_ptr<sqlite3, Close> handle_;
  // Statements go before the handle (members are destroyed in reverse order).
  std::unordered_map<const char*, SqliteStatement> statements_;
  bool requires_outer_ = false;
  bool empties_log_ = false;
};

// A transaction that takes the write lock at its start, so that it never fails half-way for a
// lock. Rolled back unless committed. Inside another one it is a savepoint: undone alone, committed
// with the outer one.
class SqliteTransaction {
 public:
  // Errc::temporary: another connection holds the write lock.
  static policy::Result<SqliteTransaction> begin(SqliteDatabase& database);
  // A read transaction: every query until its end sees one state.
  static policy::Result<SqliteTransaction> begin_read(SqliteDatabase& database);

  policy::Status commit();

 private:
  struct Rollback {
    bool nested = false;
    void operator()(SqliteDatabase* database) const noexcept;
  };
  static policy::Result<SqliteTransaction> begin_with(SqliteDatabase& database,
                                                      const char* statement);
  SqliteTransaction(SqliteDatabase* database, bool nested)
      : database_(database, Rollback{nested}) {}

  std::unique_ptr<SqliteDatabase, Rollback> database_;  // Not owned: "deleting" rolls back.
};

}  // namespace tlsrpt::reporter
