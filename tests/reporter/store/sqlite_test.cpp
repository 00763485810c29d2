#include "reporter/store/sqlite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <stdexcept>
#include <utility>
#include <vector>

#include "tests/support/temp_dir.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Sqlite : public ::testing::Test {
 protected:
  SqliteDatabase open() const {
    auto database = SqliteDatabase::open(
        folder_.file("d"), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX);
    if (!database.ok()) throw std::runtime_error(database.error().message());
    return *std::move(database);
  }
  const testing_support::TempDir& folder() const { return folder_; }

 private:
  testing_support::TempDir folder_;
};

TEST_F(Sqlite, ResultCodesSayWhatTheCallerMayDo) {
  const std::vector<std::pair<int, Errc>> table{{SQLITE_BUSY, Errc::temporary},
                                                {SQLITE_BUSY_SNAPSHOT, Errc::temporary},
                                                {SQLITE_LOCKED, Errc::temporary},
                                                {SQLITE_PROTOCOL, Errc::temporary},
                                                {SQLITE_FULL, Errc::io},
                                                {SQLITE_IOERR_WRITE, Errc::io},
                                                {SQLITE_CORRUPT, Errc::io},
                                                {SQLITE_CORRUPT_INDEX, Errc::io},
                                                {SQLITE_CANTOPEN, Errc::io},
                                                {SQLITE_READONLY_DIRECTORY, Errc::io},
                                                {SQLITE_NOTADB, Errc::syntax},
                                                {SQLITE_TOOBIG, Errc::limit},
                                                {SQLITE_CONSTRAINT, Errc::internal},
                                                {SQLITE_MISUSE, Errc::internal},
                                                {SQLITE_ERROR, Errc::internal}};
  for (const auto& [code, errc] : table) EXPECT_EQ(sqlite_error(code, "x").code(), errc) << code;
  EXPECT_EQ(sqlite_error(SQLITE_FULL, "disk full").message(), "SQLite: disk full (13)");
}

TEST_F(Sqlite, ValuesComeBackAsTheyWereBound) {
  SqliteDatabase database = open();
  auto query = database.prepare("SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8");
  ASSERT_TRUE(query.ok()) << query.error().message();
  const std::string blob("\0\xff", 2);
  query->bind(1, std::int64_t{-5}).bind(2, std::string_view("text")).bind_blob(3, blob);
  query->bind(4, std::string_view()).bind_blob(5, "").bind_null(6);
  query->bind(7, std::optional<std::int64_t>(9)).bind(8, std::optional<std::int64_t>());
  ASSERT_TRUE(*query->step());
  SqliteRow row(*query);
  EXPECT_EQ(row.integer("a"), -5);
  EXPECT_EQ(row.text("b"), "text");
  EXPECT_EQ(row.blob("c"), blob);
  EXPECT_EQ(row.text("d"), "");
  EXPECT_EQ(row.blob("e"), "");
  EXPECT_FALSE(row.integer_or_null("f").has_value());
  EXPECT_EQ(row.integer_or_null("g"), 9);
  EXPECT_FALSE(row.text_or_null("h").has_value());
  EXPECT_TRUE(row.check("place").ok());
  EXPECT_FALSE(*query->step());
}

TEST_F(Sqlite, ABindThatFailsIsReportedByTheNextStep) {
  SqliteDatabase database = open();
  auto query = database.prepare("SELECT ?1");
  query->bind(2, std::int64_t{1});
  EXPECT_FALSE(query->step().ok());
  // And forgotten with the reset.
  query->bind(1, std::int64_t{1});
  EXPECT_TRUE(*query->step());
}

TEST_F(Sqlite, TheFirstFaultOfARowIsToldWithItsPlace) {
  SqliteDatabase database = open();
  const auto fault = [&](std::string_view sql, const auto& read) {
    auto query = database.prepare(sql);
    EXPECT_TRUE(query.ok() && *query->step());
    SqliteRow row(*query);
    read(row);
    const auto status = row.check("facts of a.example");
    EXPECT_EQ(status.ok() ? Errc::internal : status.error().code(), Errc::syntax);
    return status.ok() ? "ok" : status.error().message();
  };
  EXPECT_EQ(fault("SELECT 'x', 'y'",
                  [](SqliteRow& row) {
                    EXPECT_EQ(row.integer("count"), 0);
                    EXPECT_EQ(row.text("name"), "");
                  }),
            "facts of a.example: damaged row: count has the wrong type");
  EXPECT_EQ(fault("SELECT 12", [](SqliteRow& row) { row.integer("outcome", 0, 11); }),
            "facts of a.example: damaged row: outcome 12 is out of range");
  EXPECT_EQ(fault("SELECT -1", [](SqliteRow& row) { row.integer("count", 0); }),
            "facts of a.example: damaged row: count -1 is out of range");
  EXPECT_EQ(fault("SELECT NULL", [](SqliteRow& row) { row.text("helo"); }),
            "facts of a.example: damaged row: helo has the wrong type");
  EXPECT_EQ(fault("SELECT CAST(x'ff' AS TEXT)", [](SqliteRow& row) { row.text("helo"); }),
            "facts of a.example: damaged row: helo is not UTF-8");
  EXPECT_EQ(fault("SELECT 1.5", [](SqliteRow& row) { row.integer_or_null("at"); }),
            "facts of a.example: damaged row: at has the wrong type");
  EXPECT_EQ(fault("SELECT 'x'", [](SqliteRow& row) { row.blob("json"); }),
            "facts of a.example: damaged row: json has the wrong type");
  EXPECT_EQ(fault("SELECT 1",
                  [](SqliteRow& row) {
                    row.integer("a");
                    row.fault("a", "is odd");
                    row.fault("b", "is not told");
                  }),
            "facts of a.example: damaged row: a is odd");
}

TEST_F(Sqlite, AnyTextMayHoldAnyBytes) {
  SqliteDatabase database = open();
  auto query = database.prepare("SELECT CAST(x'ff00fe' AS TEXT)");
  ASSERT_TRUE(*query->step());
  SqliteRow row(*query);
  EXPECT_EQ(row.any_text("source"), std::string("\xff\0\xfe", 3));
}

TEST_F(Sqlite, WrongSqlIsABugOfOurs) {
  SqliteDatabase database = open();
  EXPECT_EQ(database.prepare("SELECT nothing FROM nowhere").error().code(), Errc::internal);
  EXPECT_EQ(database.execute("NO SUCH").error().code(), Errc::internal);
  EXPECT_EQ(database.use("SELECT broken FROM").error().code(), Errc::internal);
  EXPECT_EQ(database.integer("SELECT 1 WHERE 0").error().code(), Errc::internal);
  EXPECT_EQ(database.integer("SELECT 'x'").error().code(), Errc::syntax);
}

TEST_F(Sqlite, ATransactionThatIsNotCommittedIsUndone) {
  SqliteDatabase database = open();
  ASSERT_TRUE(database.execute("CREATE TABLE t (x INTEGER)").ok());
  {
    auto transaction = SqliteTransaction::begin(database);
    ASSERT_TRUE(transaction.ok());
    ASSERT_TRUE(database.execute("INSERT INTO t VALUES (1)").ok());
  }
  EXPECT_EQ(*database.integer("SELECT count(*) FROM t"), 0);
  {
    auto transaction = SqliteTransaction::begin(database);
    ASSERT_TRUE(database.execute("INSERT INTO t VALUES (1)").ok());
    EXPECT_EQ(database.changes(), 1);
    ASSERT_TRUE(transaction->commit().ok());
  }
  EXPECT_FALSE(database.in_transaction());
  EXPECT_EQ(*database.integer("SELECT count(*) AS again FROM t"), 1);
}

TEST_F(Sqlite, AnInnerTransactionIsUndoneAlone) {
  SqliteDatabase database = open();
  ASSERT_TRUE(database.execute("CREATE TABLE t (x INTEGER)").ok());
  auto outer = SqliteTransaction::begin(database);
  ASSERT_TRUE(outer.ok());
  ASSERT_TRUE(database.execute("INSERT INTO t VALUES (1)").ok());
  {
    const auto inner = SqliteTransaction::begin(database);
    ASSERT_TRUE(inner.ok());
    ASSERT_TRUE(database.execute("INSERT INTO t VALUES (2)").ok());
  }
  {
    auto inner = SqliteTransaction::begin(database);
    ASSERT_TRUE(database.execute("INSERT INTO t VALUES (3)").ok());
    ASSERT_TRUE(inner->commit().ok());
  }
  ASSERT_TRUE(outer->commit().ok());
  EXPECT_EQ(*database.integer("SELECT sum(x) FROM t"), 4);
}

TEST_F(Sqlite, WithoutItsOuterTransactionNoneIsBegun) {
  SqliteDatabase database = open();
  database.require_outer_transaction(true);
  EXPECT_EQ(SqliteTransaction::begin(database).error().code(), Errc::io);
  database.require_outer_transaction(false);
  EXPECT_TRUE(SqliteTransaction::begin(database).ok());
}

TEST_F(Sqlite, AnotherWritersLockIsTemporary) {
  SqliteDatabase first = open();
  SqliteDatabase second = open();
  second.set_busy_timeout(std::chrono::milliseconds(1));
  const auto held = SqliteTransaction::begin(first);
  ASSERT_TRUE(held.ok());
  const auto refused = SqliteTransaction::begin(second);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Errc::temporary);
  EXPECT_THAT(refused.error().message(), StartsWith("SQLite: database is locked"));
}

TEST_F(Sqlite, AfterAFullDiskTheLogGivesItsSpaceBack) {
  SqliteDatabase database = open();
  ASSERT_TRUE(database.execute("PRAGMA journal_mode = WAL; CREATE TABLE t (x)").ok());
  const auto insert = [&database]() -> policy::Status {
    auto transaction = SqliteTransaction::begin(database);
    EXPECT_TRUE(transaction.ok());
    policy::Status done = database.execute("INSERT INTO t VALUES (zeroblob(100000))");
    return done.ok() ? transaction->commit() : std::move(done);
  };
  const auto log_size = [this] { return std::filesystem::file_size(folder().file("d-wal")); };
  ASSERT_TRUE(insert().ok());
  EXPECT_GT(log_size(), 100'000U);
  ASSERT_TRUE(database.execute("PRAGMA max_page_count = 30").ok());
  EXPECT_EQ(insert().error().code(), Errc::io);
  EXPECT_GT(log_size(), 100'000U);
  ASSERT_TRUE(database.execute("PRAGMA max_page_count = 3000").ok());
  ASSERT_TRUE(insert().ok());
  EXPECT_EQ(log_size(), 0U);
  ASSERT_TRUE(insert().ok());
  EXPECT_GT(log_size(), 100'000U) << "once only";
  EXPECT_EQ(*database.integer("SELECT count(*) FROM t"), 3);
}

TEST_F(Sqlite, AUsedStatementIsResetWhenDropped) {
  SqliteDatabase database = open();
  ASSERT_TRUE(database.execute("CREATE TABLE t (x INTEGER); INSERT INTO t VALUES (1), (2)").ok());
  constexpr std::string_view sql = "SELECT x FROM t ORDER BY x";
  for (int i = 0; i < 2; ++i) {
    const auto query = database.use(sql);
    ASSERT_TRUE(*(*query)->step());
    SqliteRow row(**query);
    EXPECT_EQ(row.integer("x"), 1);
  }
  // No reader is left open: the table can go.
  EXPECT_TRUE(database.execute("DROP TABLE t").ok());
}

TEST_F(Sqlite, AMissingFileIsAnIoError) {
  const auto database = SqliteDatabase::open(folder().file("none"), SQLITE_OPEN_READONLY);
  ASSERT_FALSE(database.ok());
  EXPECT_EQ(database.error().code(), Errc::io);
  EXPECT_THAT(database.error().message(), HasSubstr("unable to open database file"));
}

}  // namespace
}  // namespace tlsrpt::reporter
